"""Several gates heard together: each knows something that the others do not.

Stacking (Breiman 1996, "Stacked regressions", doi 10.1007/BF00117832): the members are fitted on
all questions; what weighs them is fitted on what they say of questions that they had not learned
from. Beside the members one more voice is heard: a linear head on all that those read which learn
from hidden states, since two probes each of which is unsure may be sure together.

The voices are weighed twice: by a sum, and by a random forest (`rag_router.gates.forest`) that
reads the members' few figures beside the voices, since one figure may count only where another is
high. A last sum weighs these two.

Of the members chosen by default one judges the question before anything is said, one how the
answer's probability is spread, one whether the answer is likely without the question too, and one
the answer once it stands; together they cost the closed-book answer and two readings of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.arrays import Arrays
from rag_router.artefacts import Artefact
from rag_router.calibration import logit
from rag_router.component import STRICT
from rag_router.gates.base import FittedGate, Lesson, verdict
from rag_router.gates.benefit import fit_benefit, p_benefit
from rag_router.gates.forest import Forest, fit_forest
from rag_router.gates.learned import FOLDS, check_lesson
from rag_router.gates.linear import Block, fit_linear, linear_logits
from rag_router.gates.members import Members
from rag_router.gates.stacking import Stack, fit_stack, fit_sum
from rag_router.signals.base import Signal, Signals
from rag_router.types import Question, Verdict

__all__ = ["CombinedGate"]

_COMPONENTS: Final = 256
"""Of each block, for the head on all that the members read."""

_NARROW: Final = 32
"""Most columns of a block that the forest reads: figures that mean something, each by itself."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CombinedGate:
    """Retrieve when several gates, weighed against each other, say it is not known.

    Until it is fitted, `p_know` is the mean of what the members say. Fitted to questions that
    were answered with passages as well, it also says how likely retrieval is to help.

    Args:
        members: Names of gates that learn, each once.
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        gates: The members themselves, one for each name, where they need options of their own or
            are fitted; none builds them by name.
        arrays: What was learned beside the members; empty until fitted.
    """

    members: tuple[str, ...] = ("p_ik", "profile", "answer_pmi", "answer_probe")
    threshold: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    gates: tuple[FittedGate, ...] = ()
    arrays: Arrays = Arrays()

    def __post_init__(self) -> None:
        Members.of(self.members, self.gates)  # a name that nobody goes by is found out at once

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return self._members.signals

    @property
    def parts(self) -> dict[str, FittedGate]:
        """The members by name; what is read off a question is what each of them reads."""
        return self._members.parts

    @property
    def fitted(self) -> bool:
        return bool(self.arrays)

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """What every member reads, side by side, shape (questions, columns)."""
        return self._members.features(questions, signals)

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(the closed-book answer is right), shape (questions,)."""
        return self._weighed(self._voices(features), features)

    def assess(self, questions: Sequence[Question], signals: Signals) -> list[Verdict]:
        """Judge; the verdict shows what each member says."""
        features = self.features(questions, signals)
        voices = self._voices(features)
        known = self._weighed(voices, features)
        helps = p_benefit(self.arrays["benefit"], voices, known) if self.fitted else None
        names = (*self.members, "together")[: voices.shape[1]]
        shown = 1 / (1 + np.exp(-voices))
        return [
            replace(
                verdict(p, self.threshold, dict(zip(names, map(float, said), strict=True))),
                p_benefit=None if helps is None else float(helps[row]),
            )
            for row, (p, said) in enumerate(zip(known, shown, strict=True))
        ]

    def acquainted(self, questions: Sequence[str], right: Sequence[bool], *, seed: int = 0) -> Self:
        """Return this gate with members that have chosen their examples, where they show any."""
        known = self._members.acquainted(questions, right, seed=seed)
        return replace(self, gates=known.gates)

    def fit(self, lesson: Lesson) -> Self:
        """Return this gate with fitted members, weighed.

        Raises:
            DataError: only one class is there, features are not finite, or a member cannot learn.
        """
        return self.study(lesson)[0]

    def study(self, lesson: Lesson) -> tuple[Self, NDArray[np.float64]]:
        """Return this gate with fitted members, and P(right) of each question, learned apart.

        Raises:
            DataError: only one class is there, features are not finite, or a member cannot learn.
        """
        check_lesson(lesson)
        members, apart = self._members.study(lesson, FOLDS)
        together = members.blocks(lesson.features)
        own: dict[str, NDArray[Any]] = {}
        if together:
            head = fit_linear(together, lesson, components=_COMPONENTS, folds=FOLDS)
            own = {"together": head.weights.astype(np.float32), "bias": np.array([head.bias])}
            apart = np.column_stack([apart, head.apart])
        weights, summed = fit_sum(apart, lesson.right, seed=lesson.seed)
        figures = _figures(apart, together)
        forest, grown = fit_forest(figures, lesson.right, folds=FOLDS, seed=lesson.seed)
        both = np.column_stack([summed, grown])
        stack, p = fit_stack(both, lesson.right, seed=lesson.seed)
        own |= {
            "sum": weights,
            **forest.arrays(),
            **stack.arrays(),
            "benefit": fit_benefit(apart, lesson),
        }
        return replace(self, gates=members.gates, arrays=Arrays(own)), p

    @property
    def learned(self) -> dict[str, NDArray[Any]]:
        return {**self.arrays, **self._members.learned}

    @property
    def options(self) -> dict[str, Any]:
        return {"members": list(self.members), "member_options": self._members.options}

    def with_artefact(self, artefact: Artefact) -> Self:
        """Return this gate as it was fitted; a threshold that was set by hand stays."""
        notes = artefact.card.notes
        members = Members.of(tuple(notes["members"])).with_artefact(
            artefact, notes["member_options"]
        )
        own = {name: array for name, array in artefact.weights.items() if "/" not in name}
        return replace(
            self,
            members=members.names,
            gates=members.gates,
            arrays=Arrays(own),
            threshold=artefact.card.threshold if self.threshold is None else self.threshold,
        )

    @property
    def _members(self) -> Members:
        return Members.of(self.members, self.gates)

    def _voices(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds by each member, and by the head on all that they read where there is one."""
        said = logit(self._members.probabilities(features))
        if "together" not in self.arrays or not len(features):
            return said
        columns = np.column_stack([block.columns for block in self._members.blocks(features)])
        weights, bias = self.arrays["together"], float(self.arrays["bias"][0])
        return np.column_stack([said, linear_logits(columns, weights, bias)])

    def _weighed(
        self, voices: NDArray[np.float64], features: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """P(right), shape (n,), of log-odds of shape (n, voices)."""
        if not len(voices):
            return np.zeros(0)
        stack, forest = Stack.of(self.arrays), Forest.of(self.arrays)
        if stack is None or forest is None:
            return np.asarray((1 / (1 + np.exp(-voices))).mean(axis=1))
        grown = forest(_figures(voices, self._members.blocks(features)))
        weights = self.arrays["sum"]
        summed = linear_logits(voices, weights[:-1], float(weights[-1]))
        return stack(np.column_stack([summed, grown]))


def _figures(voices: NDArray[np.float64], blocks: Sequence[Block]) -> NDArray[np.float64]:
    """What the forest reads: the voices, and the blocks of few columns, side by side."""
    narrow = [block.columns for block in blocks if block.columns.shape[1] <= _NARROW]
    return np.column_stack([voices, *narrow])
