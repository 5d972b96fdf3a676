"""What a gate saves: accuracy against how often something is looked up.

Every threshold on `p_know` is a policy that looks up the questions below it. The ends of the curve
are never and always looking up.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from rag_router.errors import DataError
from rag_router.eval.metrics.switching import ROUNDING, SwitchCurve, switch_curve

__all__ = ["retrieval_curve", "retrievals_saved"]


def retrieval_curve(
    p_know: ArrayLike, right_without: ArrayLike, right_with: ArrayLike
) -> SwitchCurve:
    """Accuracy at every retrieval rate, the least known questions looked up first.

    Args:
        p_know: Higher means the model rather knows by itself, shape (n,).
        right_without: How right the closed-book answer is, in [0, 1], shape (n,).
        right_with: How right the answer with passages is, in [0, 1], shape (n,).

    Raises:
        DataError: unequal lengths, nothing, or numbers out of range.
    """
    return switch_curve(p_know, right_without, right_with)


def retrievals_saved(curve: SwitchCurve, *, tolerance: float = 0.0) -> float:
    """Largest share of questions not looked up at no loss against always looking up.

    Only real thresholds count, not the policies between them.

    Args:
        curve: From `retrieval_curve`.
        tolerance: Accuracy that may be lost, >= 0; 0.01 is one answer in a hundred.

    Raises:
        DataError: the tolerance is negative.
    """
    if not tolerance >= 0:
        raise DataError(f"the tolerance is {tolerance}.", hint="Use 0 or a little more.")
    always = curve.accuracies[-1]
    enough = curve.accuracies >= always - tolerance - ROUNDING
    return float(1 - curve.shares[enough].min())
