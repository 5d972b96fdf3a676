"""The pages that an answer's passages were cut from, kept for KILT's scorer.

An answer's JSON names passages; KILT (Petroni et al. 2021, arXiv 2009.02252) scores the pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rag_router.types import Answer, Passage

__all__ = ["pages_of", "with_pages", "without_pages"]

_PAGES: Final = "_pages"


def with_pages(answer: Answer) -> dict[str, Any]:
    """Return an answer's JSON, with the pages of its passages where they are called otherwise."""
    said = answer.to_json()
    pages = [_page(judged.hit.passage) for judged in answer.evidence.judged]
    if pages != [one["id"] for one in said["passages"]]:
        said[_PAGES] = pages
    return said


def without_pages(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return the documented JSON alone."""
    return {name: value for name, value in line.items() if name != _PAGES}


def pages_of(line: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the pages in the order in which they were found, each once."""
    passages = line.get("passages", [])
    names = line.get(_PAGES) or [one["id"] for one in passages]
    titles: dict[str, str] = {}
    for name, one in zip(names, passages, strict=True):
        titles.setdefault(name, one["title"])
    return [{"wikipedia_id": name, "title": title} for name, title in titles.items()]


def _page(passage: Passage) -> str:
    return str(passage.meta.get("wikipedia_id") or passage.document_id or passage.id)
