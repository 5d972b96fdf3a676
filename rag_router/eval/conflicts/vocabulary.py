"""Words that say what kind of thing a name or a question is about; English only.

They stand in `vocabulary.json`: what ends the names of places, groups and works, what stands in
front of and inside people's names, and which nouns of a question ask for which type.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

__all__ = ["words"]


@cache
def words(kind: str) -> frozenset[str]:
    """Return a list of words in lower case, such as "titles" or "person_nouns"."""
    return frozenset(" ".join(_lists()[kind]).split())


@cache
def _lists() -> dict[str, list[str]]:
    path = Path(__file__).with_name("vocabulary.json")
    lists: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return lists
