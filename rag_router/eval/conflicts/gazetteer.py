"""Common given names and well-known places, for guessing what an answer names.

They stand in `gazetteer.json`, were written from general knowledge and are far from complete: a
name that is missing costs a row, a name that is wrong spoils one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rag_router.scoring import normalise

__all__ = ["Gazetteer", "gazetteer"]


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """Names, normalised as `scoring.normalise` does.

    Attributes:
        given_names: Given names of people, one word each.
        peoples: Peoples, languages and creeds in the singular, one word each.
        places: Countries, provinces, cities, continents and other parts of the earth.
    """

    given_names: frozenset[str]
    peoples: frozenset[str]
    places: frozenset[str]

    def is_given_name(self, word: str) -> bool:
        """Whether a word is a common given name, or two of them joined by a hyphen."""
        return all(normalise(part) in self.given_names for part in word.split("-"))

    def is_people(self, word: str) -> bool:
        """Whether a word names a people, language or creed; "Romans" as well as "Roman"."""
        bare = normalise(word)
        return bare in self.peoples or bare.removesuffix("s") in self.peoples

    def is_place(self, text: str) -> bool:
        """Whether the whole text is a known place; "the" in front does not matter."""
        return normalise(text) in self.places


@cache
def gazetteer() -> Gazetteer:
    """Return the names that come with the package, read once."""
    lists = json.loads(Path(__file__).with_name("gazetteer.json").read_text(encoding="utf-8"))
    names = {kind: frozenset(map(normalise, entries)) for kind, entries in lists.items()}
    given, peoples = names.pop("given_names"), names.pop("peoples")
    return Gazetteer(given_names=given, peoples=peoples, places=frozenset().union(*names.values()))
