"""Drop the passage that says what no other says, where the others agree.

Isolate, then aggregate, after RobustRAG (Xiang et al. 2024, arXiv 2405.15556): the model answers
from every passage alone, and the keywords that at least min(beta, alpha n) of the n answers share
win. There the model is asked once more with these keywords and no passages; here the passages
whose answers hold none of them are dropped, and the rest is read as ever, so that the answer can
be cited. A passage that answers nothing in its own words is no dissenter, and stays.

It costs a prompt and an answer for each passage. One false passage among four that agree can
neither force its answer nor silence theirs (see `certificates`); two that agree with each other
hold their ground, and then it is a disagreement for `organise` to tell of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.filters.alone import said_alone
from rag_router.filters.base import FilterContext
from rag_router.filters.votes import Vote, count_votes
from rag_router.signals.base import Requirements
from rag_router.types import Judged

__all__ = ["VotingFilter"]

_SHOWN = 60


@dataclass(frozen=True, kw_only=True, config=STRICT)
class VotingFilter:
    """Drop lone dissenters: read each passage alone, and see who agrees.

    Args:
        alpha: Share of the answers that must hold a keyword for it to win, in [0, 1].
        beta: So many answers always suffice, >= 1.
        least: So many are needed wherever as many answer, >= 1; 1 is the published rule.
        passages: Most passages that are read alone, >= 1; those after them are left as they are.
    """

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    alpha: Annotated[float, Field(ge=0.0, le=1.0)] = 0.3
    beta: Annotated[int, Field(ge=1)] = 3
    least: Annotated[int, Field(ge=1)] = 2
    passages: Annotated[int, Field(ge=1)] = 10

    asks: ClassVar[str] = "an answer for each passage"

    @property
    def fitted(self) -> bool:
        return True

    def judge(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[Judged]]:
        said = said_alone(questions, judged, context, name="voting", most=self.passages)
        return [self._settle(line, some) for line, some in zip(judged, said, strict=True)]

    def vote(self, answers: Sequence[str]) -> Vote:
        """Count what answers from one passage each agree on."""
        return count_votes(answers, alpha=self.alpha, beta=self.beta, least=self.least)

    def _settle(self, line: Sequence[Judged], said: dict[int, str]) -> list[Judged]:
        vote = self.vote(list(said.values()))
        out = list(line)
        for number, at in enumerate(said):
            voice = vote.voices[number]
            if voice is None or not vote.winning:
                continue
            what = f"says {_quoted(said[at])}"
            if vote.agrees(number):
                agreeing = f"{vote.counts[voice]} of {vote.answering} passages that answer"
                out[at] = replace(line[at], why=f"{line[at].why}; {what}, like {agreeing}")
            else:
                most = f"{vote.best} of {vote.answering} passages that answer say otherwise"
                out[at] = replace(line[at], kept=False, why=f"{what}; {most}")
        return out


def _quoted(said: str) -> str:
    return repr(said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…")
