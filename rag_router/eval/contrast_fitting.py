"""Fitting `auto`: how far to follow passages, learned where that is right and where it is wrong.

Three kinds of questions are learned from: with true passages and with falsified ones, where the
wanted answer is what the passage says, and memory's own is as good where it is the true one; and with passages beside the point, whose question memory
answers rightly, where the wanted answer is memory's own. Of each question those walks are taken
that lead to a wanted answer (see `walks`), each answer once. Where none does, nothing that `auto`
can choose would, and the question teaches nothing.

At step t of a walk the wanted token w is ahead of any other by

    m_t(alpha) = min over v of  s(w) - s(v),       s = log q + alpha (log q - log p)

and the weights are those of least loss,

    L = sum over questions of  c_k (1 - sum over walks of prod over t of sigma( m_t(alpha_t) / T ))
        + penalty (|u|^2 + |v|^2)

with c_k one over the number of questions of a question's kind, times what the kind is worth, and
T = 1/4. Two walks of a question are two answers, of which at most one is given, so that their
shares add up. It is nearly the number of answers that would come out otherwise, and bounded for
each question, so that none that is out of reach counts for more than one. Weights are fitted for
each case of `considerations.CASES`, from the same questions with what is not known left out.
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
from torch.nn.functional import logsigmoid

from rag_router.decoders.auto import AutoDecoder, strength
from rag_router.decoders.comparison import FIGURES
from rag_router.decoders.considerations import CASES, CONSIDERED, considered
from rag_router.errors import DataError
from rag_router.eval.disputes import Condition, Dispute
from rag_router.eval.walks import Walk
from rag_router.models.streams import Facts
from rag_router.scoring import alias_match

__all__ = ["ALPHAS", "Lesson", "fit_lines", "lesson_of", "reached", "wanted"]

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

_ROUNDS: Final = 120

_TAU: Final = 0.25
"""Nats: how sharply one token's being ahead counts as its being chosen."""


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

    def considered(self, case: Sequence[str]) -> Tensor:
        """What the weights are of, with these facts known, (walks, steps, considered)."""
        known = [
            Facts(
                p_know=one.p_know if "p_know" in case else None,
                support=one.support if "support" in case else None,
            )
            for one in self.facts
        ]
        first = self.figures[:, 0]
        later = torch.ones(len(known))
        return torch.stack(
            [
                considered(known, self.figures[:, t], first, later * (t > 0))
                for t in range(self.figures.shape[1])
            ],
            dim=1,
        )

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


def fit_lines(
    lesson: Lesson,
    *,
    most: float,
    penalty: float,
    worth: Mapping[Condition, float],
    cases: Sequence[tuple[str, ...]] = CASES,
) -> tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]:
    """Fit the weights u and v for each case.

    Args:
        lesson: What is learned from.
        most: Greatest alpha.
        penalty: Of large weights, >= 0.
        worth: Of each kind, beside the others.
        cases: Those to fit; the weights of any other one are 0.
    """
    nothing = torch.zeros(2, len(CONSIDERED))
    fitted = [
        (_fitted(lesson, case, most, penalty, worth) if case in cases else nothing).tolist()
        for case in CASES
    ]
    return tuple((tuple(keep), tuple(amplify)) for keep, amplify in fitted)


def reached(lesson: Lesson, decoder: AutoDecoder, case: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each question comes to a wanted answer, with these facts known."""
    lines = torch.tensor(decoder.lines[CASES.index(tuple(case))])
    keep, amplify = (lesson.considered(case) @ lines.T).unbind(dim=-1)
    return lesson.reached(strength(keep, amplify, most=decoder.most))


def _fitted(
    lesson: Lesson,
    case: Sequence[str],
    most: float,
    penalty: float,
    worth: Mapping[Condition, float],
) -> Tensor:
    """The weights u and v, (2, considered)."""
    seen = lesson.considered(case)
    there = seen[lesson.steps > 0]
    # Weights of numbers that vary alike are penalised alike, and not for where these numbers lie.
    middle, spread = there.mean(dim=0), there.std(dim=0).clamp(min=1e-3)
    middle[0], spread[0] = 0.0, 1.0
    seen = (seen - middle) / spread
    counts = {kind: lesson.kinds.count(kind) for kind in ALPHAS}
    share = torch.tensor([worth[kind] / max(counts[kind], 1) for kind in lesson.kinds])
    lines = torch.zeros(2, len(CONSIDERED))
    lines[:, 0] = -1.0
    lines.requires_grad_()
    optimiser = torch.optim.LBFGS([lines], max_iter=_ROUNDS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        keep, amplify = (seen @ lines.T).unbind(dim=-1)
        margins = lesson.margins(strength(keep, amplify, most=most))
        walked = (logsigmoid(margins / _TAU) * lesson.steps).sum(dim=1).exp()
        given = lesson.by_question(walked).clamp(max=1.0)
        total = (share * (1 - given)).sum() + penalty * (lines[:, 1:] ** 2).sum()
        total.backward()  # type: ignore[no-untyped-call]  # torch declares no types here
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    fitted = lines.detach() / spread
    fitted[:, 0] -= fitted[:, 1:] @ middle[1:]
    return fitted


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
