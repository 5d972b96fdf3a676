"""SKR-icl: asked whether it needs more, the model has seen which questions it knew and did not.

Wang et al. 2023, "Self-knowledge guided retrieval augmentation for large language models"
(arXiv 2310.05002), the second of their four ways to elicit self-knowledge: questions that the model
answered rightly by itself stand before the one in hand with "No, I don't need ...", others with
"Yes, I need ...". They parse what is said; here

    p_know = P(No) / (P(Yes) + P(No))

is read off the reply's first token. The questions are part of what the gate has learned:
`acquainted` takes them from the model's own record *before* features are read, and the artefact's
card keeps them. Until then it shows questions that were made up for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.errors import DataError
from rag_router.gates.asked import AskedGate, laid_out
from rag_router.models.inquiries import demonstrated
from rag_router.models.prompts import Inquiry
from rag_router.signals.base import Signal, Signals
from rag_router.signals.self_judgement import AskedByExample
from rag_router.types import Question

__all__ = ["SKRInContextGate"]

_KNOWN: Final = ("What is the capital of Norway?", "which planet is closest to the sun")
_UNKNOWN: Final = (
    "who kept the accounts of the second fram expedition",
    "How many doors did the town hall of Elmstead have in 1871?",
)

_LONGEST: Final = 300
"""Characters of a question that serves as an example."""

_Questions = Annotated[tuple[str, ...], Field(max_length=8)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SKRInContextGate(AskedGate):
    """Retrieve when the model, shown what it knew before, says it needs more.

    Until it is fitted, `p_know` is the bare leaning to No.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        curve: A slope for each score and, last, the intercept; empty until fitted.
        known: Questions that the model answers rightly by itself, at most 8. The prompt style
            limits how many examples are shown of both kinds together, which take turns.
        unknown: Questions that it does not, at most 8.
    """

    known: _Questions = _KNOWN
    unknown: _Questions = _UNKNOWN

    options_kept: ClassVar[tuple[str, ...]] = ("known", "unknown")

    @property
    def inquiry(self) -> Inquiry:
        return demonstrated(self.known, self.unknown)

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (AskedByExample(self.known, self.unknown),)

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """Leaning to No, and how probable Yes or No is, shape (questions, 2), in [0, 1]."""
        del questions
        asked = AskedByExample(self.known, self.unknown)
        return laid_out((1 - one.yes, one.heard) for one in signals.read(asked))

    def acquainted(
        self, questions: Sequence[str], right: Sequence[bool], *, of_each: int = 2, seed: int = 0
    ) -> Self:
        """Return this gate with examples drawn from the model's own record.

        Features read before mean something else: read them, and fit, after. Questions of more
        than 300 characters are not drawn.

        Args:
            questions: That were put to the model, none of them held out for judging.
            right: Whether its closed-book answer to each was right.
            of_each: Questions of either kind, 1 to 8.
            seed: Of the draw.

        Raises:
            DataError: there are fewer of one kind.
        """
        order = np.random.default_rng(seed).permutation(len(questions))
        short = [at for at in order if len(questions[at]) <= _LONGEST]
        drawn = {
            kind: tuple(questions[at] for at in short if bool(right[at]) == kind)[:of_each]
            for kind in (True, False)
        }
        for kind, some in drawn.items():
            if len(some) < of_each:
                raise DataError(
                    f"{of_each} questions that the model "
                    f"{'knows' if kind else 'does not know'} are wanted; saw {len(some)}.",
                    hint="Give more, and more varied, labelled questions.",
                )
        return replace(self, known=drawn[True], unknown=drawn[False], curve=())
