"""Fitting `auto`: how far to follow passages, learned where that is right and where it is wrong.

Three kinds of questions are learned from: with true passages and with falsified ones, where the
wanted answer is what the passage says, and memory's own is as good where it is the true one; and
with passages beside the point, whose question memory answers rightly, where the wanted answer is
memory's own. Of each question those walks are taken that lead to a wanted answer (see `walks`), each
answer once. Where none does, nothing that `auto` can choose would, and the question teaches nothing.

At step t of a walk the wanted token w is ahead of any other by

    m_t(alpha) = min over v of  s(w) - s(v),       s = log q + alpha (log q - log p)

and alpha a is right for a question where m_t(a) > 0 at every step of one of its walks. So what
each strength would have come to is known for every question, and a forest learns to foretell it
from what can be seen at the first token (see `rag_router.decoders.rewards`). A question weighs one
over the number of questions of its kind, times what the kind is worth. A forest is grown for each
case of `considerations.CASES`, from the same questions with what is not known left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rag_router.decoders.auto import STRENGTHS, AutoDecoder
from rag_router.decoders.comparison import FIGURES
from rag_router.decoders.considerations import considered
from rag_router.decoders.rewards import RewardForest
from rag_router.errors import DataError
from rag_router.eval.disputes import Condition, Dispute
from rag_router.eval.walks import Walk
from rag_router.learning.trees import shape_of
from rag_router.models.streams import Facts
from rag_router.scoring import alias_match

__all__ = ["ALPHAS", "Lesson", "fold_of", "lesson_of", "promises", "reached", "wanted"]

ALPHAS: Final[Mapping[Condition, tuple[float, ...]]] = {
    "gold": (-1.0, 0.0, 0.5, 1.0),
    "counterfactual": (0.0, 0.5, 1.0),
    "irrelevant": (-1.0, 0.0),
}
"""The walks that are looked at for wanted answers."""

_STEPS: Final = 6
"""So many tokens of an answer are learned from; few have more."""

_LEAST: Final = 10
"""Fewest questions of a kind."""

_TREES: Final = 80
_COLUMNS: Final = 0.4
"""Share of the columns that a split is chosen among."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Walks to wanted answers, side by side.

    Attributes:
        kinds: What the passages of each question are, by question.
        names: What each question is called.
        owners: Which of these questions each walk is of, (walks,).
        facts: What is known before each walk.
        figures: Of both streams at each step, (walks, steps, figures).
        ahead: log q(w) - log q(v) of the wanted token and each other candidate, infinite for the
            wanted one itself, (walks, steps, candidates).
        gained: The same of log q - log p: how much the contrast adds to it.
        steps: Which steps there are, 1 or 0, (walks, steps).
    """

    kinds: tuple[Condition, ...]
    names: tuple[str, ...]
    owners: Tensor
    facts: tuple[Facts, ...]
    figures: Tensor
    ahead: Tensor
    gained: Tensor
    steps: Tensor

    def pick(self, questions: Sequence[int]) -> Lesson:
        """Take some of the questions, with all of their walks."""
        place = {question: number for number, question in enumerate(questions)}
        rows = [row for row, owner in enumerate(self.owners.tolist()) if owner in place]
        at = torch.tensor(rows, dtype=torch.long)
        return Lesson(
            tuple(self.kinds[question] for question in questions),
            tuple(self.names[question] for question in questions),
            torch.tensor([place[int(owner)] for owner in self.owners[at]], dtype=torch.long),
            tuple(self.facts[row] for row in rows),
            self.figures[at],
            self.ahead[at],
            self.gained[at],
            self.steps[at],
        )

    def by_question(self, walks: Tensor) -> Tensor:
        """Add up a number of each walk for its question."""
        return torch.zeros(len(self.kinds)).index_add(0, self.owners, walks)

    def reached(self, alpha: Tensor) -> NDArray[np.bool_]:
        """Whether each question comes to a wanted answer at these alphas, (walks, steps)."""
        walked = ((self.margins(alpha) > 0) | (self.steps == 0)).all(dim=1)
        found: NDArray[np.bool_] = (self.by_question(walked.float()) > 0).numpy()
        return found

    def rewards(self) -> NDArray[np.bool_]:
        """Whether each question comes to a wanted answer at each of `STRENGTHS`."""
        fixed = [self.reached(torch.full(self.steps.shape, strength)) for strength in STRENGTHS]
        return np.stack(fixed, axis=1)

    def known(self, case: Sequence[str]) -> list[Facts]:
        """What is known about each question, where these facts are."""
        return [
            Facts(
                p_know=one.p_know if "p_know" in case else None,
                support=one.support if "support" in case else None,
            )
            for one in (self.facts[row] for row in self._first_walks())
        ]

    def first_figures(self) -> NDArray[np.float32]:
        """Of both streams at the first token of each question, (questions, figures)."""
        return self.figures[self._first_walks(), 0].numpy().astype(np.float32)

    def considered(self, case: Sequence[str]) -> NDArray[np.float32]:
        """What is gone by with these facts known, (questions, considered)."""
        return considered(self.known(case), self.first_figures())

    def _first_walks(self) -> list[int]:
        """A walk of each question; they all begin alike."""
        owners = self.owners.tolist()
        return [owners.index(question) for question in range(len(self.kinds))]

    def margins(self, alpha: Tensor) -> Tensor:
        """How far the wanted token is ahead at each alpha, (walks, steps)."""
        return (self.ahead + alpha[..., None] * self.gained).amin(dim=-1)


def wanted(dispute: Dispute) -> tuple[str, ...]:
    """The answers that a dispute is to have."""
    if dispute.condition == "counterfactual":
        return tuple(str(one) for one in dispute.question.meta["counterfactual_answers"])
    return dispute.question.answers


def lesson_of(
    disputes: Sequence[Dispute], facts: Sequence[Facts], walks: Sequence[Sequence[Walk]]
) -> Lesson:
    """Put together what can be learned.

    Args:
        disputes: Questions with their passages.
        facts: What is known about each.
        walks: Of each dispute those at the `ALPHAS` of its condition.

    Raises:
        DataError: hardly any question of a kind has its wanted answer.
    """
    rows: list[tuple[int, Facts, Walk]] = []
    asked: list[Dispute] = []
    for dispute, fact, line in zip(disputes, facts, walks, strict=True):
        right = {_said(one): one for one in line if alias_match(one.text, wanted(dispute))}
        rows += [(len(asked), fact, one) for one in right.values()]
        asked += [dispute] if right else []
    for kind in ALPHAS:
        if (found := sum(one.condition == kind for one in asked)) < _LEAST:
            raise DataError(
                f"only {found} questions with {kind} passages come to their wanted answer.",
                hint=f"Give more of them: at least {_LEAST}, better two hundred.",
            )
    parts = [_parts(walk) for _, _, walk in rows]
    figures, ahead, gained, steps = (torch.stack(part) for part in zip(*parts, strict=True))
    return Lesson(
        tuple(one.condition for one in asked),
        tuple(one.question.id for one in asked),
        torch.tensor([owner for owner, _, _ in rows], dtype=torch.long),
        tuple(fact for _, fact, _ in rows),
        figures,
        ahead,
        gained,
        steps,
    )


def promises(
    lesson: Lesson, *, worth: Mapping[Condition, float], leaf: int, case: Sequence[str], seed: int = 0
) -> RewardForest:
    """Grow the forest that says what each strength promises, with these facts known.

    Args:
        lesson: What is learned from.
        worth: Of each kind, beside the others.
        leaf: Fewest questions in a leaf.
        case: Which facts are known.
        seed: Of the trees.
    """
    from sklearn.ensemble import RandomForestRegressor

    counts = {kind: lesson.kinds.count(kind) for kind in ALPHAS}
    weights = [worth[kind] / max(counts[kind], 1) for kind in lesson.kinds]
    grown = RandomForestRegressor(
        _TREES, min_samples_leaf=leaf, max_features=_COLUMNS, random_state=seed
    ).fit(lesson.considered(case), lesson.rewards(), sample_weight=weights)
    trees = [tree.tree_ for tree in grown.estimators_]
    shape = shape_of(trees)
    return RewardForest(
        roots=shape.roots.astype(np.int32),
        column=shape.column.astype(np.int8),
        limit=shape.limit,
        right=shape.right.astype(np.int16),
        share=np.concatenate([tree.value[:, :, 0] for tree in trees]).astype(np.float16),
    )


def reached(lesson: Lesson, decoder: AutoDecoder, case: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each question comes to a wanted answer, with these facts known."""
    chosen = decoder.strengths(lesson.known(case), lesson.first_figures())
    places = [STRENGTHS.index(strength) for strength in chosen]
    return lesson.rewards()[np.arange(len(places)), places]


