"""Verify an answer by a model of natural language inference.

Each passage is a premise and "question answer" the hypothesis, as Yoran et al. 2024 put it (arXiv
2310.01558). KALMV's three cases (Baek et al. 2023, arXiv 2310.12836) are read off the relations: a
passage that implies the answer is enough; one that rules it out speaks of the matter, and says
something else; where all are beside the point, the wrong ones were retrieved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.filters.equipment import Find
from rag_router.models.entailment import Entailment, EntailmentModel, load_entailment_model
from rag_router.verify.base import Claim, Judgement, Label, VerifyContext

__all__ = ["EntailmentVerifier"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EntailmentVerifier:
    """Accept an answer that a passage implies, by a model of inference.

    Costs no step of the generator. Without the model every answer is accepted, and says so.

    Args:
        model: The model of inference: `hf:org/name`, which `rag-router models fetch` gets, or
            `path:/folder`. It is never fetched by itself.
        judge_model: The same, loaded; set by whoever assembles.
        min_entailment: Accept an answer from this probability on that a passage implies it, of
            three relations or of two, in [0, 1].
    """

    model: str = "hf:facebook/bart-large-mnli"
    judge_model: EntailmentModel | None = None
    min_entailment: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5

    asks: ClassVar[str] = "reads each passage with the answer, by a model of its own"

    @property
    def fitted(self) -> bool:
        return True

    @property
    def lacks(self) -> tuple[str, ...]:
        """What it does without, in words; empty where it is whole."""
        if self.judge_model is not None:
            return ()
        how = f"rag-router models fetch {self.model}"
        return (f"answers are not verified, the entailment model is not there ({how})",)

    @property
    def model_fingerprint(self) -> str:
        """Of its model; empty without one."""
        return str(getattr(self.judge_model, "fingerprint", ""))

    def equipped(self, find: Find) -> EntailmentVerifier:
        """Return it with its model loaded.

        Raises:
            ModelError: what the settings name is there, and not such a model, or broken.
        """
        if self.judge_model is not None:
            return self
        local = find(self.model)
        return self if local is None else replace(self, judge_model=load_entailment_model(local))

    def judge(self, claims: Sequence[Claim], context: VerifyContext) -> list[Judgement]:
        """Judge each claim by what its passages imply."""
        del context
        if self.judge_model is None:
            return [Judgement(label="grounded", grounded=1.0, why="not verified") for _ in claims]
        pairs = [
            (passage.text, f"{claim.question} {claim.answer}")
            for claim in claims
            for passage in claim.passages
        ]
        found = iter(self.judge_model.judge(pairs))
        return [self._judged([next(found) for _ in claim.passages]) for claim in claims]

    def _judged(self, relations: Sequence[Entailment]) -> Judgement:
        shares = [_shares(one) for one in relations]
        implied = max((entails for entails, _ in shares), default=0.0)
        denied = max((contradicts for _, contradicts in shares), default=0.0)
        why = f"implied {implied:.2f}, ruled out {denied:.2f}"
        label: Label = "not_grounded" if denied >= 0.5 else "retrieval_error"
        if implied >= self.min_entailment:
            label = "grounded"
        return Judgement(label=label, grounded=implied, why=why)


def _shares(one: Entailment) -> tuple[float, float]:
    """Probabilities that a premise implies a hypothesis, and that it rules it out."""
    logits = [one.entails, one.contradicts, *([] if one.neutral is None else [one.neutral])]
    weights = np.exp(np.array(logits) - max(logits))
    entails, contradicts = (weights[:2] / weights.sum()).tolist()
    return entails, contradicts
