"""A generator expert: a model that answers, and what is known about how sure it is.

Adapters and remote endpoints have fewer abilities, or other ones; whoever needs one asks the
expert's card, or `model.abilities` of what is loaded. To a pool of experts each of them is
somebody who answers questions, whatever stands behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rag_router.models.base import CausalModel
from rag_router.models.prompts import PromptStyle
from rag_router.types import Answer, Question

__all__ = ["Answering", "Expert"]


class Answering(Protocol):
    """Whoever turns questions into answers: an orchestrator over an expert, or an endpoint."""

    def answer(self, questions: Sequence[Question | str], ask: Any = None) -> list[Answer]:
        """Answer questions, in order.

        Args:
            questions: Any number of them; an answer is the same alone and in company.
            ask: What the request wants otherwise than the settings, as `rag_router.orchestrator`
                knows it; None wants nothing otherwise.

        Raises:
            UnavailableError: it cannot answer now; somebody else may.
            QuestionError: a question cannot be answered as it is written; none is answered then.
            UsageError: `ask` wants what cannot be.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Expert:
    """A model in memory, and how it is prompted.

    Attributes:
        name: What it is called in settings and answers.
        model: The model itself.
        style: How questions are put to it.
    """

    name: str
    model: CausalModel
    style: PromptStyle
