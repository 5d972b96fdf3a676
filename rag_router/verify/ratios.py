"""What passages do for an answer's likelihood: with them, without its sentences, without any.

    rise = mean_i [ log p(y_i | q, P, y_<i) - log p(y_i | q, y_<i) ]
    drop = mean_i [ log p(y_i | q, P, y_<i) - log p(y_i | q, P', y_<i) ]

P' are the passages without the sentences that hold the answer. An answer that the passages bring
about rises with them and drops with its sentences; one that would have been said anyway does
neither (the log-ratios of pointwise mutual information: van der Poel, Cotterell and Meister 2022,
arXiv 2210.13210).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rag_router.models.likelihood import continuation_logprobs
from rag_router.models.prompts import Prompt, contextual_prompt
from rag_router.scoring import holds_answer
from rag_router.signals import ClosedBookPass
from rag_router.signals.answer_states import answer_tokens
from rag_router.signals.base import Cost
from rag_router.text import sentence_spans
from rag_router.types import Passage
from rag_router.verify.base import Claim, VerifyContext

__all__ = ["Ratios", "read_ratios", "without_sentences"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratios:
    """What passages do for an answer.

    Attributes:
        mean: Mean log-probability of its tokens with the passages, in nats.
        least: That of its least likely token.
        rise: Nats a token that the passages add to memory.
        drop: Nats a token that its own sentences add to the rest; 0 where it stands in none.
        stands: Whether it stands in a passage.
        words: How many words it has.
    """

    mean: float
    least: float
    rise: float
    drop: float
    stands: bool
    words: int

    @property
    def row(self) -> NDArray[np.float64]:
        """All of them as numbers, for a head to read."""
        stands = float(self.stands)
        return np.array([self.mean, self.least, self.rise, self.drop, stands, np.log1p(self.words)])


def read_ratios(claims: Sequence[Claim], context: VerifyContext) -> list[Ratios]:
    """Read every answer without its sentences and without passages; each costs two prompts.

    Where decoding has not shown how likely it was with the passages, a third one.
    """
    asked: list[tuple[int, str, Prompt]] = []
    closed = context.board.read(ClosedBookPass(), context.rows)
    model, style = context.board.model, context.board.style
    for number, claim in enumerate(claims):
        asked.append((number, "closed", closed[number].prompt))
        if not claim.logprobs:
            prompt = contextual_prompt(model, style, claim.question, claim.passages)
            asked.append((number, "all", prompt))
        rest = without_sentences(claim.answer, claim.passages)
        if rest and rest != claim.passages:
            asked.append((number, "rest", contextual_prompt(model, style, claim.question, rest)))
    tokens = [answer_tokens(model, claim.answer) for claim in claims]
    logprobs = continuation_logprobs(
        model,
        [prompt.ids for _, _, prompt in asked],
        [tokens[number] for number, _, _ in asked],
        shared=[prompt.shared for _, _, prompt in asked],
        batch_size=context.board.batch_size,
    )
    found: list[dict[str, Sequence[float]]] = [{} for _ in claims]
    for (number, what, prompt), line in zip(asked, logprobs, strict=True):
        found[number][what] = line
        spent = Cost(prefill_tokens=len(prompt.ids), decode_steps=max(len(line) - 1, 0))
        rows = replace(spent, forward_rows=max(len(line), 1))
        context.board.charge(context.rows[number], rows)
    return [_ratios(claim, lines) for claim, lines in zip(claims, found, strict=True)]


def without_sentences(answer: str, passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Take the sentences that hold an answer out of passages; what is left empty goes whole."""
    left = []
    for passage in passages:
        text = passage.text
        spans = sentence_spans(text)
        kept = [(a, b) for a, b in spans if not holds_answer(text[a:b], [answer])]
        if len(kept) == len(spans):
            left.append(passage)
        elif kept:
            left.append(replace(passage, text=" ".join(text[a:b] for a, b in kept)))
    return tuple(left)


def _ratios(claim: Claim, lines: dict[str, Sequence[float]]) -> Ratios:
    whole = claim.logprobs or lines["all"]
    closed = lines["closed"]
    stands = any(holds_answer(passage.text, [claim.answer]) for passage in claim.passages)
    # Where nothing is left but the question, that is the rest.
    rest = lines.get("rest", closed if stands else whole)
    mean = _mean(whole)
    return Ratios(
        mean=mean,
        least=min(whole, default=0.0),
        rise=mean - _mean(closed),
        drop=mean - _mean(rest),
        stands=stands,
        words=len(claim.answer.split()),
    )


def _mean(line: Sequence[float]) -> float:
    return sum(line) / len(line) if line else 0.0
