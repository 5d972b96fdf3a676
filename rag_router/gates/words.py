"""What a gate reads that a model does not show, and which gates can do with words alone.

A model behind an endpoint answers, and answers again at random, and says yes or no when it is
asked about itself; nothing else of it is seen. Of gates that read its answers, only those that
say so (`by_words = True`) go by the words; others go by the probabilities of their tokens.
"""

from __future__ import annotations

from typing import Final

from rag_router.gates.base import Gate, signals_of
from rag_router.models.base import Ability
from rag_router.signals.base import requirements
from rag_router.signals.closed_book_answer import ClosedBookAnswer
from rag_router.signals.meanings import SampledMeanings
from rag_router.signals.sampled_answers import SampledAnswers
from rag_router.signals.self_judgement import AskedAfter, AskedBefore

__all__ = ["SPOKEN", "not_shown"]

SPOKEN: Final[frozenset[type]] = frozenset(
    {AskedAfter, AskedBefore, ClosedBookAnswer, SampledAnswers, SampledMeanings}
)
"""Signals that can be had of a model that only talks."""


def not_shown(gate: Gate, shown: frozenset[Ability]) -> frozenset[Ability]:
    """Return what a gate reads of the judged model that it does not show.

    Args:
        gate: As it was built, or fitted.
        shown: What the model shows; nothing, where it only talks.
    """
    signals = signals_of(gate)
    if getattr(gate, "by_words", False):
        signals = tuple(one for one in signals if type(one) not in SPOKEN)
    return requirements(signals).abilities - shown
