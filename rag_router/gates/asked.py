"""What gates share that ask the model about itself and read which of two replies it leans to.

A logistic curve over the leaning's log-odds (Platt 1999, "Probabilistic outputs for support vector
machines") makes it a probability; it holds for the wording it was fitted under, and for no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.artefacts import Artefact
from rag_router.calibration import logit
from rag_router.component import STRICT
from rag_router.errors import ArtefactError
from rag_router.gates.scored import ScoredGate
from rag_router.models.prompts import Inquiry
from rag_router.signals.leaning import Leaning
from rag_router.signals.refusals import is_refusal

__all__ = ["AskedGate", "for_answers", "laid_out"]

_EDGE: Final = 1e-3
"""Replies surer than one in a thousand count as that, so that a few cannot bend the curve."""

_KEPT_AS: Final = "inquiry"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AskedGate(ScoredGate):
    """A logistic curve over a leaning. Subclasses say what is asked and what speaks for knowing.

    The first figure is how far the reply speaks for knowing, in [0, 1]; the second how probable
    it is that the model replies in one of the two ways at all.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        curve: A slope for each score and, last, the intercept; empty until fitted.
    """

    @property
    def inquiry(self) -> Inquiry:
        """What is asked."""
        raise NotImplementedError

    @property
    def names(self) -> tuple[str, ...]:
        return ("leaning", "heard")

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return logit(np.clip(features[:, :1], _EDGE, 1 - _EDGE))

    def bare(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return features[:, 0]

    @property
    def options(self) -> dict[str, Any]:
        return {**super().options, _KEPT_AS: self.inquiry.fingerprint}

    def with_artefact(self, artefact: Artefact) -> Self:
        """Return this gate as it was fitted; a threshold that was set by hand stays.

        Raises:
            ArtefactError: it was fitted under another wording of what is asked.
        """
        fitted = super().with_artefact(artefact)
        wording, seen = fitted.inquiry.fingerprint, str(artefact.card.notes.get(_KEPT_AS, ""))
        if seen != wording:
            raise ArtefactError(
                f"{artefact.card.method} was fitted under the wording {seen[:12] or 'unknown'}, "
                f"but the model is asked in the wording {wording[:12]} now.",
                hint="Fit it again.",
            )
        return fitted


def laid_out(pairs: Iterable[tuple[float, float]]) -> NDArray[np.float64]:
    """Lay out leanings and how probable it is that they are heard, shape (questions, 2)."""
    return np.array(list(pairs), dtype=np.float64).reshape(-1, 2)


def for_answers(answers: Sequence[str], leanings: Sequence[Leaning]) -> NDArray[np.float64]:
    """Lay out how far each reply speaks for an answer; nothing speaks for one that says nothing."""
    return laid_out(
        (0.0 if is_refusal(answer) else leaning.yes, leaning.heard)
        for answer, leaning in zip(answers, leanings, strict=True)
    )
