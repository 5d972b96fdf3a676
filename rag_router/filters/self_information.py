"""What the model can guess needs no saying: drop the units of least self-information.

Li et al. 2023, "Compressing context to enhance inference efficiency of large language models"
(Selective Context, EMNLP 2023, arXiv 2310.06201; 2304.12102). A token's self-information under the
generator, read sentence by sentence, adds up over a unit,

    I(x_t) = -log2 P(x_t | x_<t),        I(u) = sum over t in u of I(x_t),

and of a passage's units those stay whose I(u) reaches the p-th percentile. The question plays no
part, so that this shortens what is read and does not tell whether it helps: BIDER's authors
(arXiv 2402.12174) measured it below the untouched prompt on question answering.

A passage's figure, for the curve, is its bits a word. Units are sentences, phrases or words; half
a word cannot be left out of a text, so that a word is the smallest. The paper's phrases are noun
chunks of a parser; ours are the runs between function words and punctuation, with the function
words before them. Figures of a sentence's first word go by the model's begin token, or its end
token where it has no other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.filters.base import FilterContext
from rag_router.filters.scored import ScoredFilter
from rag_router.filters.sentences import Span, cut_to_units, sentence_places
from rag_router.filters.units import phrases_of, words_of
from rag_router.models.base import CausalModel
from rag_router.models.likelihood import continuation_logprobs
from rag_router.signals import Board, Cost
from rag_router.signals.base import Requirements
from rag_router.types import Judged

__all__ = ["SelfInformationFilter"]

_READ: Final = 256
"""Most tokens of a sentence that are read; what lies beyond stays."""

_SPACED: Final = re.compile(r"\s")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SelfInformationFilter(ScoredFilter):
    """Shorten passages by what the model could have guessed itself.

    Args:
        min_support: Drop passages below this probability, in [0, 1]. None takes the fitted one, or
            0.1; without a curve it drops nothing.
        curve: Slope and intercept from a passage's bits a word to the log-odds of helping; empty
            until fitted.
        unit: What stays or goes as a whole.
        percentile: Units below this percentile of their passage's go, in [0, 100]; 0 cuts nothing.
    """

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    unit: Literal["word", "phrase", "sentence"] = "phrase"
    percentile: Annotated[float, Field(ge=0.0, le=100.0)] = 50.0

    learned_of = "generator"
    asks = "a decode step for each token"

    def raw(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[float]]:
        """Bits a word of each passage, as far as it is read."""
        del questions
        return [[_mean(bits) for _, bits in line] for line in self._bits(judged, context)]

    def judge(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[Judged]]:
        del questions
        return [
            [self._judge_one(one, *read, context) for one, read in zip(*both, strict=True)]
            for both in zip(judged, self._bits(judged, context), strict=True)
        ]

    def described(self, figure: float) -> str:
        return f"{figure:.2f} bits a word"

    def _judge_one(
        self, one: Judged, words: Sequence[Span], bits: Sequence[float], context: FilterContext
    ) -> Judged:
        settled = self.settled(one, _mean(bits))
        if not settled.kept or settled.support is None:
            return settled
        units, sums = self._units(one, words, bits)
        if np.isnan(sums).all():
            return settled
        least = float(np.nanpercentile(sums, self.percentile))
        chosen = [number for number, value in enumerate(sums) if not value < least]
        if len(chosen) == len(units):
            return settled
        why = f"{settled.why}; {len(chosen)} of {len(units)} {self.unit}s reach {least:.1f} bits"
        return cut_to_units(settled, units, chosen, why, count_tokens=context.count_tokens)

    def _units(
        self, one: Judged, words: Sequence[Span], bits: Sequence[float]
    ) -> tuple[list[Span], list[float]]:
        """Units and what each adds up to; NaN for one that was not read to its end."""
        places = sentence_places(one)
        if self.unit == "word":
            units = list(words)
        elif self.unit == "sentence":
            units = places
        else:
            units = phrases_of(one.hit.passage.text, places, words)
        sums = [0.0] * len(units)
        at = 0
        for (start, _), value in zip(words, bits, strict=True):
            while units[at][1] <= start:
                at += 1
            sums[at] += value
        return units, sums

    def _bits(
        self, judged: Sequence[Sequence[Judged]], context: FilterContext
    ) -> list[list[tuple[list[Span], list[float]]]]:
        """Words of each kept passage and the bits of each, NaN for what is not read."""
        board = context.asked_of("self_information")
        places: list[tuple[int, int, list[Span], list[list[int]]]] = []
        out: list[list[tuple[list[Span], list[float]]]] = []
        for number, line in enumerate(judged):
            out.append([([], []) for _ in line])
            for rank, one in enumerate(line):
                for sentence in sentence_places(one) if one.kept else ():
                    words = words_of(one.hit.passage.text, sentence)
                    tokens = _tokens(board.model, one.hit.passage.text, words)
                    places.append((number, rank, words, tokens))
        read = _read(board, [tokens for *_, tokens in places])
        for (number, rank, words, tokens), logprobs in zip(places, read, strict=True):
            spans, bits = out[number][rank]
            spans += words
            bits += _by_word(tokens, logprobs)
            cost = Cost(decode_steps=len(logprobs), forward_rows=len(logprobs))
            board.charge(context.rows[number], cost)
        return out


def _tokens(model: CausalModel, text: str, words: Sequence[Span]) -> list[list[int]]:
    """Tokens of each word as it stands behind the one before; none beyond what is read."""
    out: list[list[int]] = []
    left = _READ
    for start, end in words:
        if left <= 0:
            out.append([])
            continue
        lead = " " if out and _SPACED.match(text, start - 1) else ""
        # No word that anybody reads is longer than this.
        out.append(model.encode(lead + text[start : min(end, start + 400)], begin=False)[:left])
        left -= len(out[-1])
    return out


def _read(board: Board, sentences: Sequence[Sequence[Sequence[int]]]) -> list[tuple[float, ...]]:
    model = board.model
    begin = model.encode("") or sorted(model.end_ids)[:1] or model.encode("\n", begin=False)
    flat = [[token for word in words for token in word] for words in sentences]
    return continuation_logprobs(
        model, [begin] * len(flat), flat, batch_size=max(board.batch_size, 1)
    )


def _by_word(tokens: Sequence[Sequence[int]], logprobs: Sequence[float]) -> list[float]:
    bits: list[float] = []
    at = 0
    for word in tokens:
        some = logprobs[at : at + len(word)]
        bits.append(round(-sum(some) / math.log(2), 4) if some else math.nan)
        at += len(word)
    return bits


def _mean(bits: Sequence[float]) -> float:
    said = [value for value in bits if not math.isnan(value)]
    return round(sum(said) / len(said), 4) if said else math.nan
