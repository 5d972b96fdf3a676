"""What memory's answer and the passages' answer are worth, judged together.

Three probabilities, each by a logistic head on the same observation: that the answer from memory
is right, that the one from passages is, and that exactly one of them is. Two answers that agree
speak for each other, and which of two that differ is right shows in how sure either is and in what
the passages say. That an answer is not to be had from a passage shows in the hidden states after
reading it, before a word is said (Slobodkin et al. 2023, "The curious case of hallucinatory
(un)answerability", arXiv 2310.11877); they are read along where the model shows them. A head that
hears them is wise from many questions and misled from few; one that hears figures alone is neither,
and the mean of both logits is what counts.

Heads look surer on what they learned from; their curves are fitted to what heads of the other
folds said of each question (Platt 1999, "Probabilistic outputs for support vector machines").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.arrays import Arrays
from rag_router.artefacts import Artefact, Card
from rag_router.calibration import Platt
from rag_router.calibration.risk import Outcomes, threshold_within
from rag_router.gates import Lesson
from rag_router.gates.linear import Block, LinearHead, fit_linear, linear_logits
from rag_router.outlook.observation import MEMORY, Observation, figures_of

__all__ = ["Outlook", "OutlookHead", "Taught"]

_COMPONENTS: Final = 32
"""Principal components of each layer."""

_LEAST: Final = 5
"""Fewest of either class that a head is fitted to: one for each fold."""

_HEADS: Final = ("memory", "passages", "conflict")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What two answers to one question are worth.

    Attributes:
        memory: P(the answer from memory is right), in [0, 1].
        passages: P(the answer from passages is right), in [0, 1].
        conflict: P(exactly one of them is right), in [0, 1].
    """

    memory: float
    passages: float
    conflict: float

    @property
    def best(self) -> float:
        """What the better one is worth."""
        return max(self.memory, self.passages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """Observations with what came out: what an `OutlookHead` learns from.

    Attributes:
        observations: Of questions whose passages were read.
        memory: Whether the answer from memory was right, bool, shape (n,).
        passages: Whether the one from passages was, bool, shape (n,).
        seed: Of the folds.
    """

    observations: tuple[Observation, ...]
    memory: NDArray[np.bool_]
    passages: NDArray[np.bool_]
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlookHead:
    """The three heads, and outcomes that thresholds for a stated risk come from.

    Attributes:
        arrays: What was learned; empty until fitted.
        wanted: Whether somebody asked for it, so that answers say where it is not fitted.
    """

    arrays: Arrays = field(default_factory=Arrays)
    wanted: bool = False

    @property
    def fitted(self) -> bool:
        return bool(self.arrays)

    def __call__(self, observations: Sequence[Observation]) -> list[Outlook]:
        """Say what both answers are worth, one outlook for each observation."""
        if not observations:
            return []
        columns = _columns(observations)
        said = [self._p(name, columns) for name in _HEADS]
        return [
            Outlook(memory=float(m), passages=float(p), conflict=float(c))
            for m, p, c in zip(*said, strict=True)
        ]

    def fit(self, taught: Taught) -> tuple[OutlookHead, list[Outlook]]:
        """Return the heads as learned, and what they say of each observation unseen.

        Where memory was hardly ever right, or hardly ever wrong, its head says how often it was.

        Raises:
            DataError: hardly any answer from passages was right, or hardly any was wrong.
        """
        learned: dict[str, NDArray[Any]] = {}
        unseen: list[NDArray[np.float64]] = []
        columns = _columns(taught.observations)
        for name, right in zip(
            _HEADS,
            (taught.memory, taught.passages, taught.memory != taught.passages),
            strict=True,
        ):
            lesson = Lesson(features=np.zeros((len(right), 0)), right=right, seed=taught.seed)
            blocks = _blocks(name, columns)
            if name != "passages" and min(right.sum(), (~right).sum()) < _LEAST:
                # Small models hardly ever know: there is a rate to learn, and nothing besides.
                head, curve = _rate(blocks, right), Platt((1.0,), 0.0)
            else:
                head = fit_linear(blocks[:1], lesson, components=_COMPONENTS)
                if len(blocks) > 1:
                    head = _mean(head, fit_linear(blocks, lesson, components=_COMPONENTS))
                curve = Platt.fit(head.apart, right)
            learned |= {
                f"{name}.weights": head.weights,
                f"{name}.bias": np.array([head.bias]),
                f"{name}.curve": np.array([*curve.slopes, curve.intercept]),
            }
            unseen.append(curve(head.apart))
        outlooks = [
            Outlook(memory=float(m), passages=float(p), conflict=float(c))
            for m, p, c in zip(*unseen, strict=True)
        ]
        return replace(self, arrays=Arrays(learned)), outlooks

    def tested(self, ordering: Outcomes, testing: Outcomes) -> OutlookHead:
        """Keep outcomes of what was answered; `risk_limit` comes from them."""
        kept = {
            "ordering.p": ordering.p,
            "ordering.right": ordering.right.astype(np.float64),
            "testing.p": testing.p,
            "testing.right": testing.right.astype(np.float64),
        }
        return replace(self, arrays=Arrays({**self.arrays, **kept}))

    def risk_limit(self, risk: float, *, confidence: float = 0.9) -> float:
        """The probability from which on answers keep a risk; see `threshold_within`.

        Raises:
            KeyError: no outcomes were kept.
        """
        ordering, testing = (
            Outcomes.of(self.arrays[f"{name}.p"], self.arrays[f"{name}.right"] > 0)
            for name in ("ordering", "testing")
        )
        return threshold_within(risk, ordering, testing, confidence=confidence)

    def to_artefact(self, card: Card) -> Artefact:
        """Put what was learned beside its card."""
        return Artefact(card=card, weights=dict(self.arrays))

    def with_artefact(self, artefact: Artefact) -> OutlookHead:
        """Return it as it was fitted.

        Raises:
            KeyError: the artefact lacks something.
        """
        for name in _HEADS:
            _ = artefact.weights[f"{name}.weights"], artefact.weights[f"{name}.curve"]
        return replace(self, arrays=Arrays(artefact.weights))

    def _p(self, name: str, columns: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        read = np.column_stack([block.columns for block in _blocks(name, columns)])
        weights, bias = self.arrays[f"{name}.weights"], float(self.arrays[f"{name}.bias"][0])
        *slopes, intercept = (float(v) for v in self.arrays[f"{name}.curve"])
        return Platt(tuple(slopes), intercept)(linear_logits(read, weights, bias))


def _mean(one: LinearHead, other: LinearHead) -> LinearHead:
    """The mean of a head of some columns and of one that hears others behind them."""
    weights = other.weights.copy()
    weights[: len(one.weights)] += one.weights
    return LinearHead(
        weights / 2,
        (one.bias + other.bias) / 2,
        other.penalty,
        (one.apart + other.apart) / 2,
    )


def _rate(blocks: Sequence[Block], right: NDArray[np.bool_]) -> LinearHead:
    """A head that says of all what share was right, by Laplace's rule of succession."""
    odds = float(np.log((right.sum() + 1) / ((~right).sum() + 1)))
    width = sum(block.columns.shape[1] for block in blocks)
    return LinearHead(np.zeros(width), odds, 0.0, np.full(len(right), odds))


def _columns(observations: Sequence[Observation]) -> list[NDArray[np.float64]]:
    """Figures first, then each layer."""
    figures = figures_of(observations)
    depth = len(observations[0].states) if observations else 0
    layers = [
        np.array([one.states[layer] for one in observations], dtype=np.float64)
        for layer in range(depth)
    ]
    return [figures, *layers]


def _blocks(name: str, columns: list[NDArray[np.float64]]) -> list[Block]:
    """What each head reads: memory's answer does not show in how passages were read."""
    figures, *layers = columns
    if name == "memory":
        return [Block(figures[:, :MEMORY], whitened=False)]
    return [Block(figures), *(Block(layer) for layer in layers)]
