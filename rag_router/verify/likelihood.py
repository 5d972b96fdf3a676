"""Verify an answer by the generator's own likelihood of it, with and without its passages.

The three cases and the loop are KALMV's (Baek et al. 2023, arXiv 2310.12836), whose verifier is a
fine-tuned model of its own. This one asks the model that answered (see `ratios.py`), and is fitted
as two logistic heads: P(well), and P(the passages hold the answer) where it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.artefacts import Artefact, Card
from rag_router.calibration import Platt
from rag_router.component import STRICT
from rag_router.signals.base import Requirements
from rag_router.verify.base import Claim, Judgement, Label, VerifyContext
from rag_router.verify.ratios import Ratios, read_ratios

__all__ = ["LikelihoodVerifier"]

_PENALTY = 1e-2

Curve = tuple[float, ...]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LikelihoodVerifier:
    """Accept an answer that its passages make likelier to the generator.

    Costs two readings of the answer. Until it is fitted it goes by a rule: an answer is grounded
    if it stands in a passage and loses `min_drop` without its sentence; the passages are at fault
    if the answer gains less than `min_rise` by them.

    Args:
        min_grounded: Accept an answer from this P(grounded) on, in [0, 1], once it is fitted.
        min_drop: Nats a token, >= 0.
        min_rise: Nats a token.
        grounded: Slopes and intercept of P(well); empty until fitted.
        holding: Those of P(the passages hold the answer | not well); empty until fitted.
    """

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    min_grounded: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    min_drop: Annotated[float, Field(ge=0.0)] = 0.5
    min_rise: float = 0.5
    grounded: Curve = ()
    holding: Curve = ()

    asks: ClassVar[str] = "reads the answer without its sentences, and without passages"

    @property
    def fitted(self) -> bool:
        return bool(self.grounded)

    def judge(self, claims: Sequence[Claim], context: VerifyContext) -> list[Judgement]:
        """Judge each claim by what its passages do for it."""
        found = read_ratios(claims, context) if claims else []
        judge = self._learned if self.fitted else self._by_rule
        return [judge(ratios) for ratios in found]

    def fit(self, ratios: Sequence[Ratios], labels: Sequence[Label]) -> LikelihoodVerifier:
        """Return it with heads fitted to claims whose label is known.

        Raises:
            DataError: one of the three labels is not among them.
        """
        rows = _rows(ratios)
        well = np.array([label == "grounded" for label in labels])
        held = np.array([label == "not_grounded" for label in labels])[~well]
        first = Platt.fit(rows, well, penalty=_PENALTY)
        second = Platt.fit(rows[~well], held, penalty=_PENALTY)
        return replace(
            self,
            grounded=(*first.slopes, first.intercept),
            holding=(*second.slopes, second.intercept),
        )

    def probabilities(self, ratios: Sequence[Ratios]) -> NDArray[np.float64]:
        """P(retrieval error), P(not grounded) and P(grounded), shape (n, 3).

        Raises:
            ValueError: nothing was learned yet.
        """
        if not self.fitted:
            raise ValueError("nothing was learned yet.")
        rows = _rows(ratios)
        well, held = (_curve(c)(rows) for c in (self.grounded, self.holding))
        return np.column_stack([(1 - well) * (1 - held), (1 - well) * held, well])

    def to_artefact(self, card: Card) -> Artefact:
        """Put what was learned beside its card."""
        weights = {"grounded": np.asarray(self.grounded), "holding": np.asarray(self.holding)}
        return Artefact(card=card, weights=weights)

    def with_artefact(self, artefact: Artefact) -> LikelihoodVerifier:
        """Return it as it was fitted.

        Raises:
            KeyError: the artefact lacks something.
        """
        curves: dict[str, Any] = {
            name: tuple(float(v) for v in artefact.weights[name])
            for name in ("grounded", "holding")
        }
        return replace(self, **curves)

    def _learned(self, ratios: Ratios) -> Judgement:
        wrong_passages, wrong_answer, well = self.probabilities([ratios])[0].tolist()
        why = f"P(grounded) {well:.2f}, P(retrieval error) {wrong_passages:.2f}"
        if well >= self.min_grounded:
            return Judgement(label="grounded", grounded=well, why=why)
        label: Label = "not_grounded" if wrong_answer > wrong_passages else "retrieval_error"
        return Judgement(label=label, grounded=well, why=why)

    def _by_rule(self, ratios: Ratios) -> Judgement:
        why = f"rise {ratios.rise:.2f}, drop {ratios.drop:.2f} nats a token"
        # Only ranks: what stands comes before what does not, and then what drops most.
        rank = float(ratios.stands) / 2 + 0.5 / (1 + np.exp(-ratios.drop)) / 2
        label: Label = "not_grounded" if ratios.rise >= self.min_rise else "retrieval_error"
        if ratios.stands and ratios.drop >= self.min_drop:
            label = "grounded"
        return Judgement(label=label, grounded=float(rank), why=why)


def _rows(ratios: Sequence[Ratios]) -> NDArray[np.float64]:
    return np.array([one.row for one in ratios]).reshape(len(ratios), -1)


def _curve(learned: Curve) -> Platt:
    return Platt(learned[:-1], learned[-1])
