"""The passage that a question was asked about, where its set gives the text without an id."""

from __future__ import annotations

from rag_router.artefacts import fingerprint_of
from rag_router.types import Passage

__all__ = ["supporting_passage"]


def supporting_passage(title: str, text: str, *, is_gold: bool) -> Passage:
    """Make a passage whose id is a hash of its title and text, the same in every set.

    Args:
        title: May be empty.
        text: The passage.
        is_gold: Whether it holds the answer.
    """
    return Passage(
        id=f"p{fingerprint_of(title, text)[:16]}",
        title=title,
        text=text,
        meta={"is_gold": is_gold},
    )
