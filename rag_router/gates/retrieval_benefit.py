"""Look things up where it helps: P(retrieval turns a wrong answer into a right one).

A question that the model cannot answer is not worth a search where nothing will be found, or where
what is found is not understood. Mallen et al. 2023 (arXiv 2212.10511) and SKR (Wang et al. 2023,
arXiv 2310.05002) learn where retrieval helped on questions seen before; ours learns it from three
things that are known before anything is searched:

    knows     log-odds that the model knows, from another gate (`p_ik`)
    reach     how far the indexes reach for the question (`rag_router.indices.reach`)
    state     the hidden state after the question, two thirds up: what kind of question it is

A logistic head (`rag_router.gates.linear`) is fitted to questions that were answered with and
without passages, against wrong without and right with. Where there is no index, and passages come
with the question, the other gate decides alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.arrays import Arrays
from rag_router.artefacts import Artefact
from rag_router.calibration import arrays_of, choose_calibrator, logit, restored
from rag_router.component import STRICT
from rag_router.errors import DataError
from rag_router.gates.base import FittedGate, Gate, Lesson, verdict
from rag_router.gates.blocks import join_blocks, part_blocks
from rag_router.gates.learned import FOLDS, check_lesson
from rag_router.gates.linear import Block, fit_linear, linear_logits
from rag_router.gates.members import Members
from rag_router.signals.base import Signal, Signals
from rag_router.signals.hidden_states import HiddenStates, layer_at, take_layers
from rag_router.signals.index_reach import IndexReach
from rag_router.types import Question, Verdict

__all__ = ["RetrievalBenefitGate"]

_DEPTH: Final = 2 / 3
_COMPONENTS: Final = 32
_NO_INDEX: Final = -1.0
_REACH: Final = 5


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RetrievalBenefitGate:
    """Retrieve what is not known where looking it up is likely to help.

    `p_know` is what the other gate says, and its threshold tells known from unknown. Until this
    one is fitted, the other one decides.

    Args:
        knows: Name of the gate that says how likely the model is to know.
        threshold: Retrieve when 1 - `p_benefit` is below it, in [0, 1]. None takes the fitted one,
            or 0.95.
        gates: That gate itself, where it is fitted or needs options; none builds it by name.
        arrays: What was learned; empty until fitted.
    """

    knows: str = "p_ik"
    threshold: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    gates: tuple[FittedGate, ...] = ()
    arrays: Arrays = Arrays()

    judges = "benefit"
    """What `probabilities` are about: not whether the model knows."""

    def __post_init__(self) -> None:
        Members.of((self.knows,), self.gates)  # a name that nobody goes by is found out at once

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        own: tuple[Signal[Any], ...] = (IndexReach(), HiddenStates())
        return tuple(dict.fromkeys((*self._members.signals, *own)))

    @property
    def fitted(self) -> bool:
        """Whether `p_know` is calibrated; that of `p_benefit` shows in whether it is given."""
        return self._knower.fitted

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """What the other gate reads, the reach and the state, shape (questions, columns)."""
        if not questions:
            return np.zeros((0, 0))
        reach = [
            [_NO_INDEX] * _REACH if one is None else list(one) for one in signals.read(IndexReach())
        ]
        states = signals.read(HiddenStates())
        layer = layer_at(_DEPTH, len(states[0]) - 1)
        return join_blocks(
            [
                self._knower.features(questions, signals),
                np.array(reach, dtype=np.float64),
                np.array([take_layers(state, [layer]) for state in states], dtype=np.float64),
            ]
        )

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(looking it up does not help), shape (questions,): 1 where it is known anyway."""
        known = self._known(features)
        if not self.arrays:
            return known
        return np.where(known < self._known_from, self._spared(features, known), 1.0)

    def assess(self, questions: Sequence[Question], signals: Signals) -> list[Verdict]:
        """Judge; the verdict shows how far the indexes reach."""
        if not questions:
            return []
        features = self.features(questions, signals)
        known = self._known(features)
        spared = self._spared(features, known)
        searched = self._searched(features)
        limit = 0.95 if self.threshold is None else self.threshold
        reaches = self._parts(features)[1]
        verdicts = []
        for row, (p, one) in enumerate(zip(known, spared, strict=True)):
            said = verdict(p, self._knows_from, {})
            if self.arrays and searched[row]:
                present, *_, together = map(float, reaches[row])
                said = replace(
                    said, p_benefit=float(1 - one), signals={"present": present, "reach": together}
                )
                if said.retrieve and one >= limit:
                    reason = (
                        f"{said.reason}, but looking it up would hardly help: "
                        f"p_benefit {1 - one:.3f} is at most {1 - limit:.3f}"
                    )
                    said = replace(said, retrieve=False, reason=reason)
            verdicts.append(said)
        return verdicts

    def fit(self, lesson: Lesson) -> Self:
        """Return this gate with what it learns.

        Raises:
            DataError: nobody answered with passages, or they helped with all or with none.
        """
        return self.study(lesson)[0]

    def study(self, lesson: Lesson) -> tuple[Self, NDArray[np.float64]]:
        """Return this gate with what it learns, and P(does not help) of each question, apart.

        A gate that says what is known and is fitted already stays as it is.

        Raises:
            DataError: nobody answered with passages, or they helped with all or with none.
        """
        if lesson.helped is None:
            raise DataError(
                "nobody answered these questions with passages.",
                hint="Let them be answered with retrieval too: gate fit --with-retrieval.",
            )
        turned = lesson.helped & ~lesson.right
        target = replace(lesson, right=turned, share=None)
        check_lesson(target)
        knower, p = self._taught(lesson)
        head = fit_linear(
            self._blocks(logit(p), lesson.features), target, components=_COMPONENTS, folds=FOLDS
        )
        curve = choose_calibrator(head.apart, turned, seed=lesson.seed)[0]
        apart = np.where(p < self._known_from, np.maximum(1 - curve(head.apart), p), 1.0)
        own: Mapping[str, NDArray[Any]] = {
            "weights": head.weights.astype(np.float32),
            "bias": np.array([head.bias]),
            **arrays_of(curve),
        }
        return replace(self, gates=(knower,), arrays=Arrays(own)), apart

    def with_knower(self, gate: Gate) -> Self:
        """Return this gate with the one that says what is known, fitted or not."""
        known: Any = gate
        return replace(self, gates=(known,))

    @property
    def learned(self) -> dict[str, NDArray[Any]]:
        return {**self.arrays, **self._members.learned}

    @property
    def options(self) -> dict[str, Any]:
        """What the artefact keeps; what the other gate calls known belongs to it."""
        return {
            "knows": self.knows,
            "knows_threshold": self._knows_from,
            "member_options": self._members.options,
        }

    def with_artefact(self, artefact: Artefact) -> Self:
        """Return this gate as it was fitted; a threshold that was set by hand stays."""
        notes = artefact.card.notes
        members = Members.of((notes["knows"],)).with_artefact(artefact, notes["member_options"])
        known: Any = members.gates[0]
        own = {name: array for name, array in artefact.weights.items() if "/" not in name}
        return replace(
            self,
            knows=notes["knows"],
            gates=(replace(known, threshold=notes["knows_threshold"]),),
            arrays=Arrays(own),
            threshold=artefact.card.threshold if self.threshold is None else self.threshold,
        )

    @property
    def _members(self) -> Members:
        return Members.of((self.knows,), self.gates)

    @property
    def _knower(self) -> FittedGate:
        return self._members.gates[0]

    @property
    def _knows_from(self) -> float | None:
        """The other gate's threshold: known from there on."""
        limit: float | None = getattr(self._knower, "threshold", None)
        return limit

    @property
    def _known_from(self) -> float:
        return 0.5 if self._knows_from is None else self._knows_from

    def _taught(self, lesson: Lesson) -> tuple[FittedGate, NDArray[np.float64]]:
        own = self._parts(lesson.features)[0]
        if self._knower.fitted:
            return self._knower, self._knower.probabilities(own)
        members, apart = self._members.study(replace(lesson, features=join_blocks([own])), FOLDS)
        return members.gates[0], 1 / (1 + np.exp(-apart[:, 0]))

    def _parts(self, features: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        return part_blocks(features, 3)

    def _known(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._knower.probabilities(self._parts(features)[0])

    def _searched(self, features: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.asarray(self._parts(features)[1][:, 0] > _NO_INDEX)

    def _blocks(self, odds: NDArray[np.float64], features: NDArray[np.float64]) -> list[Block]:
        _, reach, state = self._parts(features)
        return [Block(odds[:, None]), Block(reach), Block(state)]

    def _spared(
        self, features: NDArray[np.float64], known: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """1 - P(helps), and at least what is known: what is right cannot be turned right."""
        curve = restored(self.arrays)
        if curve is None or not len(features):
            return known
        columns = np.column_stack([b.columns for b in self._blocks(logit(known), features)])
        scores = linear_logits(columns, self.arrays["weights"], float(self.arrays["bias"][0]))
        return np.where(self._searched(features), np.maximum(1 - curve(scores), known), known)
