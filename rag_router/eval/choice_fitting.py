"""Fitting `auto`: which of three answers to give, learned where each would have been right.

Three kinds of questions are learned from: with true passages and with falsified ones, where the
wanted answer is what the passage says; and with passages beside the point, whose question memory
answers rightly, where the wanted answer is memory's own. To each of them memory, the passages and
the contrast have answered (see `rag_router.decoders.auto`), so that it is known of all three
whether they are as wanted. Where none is, nothing that `auto` can choose would be, and the question
teaches nothing.

With r(x) what is promised (see `rag_router.decoders.rewards`) and k in W_i where answer k to
question i is as wanted,

    maximise over w, b:   sum_i v_i sum over k in W_i of r_k(x_i)  -  penalty |w|^2

x with mean 0 and variance 1. v_i is one over the number of questions of its kind, times what the
kind is worth, and sums to 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from rag_router.decoders.auto import ANSWERS, STRENGTH, AutoDecoder
from rag_router.decoders.considerations import CASES, FACTS, Said, considered
from rag_router.decoders.rewards import Rewards
from rag_router.errors import DataError
from rag_router.eval.disputes import Condition, Dispute
from rag_router.eval.walks import Walk
from rag_router.models.streams import Facts
from rag_router.scoring import alias_match, normalise

__all__ = ["ALPHAS", "KINDS", "Lesson", "chosen", "lesson_of", "promises", "wanted"]

ALPHAS: Final = (0.0, STRENGTH)
"""The walks that are the answers of passages and contrast."""

KINDS: Final[tuple[Condition, ...]] = ("gold", "counterfactual", "irrelevant")

_LEAST: Final = 10
"""Fewest questions of a kind."""

_PENALTY: Final = 0.004
_STEPS: Final = 150


@dataclass(frozen=True, slots=True)
class Lesson:
    """What three answers to each question came to.

    Attributes:
        kinds: What the passages of each question are.
        sets: Which set each question is of.
        names: What each question is called.
        columns: What is gone by where all facts are known, (questions, considered).
        right: Which of `ANSWERS` are as wanted, (questions, answers).
        counted: Which questions figures are told of: of falsified passages only those whose true
            one is read rightly, and where memory does not say the same anyway.
    """

    kinds: NDArray[np.str_]
    sets: NDArray[np.str_]
    names: tuple[str, ...]
    columns: NDArray[np.float64]
    right: NDArray[np.bool_]
    counted: NDArray[np.bool_]

    def considered(self, case: Sequence[str]) -> NDArray[np.float64]:
        """What is gone by with these facts known, (questions, considered)."""
        seen = self.columns.copy()
        for place, name in enumerate(FACTS):
            if name not in case:
                seen[:, place] = 0.0
        return seen

    def shares(self, right: NDArray[np.bool_]) -> dict[Condition, float]:
        """Share of right ones among the questions of each kind that are counted.

        Args:
            right: Of every question, (questions,).
        """
        counted = {kind: right[(self.kinds == kind) & self.counted] for kind in KINDS}
        return {kind: float(some.mean()) if len(some) else 0.0 for kind, some in counted.items()}


def wanted(dispute: Dispute) -> tuple[str, ...]:
    """The answers that a dispute is to have."""
    if dispute.condition == "counterfactual":
        return tuple(str(one) for one in dispute.question.meta["counterfactual_answers"])
    return dispute.question.answers


def lesson_of(
    disputes: Sequence[Dispute],
    facts: Sequence[Facts],
    memory: Sequence[str],
    walks: Sequence[Sequence[Walk]],
    sets: Sequence[str],
) -> Lesson:
    """Put together what can be learned.

    Args:
        disputes: Questions with their passages.
        facts: What is known about each.
        memory: What memory answers to each.
        walks: Of each dispute those at `ALPHAS`.
        sets: Which set each dispute's question is of.

    Raises:
        DataError: hardly any question of a kind has its wanted answer.
    """
    columns, right = [], []
    read: set[int] = set()
    for dispute, fact, remembered, line in zip(disputes, facts, memory, walks, strict=True):
        passages, contrast = (_said(one) for one in line)
        columns.append(considered(fact, remembered, passages, contrast))
        said = (remembered, passages.text, contrast.text)
        right.append([alias_match(one, wanted(dispute)) for one in said])
        if dispute.condition == "gold" and right[-1][1]:
            read.add(dispute.row)
    kinds = np.array([one.condition for one in disputes])
    table = np.array(right, dtype=bool).reshape(len(disputes), len(ANSWERS))
    for kind in KINDS:
        if (found := int(table[kinds == kind].any(axis=1).sum())) < _LEAST:
            raise DataError(
                f"only {found} questions with {kind} passages come to their wanted answer.",
                hint=f"Give more of them: at least {_LEAST}, better two hundred.",
            )
    return Lesson(
        kinds=kinds,
        sets=np.array(sets),
        names=tuple(one.question.id for one in disputes),
        columns=np.array(columns),
        right=table,
        counted=np.array(
            [
                one.condition != "counterfactual"
                or (one.row in read and not _same(remembered, wanted(one)))
                for one, remembered in zip(disputes, memory, strict=True)
            ]
        ),
    )


def promises(
    lesson: Lesson,
    rows: NDArray[np.int64],
    *,
    worth: Mapping[Condition, float],
    case: Sequence[str],
) -> Rewards:
    """Learn what the answers promise where these facts are known.

    Args:
        lesson: What three answers came to.
        rows: Questions to learn from.
        worth: How much each kind of questions counts.
        case: The facts that are known.
    """
    rows = rows[lesson.right[rows].any(axis=1)]
    seen = lesson.considered(case)[rows]
    middle, spread = seen.mean(axis=0), seen.std(axis=0) + 1e-6
    weights = np.zeros(len(rows))
    for kind in KINDS:
        of_kind = lesson.kinds[rows] == kind
        weights[of_kind] = worth[kind] / max(of_kind.sum(), 1)
    lines = _lines((seen - middle) / spread, lesson.right[rows], weights / weights.sum())
    slopes = lines[:, 1:] / spread
    return Rewards(slopes, lines[:, 0] - slopes @ middle)


def chosen(
    lesson: Lesson, rows: NDArray[np.int64], decoder: AutoDecoder, case: tuple[str, ...]
) -> NDArray[np.bool_]:
    """Whether what is chosen is as wanted, with these facts known, (rows,)."""
    number = CASES.index(case)
    picked = [decoder.chosen(number, seen) for seen in lesson.considered(case)[rows]]
    return np.asarray(lesson.right[rows, picked])


def _lines(
    seen: NDArray[np.float64], right: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """An intercept and slopes for each answer, (answers, 1 + columns)."""
    x = torch.from_numpy(np.column_stack([np.ones(len(seen)), seen]))
    wants, weigh = torch.from_numpy(right.astype(np.float64)), torch.from_numpy(weights)
    lines = torch.zeros(right.shape[1], x.shape[1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([lines], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def lost() -> torch.Tensor:
        optimiser.zero_grad()
        given = (torch.softmax(x @ lines.T, dim=1) * wants).sum(dim=1)
        loss = (weigh * (1 - given)).sum() + _PENALTY * lines[:, 1:].square().sum()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return loss

    optimiser.step(lost)  # type: ignore[no-untyped-call]  # likewise
    return np.asarray(lines.detach().numpy())


def _said(walk: Walk) -> Said:
    """The answer of a walk; its last step only ended it."""
    count = max(len(walk.chosen) - 1, 1)
    at = np.arange(count), walk.chosen[:count]
    return Said(walk.text, float(walk.closed[at].sum()), float(walk.context[at].sum()), count)


def _same(memory: str, aliases: Sequence[str]) -> bool:
    return alias_match(memory, aliases) or normalise(memory) in map(normalise, aliases)
