"""Which of the three cases an answer is, where the accepted answers are known.

KALMV's order: being right wins. An answer that is right although no passage holds it is well; of
those that are wrong, it is the passages' fault where none holds an accepted answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag_router.scoring import alias_match, holds_answer
from rag_router.types import Passage
from rag_router.verify.base import Label

__all__ = ["label_of"]


def label_of(answer: str, accepted: Sequence[str], passages: Sequence[Passage]) -> Label:
    """Tell the cases apart.

    Args:
        answer: What was answered.
        accepted: Accepted answers; where there are none, nothing can be right.
        passages: What was read.
    """
    if alias_match(answer, accepted):
        return "grounded"
    if any(holds_answer(f"{one.title} {one.text}", accepted) for one in passages):
        return "not_grounded"
    return "retrieval_error"
