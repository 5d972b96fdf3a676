"""How well a system declines what cannot be answered, and answers what can.

F1_abs takes declining as the positive class, as SelfAware does (Yin et al. 2023, arXiv
2305.18153); F1_ans takes answering rightly as the positive one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router.eval.metrics.columns import flags, same_length

__all__ = ["abstention_figures"]


def abstention_figures(
    answerable: ArrayLike, declined: ArrayLike, right: ArrayLike
) -> dict[str, float]:
    """Return "f1_ans", "f1_abs" and "over_refusal", each where it exists.

    "f1_ans": precision is the share of right ones among the answers given, recall their share
    among answerable questions. "f1_abs": precision is the share of unanswerable ones among the
    declined, recall the share of declined ones among the unanswerable. "over_refusal": share of
    answerable questions that were declined.

    Args:
        answerable: Whether there is an answer, shape (n,).
        declined: Whether none was given, shape (n,).
        right: Whether the answer given is right, shape (n,); what is declined or has no answer
            never is.

    Raises:
        DataError: unequal lengths, nothing, or something neither true nor false.
    """
    can, none = flags("answerable", answerable), flags("declined", declined)
    correct = flags("right", right)
    same_length(answerable=can, declined=none, right=correct)
    found: dict[str, float] = {}
    if can.any():
        found["f1_ans"] = _f1(correct & ~none & can, ~none, can)
        found["over_refusal"] = float(none[can].mean())
    if not can.all():
        found["f1_abs"] = _f1(none & ~can, none, ~can)
    return found


def _f1(hit: NDArray[np.bool_], said: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    # 2 P R / (P + R) with P = hit / said and R = hit / true.
    return float(2 * hit.sum() / (said.sum() + true.sum()))
