"""What answering costs and how often it is right, expected before anybody asks.

ExpertRAG (2025, arXiv 2504.08744) proposes to weigh what looking things up costs against what it
brings, without experiments; the formulas here are worked out from its idea. With p the share of
questions that are looked up:

    cost       C = C_gate + C_LM k / N + p (C_ret + C_ctx)
    saving     S = (1 - p) (C_ret + C_ctx) - C_gate         against looking everything up
    it pays    S > 0, exactly where p < 1 - C_gate / (C_ret + C_ctx)

C_LM reads the question and writes the answer, C_ret finds passages, C_ctx reads them, C_gate
tells whether to; of a mixture of N experts k compute (the layers that all share are ignored, so
that k / N is a lower bound).

A gate errs. Questions fall into what the model knows and what it does not, and each kind into
what is looked up and what is not; accuracy is the sum over these cells. What is not looked up
though it is not known loses what retrieval would have brought; what is looked up though it is
known costs time, and the answers that passages spoil.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router.errors import DataError, SettingsError

__all__ = [
    "Chosen",
    "Cost",
    "Expectation",
    "Kind",
    "Stages",
    "best_threshold",
    "break_even_rate",
    "expectation",
    "expected_cost",
    "expected_saving",
    "kinds_of",
    "read_mix",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What something takes; all of it adds up.

    Attributes:
        ms: Milliseconds.
        passes: Rows through the language model; a step of two streams is 2.
        prompt_tokens: Tokens read.
        completion_tokens: Tokens written.
    """

    ms: float = 0.0
    passes: float = 0.0
    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            **{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        )

    def __sub__(self, other: Cost) -> Cost:
        return self + -1.0 * other

    def __rmul__(self, times: float) -> Cost:
        return Cost(**{f.name: times * getattr(self, f.name) for f in fields(self)})

    def price(self, prompt: float, completion: float) -> float:
        """Price, given those of a million tokens read and written."""
        return (self.prompt_tokens * prompt + self.completion_tokens * completion) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """What each part of an answer costs.

    Attributes:
        gate: Telling whether to look something up, beyond reading the question.
        answer: Reading the question and writing the answer.
        retrieve: Finding passages.
        context: Reading them, and what they add to writing.
    """

    gate: Cost
    answer: Cost
    retrieve: Cost
    context: Cost

    @property
    def lookup(self) -> Cost:
        """What a question that is looked up costs more."""
        return self.retrieve + self.context


def expected_cost(stages: Stages, rate: float, *, gated: bool = True, active: float = 1.0) -> Cost:
    """Return C.

    Args:
        stages: What each part costs.
        rate: Share of questions that are looked up, in [0, 1].
        gated: Whether a gate says which.
        active: k / N, in (0, 1].
    """
    _require_share("rate", rate)
    asked = stages.gate if gated else Cost()
    return asked + active * stages.answer + rate * stages.lookup


def expected_saving(stages: Stages, rate: float) -> Cost:
    """Return S: what a gate that looks up this share saves against looking everything up."""
    _require_share("rate", rate)
    return (1 - rate) * stages.lookup - stages.gate


def break_even_rate(stages: Stages) -> float | None:
    """Return the share of questions below which a gate saves time; None where no gate can."""
    if stages.lookup.ms <= 0:
        return None
    rate = 1 - stages.gate.ms / stages.lookup.ms
    return rate if rate > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Questions of one kind, and what becomes of them. All are shares in [0, 1].

    Attributes:
        never: Right without looking anything up.
        always: Right with looking everything up.
        rate: Looked up by the gate.
        gated: Right as the gate decides.
    """

    never: float
    always: float
    rate: float
    gated: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a mix of questions comes to; shares in [0, 1].

    Attributes:
        never: Right without looking anything up.
        always: Right with looking everything up.
        gated: Right as the gate decides.
        rate: Looked up by the gate.
    """

    never: float
    always: float
    gated: float
    rate: float


