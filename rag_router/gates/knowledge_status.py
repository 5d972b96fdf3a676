"""Knowledge status: consistent, conflicting or absent, by tests on sampled answers.

Xiao et al. 2025, "KScope: A framework for characterizing the knowledge status of language models"
(arXiv 2506.07458). Answers are sampled and put into groups of equal meaning; statistical tests
(`gates/modes`) find the answers that the model holds to. None: its knowledge is *absent*. One:
it is *consistent*. Several: it is *conflicting*. With the gold answer at hand, as in an
evaluation, the last two are correct or wrong, which makes the paper's five statuses.

The paper draws 100 answers in 20 wordings, at a temperature of 1 from larger models, and lets a
model say which are equal. With a fifth of the samples and one wording, the tests find less: a few
stray answers make a conflict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.gates.modes import modes_of
from rag_router.gates.sampled import SampledGate, share_logit
from rag_router.scoring import alias_match
from rag_router.signals.base import Signals
from rag_router.signals.meanings import Meanings
from rag_router.types import Question, Verdict

__all__ = ["KnowledgeStatusGate", "Status", "judged_status", "modes_held"]

Status = Literal["consistent", "conflicting", "absent"]

_STATUSES: Final[tuple[Status, ...]] = ("absent", "consistent", "conflicting")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class KnowledgeStatusGate(SampledGate):
    """Retrieve when sampled answers are in conflict, or hold to nothing.

    Until it is fitted, `p_know` is the share of samples that give the answer most held to, halved
    where others are held to as well; 0 where none is.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        curve: A slope for each score and, last, the intercept; empty until fitted.
        samples: How many answers are drawn; fewer than 5 can show nothing.
        temperature: They are drawn at; above 0.
        max_new_tokens: Longest answer.
        same: What counts as the same meaning; a frozen value.
        level: Of every test, in (0, 1).
        pruning: Which statistic drops rare answers: the corrected one, or that of the released
            code.
    """

    samples: Annotated[int, Field(ge=5, le=50)] = 20
    level: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.05
    pruning: Literal["corrected", "released"] = "corrected"

    options_kept: ClassVar[tuple[str, ...]] = (
        "samples",
        "temperature",
        "max_new_tokens",
        "level",
        "pruning",
    )
    penalty: ClassVar[float] = 1e-3

    @property
    def names(self) -> tuple[str, ...]:
        return ("modes", "share")

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """Answers held to, and the share of samples that give the first, shape (questions, 2)."""
        del questions
        released = self.pruning == "released"
        rows = []
        for drawn in signals.read(self.meanings):
            held = modes_held(drawn, level=self.level, released=released)
            counts = Counter(drawn.groups)
            most = max((counts[group] for group in held), default=0)
            rows.append([len(held), most / len(drawn.groups)])
        return np.array(rows, dtype=np.float64).reshape(-1, 2)

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        modes, share = features.T
        return np.column_stack([modes == 1, modes > 1, share_logit(share, self.samples)])

    def bare(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        modes, share = features.T
        return np.asarray(np.where(modes > 1, share / 2, share))

    def assess(self, questions: Sequence[Question], signals: Signals) -> list[Verdict]:
        said = super().assess(questions, signals)
        return [_with_status(verdict) for verdict in said]


def modes_held(drawn: Meanings, *, level: float = 0.05, released: bool = False) -> tuple[int, ...]:
    """Find the groups of equal meaning that a model holds to, refusals left out.

    Args:
        drawn: Sampled answers.
        level: Of every test.
        released: Prune by the statistic of the released code.
    """
    given = [g for g, refused in zip(drawn.groups, drawn.refused, strict=True) if not refused]
    counts = Counter(given)
    groups = list(counts)
    refusals = len(drawn.groups) - len(given)
    held = modes_of(list(counts.values()), refusals, level=level, released=released)
    return tuple(groups[at] for at in held)


def judged_status(drawn: Meanings, held: Sequence[int], aliases: Iterable[str]) -> str:
    """Return the paper's status of a question whose gold answers are known.

    Args:
        drawn: Sampled answers.
        held: Groups that the model holds to.
        aliases: Accepted answers.

    Returns:
        "absent", or "consistent" or "conflicting" with "_correct" or "_wrong" behind it.
    """
    status = _status(len(held))
    if status == "absent":
        return status
    accepted = tuple(aliases)
    right = any(
        group in held and alias_match(text, accepted)
        for text, group in zip(drawn.texts, drawn.groups, strict=True)
    )
    return f"{status}_{'correct' if right else 'wrong'}"


def _status(modes: int) -> Status:
    return _STATUSES[min(modes, 2)]


def _with_status(verdict: Verdict) -> Verdict:
    status = _status(int(verdict.signals["modes"]))
    return replace(verdict, status=status, reason=f"knowledge is {status}; {verdict.reason}")