def _said(walk: Walk) -> tuple[int, ...]:
    """The tokens of an answer, as far as they are learned from."""
    return tuple(int(walk.tokens[t][walk.chosen[t]]) for t in range(_count(walk)))


def _count(walk: Walk) -> int:
    """Steps that are learned from; the last one only ended the answer."""
    return max(min(len(walk.chosen) - 1, _STEPS), 1)


def _parts(walk: Walk) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Figures, how far ahead the wanted token is, what contrast adds, and which steps there are."""
    count = _count(walk)
    candidates = walk.tokens.shape[1]
    figures = torch.zeros(_STEPS, len(FIGURES))
    ahead = torch.zeros(_STEPS, candidates)
    gained = torch.zeros(_STEPS, candidates)
    steps = torch.zeros(_STEPS)
    steps[:count] = 1.0
    for t in range(count):
        chosen = walk.chosen[t]
        own = torch.from_numpy(walk.tokens[t] == walk.tokens[t][chosen])
        context, closed = (torch.tensor(one[t]) for one in (walk.context, walk.closed))
        contrast = context - closed
        figures[t] = torch.tensor(walk.figures[t])
        ahead[t] = (context[chosen] - context).masked_fill(own, torch.inf)
        gained[t] = (contrast[chosen] - contrast).masked_fill(own, 0.0)
    return figures, ahead, gained, steps


def fold_of(owner: str, folds: int) -> int:
    """Which fold a question is in; all of its passages are in the same."""
    return int.from_bytes(sha256(owner.encode()).digest()[:4], "big") % folds