def kinds_of(never: ArrayLike, always: ArrayLike, retrieved: ArrayLike) -> dict[str, Kind]:
    """Split answered questions into what the model knew and what it did not.

    Args:
        never: Whether each was right without looking it up, shape (n,).
        always: Whether it was right with.
        retrieved: Whether the gate looked it up.

    Returns:
        "known" and "unknown", whichever there are.

    Raises:
        DataError: there are no questions, or the columns are not of one length.
    """
    without, with_, looked = (np.asarray(one, dtype=bool) for one in (never, always, retrieved))
    if not len(without) == len(with_) == len(looked) or not len(without):
        raise DataError(
            f"{len(without)}, {len(with_)} and {len(looked)} outcomes are not those of the same "
            "questions.",
            hint="Give three columns of the same length, at least one.",
        )
    gated = np.where(looked, with_, without)
    return {
        name: Kind(
            never=float(without[rows].mean()),
            always=float(with_[rows].mean()),
            rate=float(looked[rows].mean()),
            gated=float(gated[rows].mean()),
        )
        for name, rows in (("known", without), ("unknown", ~without))
        if rows.any()
    }


def expectation(kinds: Mapping[str, Kind], mix: Mapping[str, float]) -> Expectation:
    """Return what a mix of kinds comes to.

    Args:
        kinds: What becomes of each kind.
        mix: Share of each kind; they sum to 1.

    Raises:
        DataError: nothing is known of a kind in the mix.
    """
    for name, share in mix.items():
        if share and name not in kinds:
            raise DataError(
                f"nothing was measured on {name} questions.",
                hint=f"Measured: {', '.join(kinds)}.",
            )
    parts = [(share, kinds[name]) for name, share in mix.items() if share]
    return Expectation(
        never=sum(share * kind.never for share, kind in parts),
        always=sum(share * kind.always for share, kind in parts),
        gated=sum(share * kind.gated for share, kind in parts),
        rate=sum(share * kind.rate for share, kind in parts),
    )


def read_mix(text: str) -> dict[str, float]:
    """Read a mix such as "known=0.3,unknown=0.7".

    Raises:
        SettingsError: it is no such thing, or its shares do not sum to 1.
    """
    mix: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.partition("=")
        try:
            value = float(share)
        except ValueError:
            value = -1.0
        if not name.strip() or not 0 <= value <= 1 or name.strip() in mix:
            raise SettingsError(
                f"{part.strip()!r} is no share of a mix of questions.",
                hint="Write known=0.3,unknown=0.7.",
            )
        mix[name.strip()] = value
    total = sum(mix.values())
    if abs(total - 1) > 1e-6:
        raise SettingsError(f"the shares of {text!r} sum to {total:g}.", hint="They must sum to 1.")
    return mix


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A threshold of a gate, and what it comes to.

    Attributes:
        threshold: Questions of which the model knows less are looked up.
        accuracy: Share that is right.
        rate: Share that is looked up.
        value: Accuracy, less what looking up costs in accuracy.
    """

    threshold: float
    accuracy: float
    rate: float
    value: float


def best_threshold(
    p_know: ArrayLike, never: ArrayLike, always: ArrayLike, *, lookup: float, worth: float
) -> Chosen:
    """Choose the threshold of a gate that maximises A - C / worth.

    Of thresholds that are equally good the lowest counts, which looks up the fewest.

    Args:
        p_know: What the gate says of each question, in [0, 1], shape (n,).
        never: Whether each was right without looking it up.
        always: Whether it was right with.
        lookup: What looking one question up costs, in any unit, >= 0.
        worth: What a right answer is worth, in the same unit, > 0.

    Raises:
        SettingsError: the worth is not positive.
    """
    if worth <= 0:
        raise SettingsError(
            f"a right answer cannot be worth {worth:g}.", hint="Say what it is worth, above 0."
        )
    knows: NDArray[np.float64] = np.asarray(p_know, dtype=np.float64)
    without, with_ = (np.asarray(one, dtype=np.float64) for one in (never, always))
    # A question is looked up where less is known of it than the threshold says.
    limits = np.concatenate([np.unique(knows), [np.inf]])
    looked = knows[None, :] < limits[:, None]
    accuracy = np.where(looked, with_, without).mean(axis=1)
    rate = looked.mean(axis=1)
    value = accuracy - rate * lookup / worth
    best = int(np.argmax(value > value.max() - 1e-12))
    return Chosen(
        threshold=float(min(limits[best], 1.0)) if np.isfinite(limits[best]) else 1.0,
        accuracy=float(accuracy[best]),
        rate=float(rate[best]),
        value=float(value[best]),
    )


def _require_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise SettingsError(f"{name} {value:g} is no share.", hint="Use a number from 0 to 1.")
