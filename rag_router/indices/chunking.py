"""Cutting texts into passages: whole sentences, up to so many of the embedder's tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass as value
from itertools import chain
from typing import Annotated, Any

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.text import sentence_spans

__all__ = ["Chunk", "SentenceChunker", "TokenCounter"]

TokenCounter = Callable[[Sequence[str]], list[int]]
"""Length of each text in tokens, such as `Embedder.count_tokens`."""

Span = tuple[int, int]
"""Where a piece of text begins and ends, in characters, end exclusive."""

_SPACE = re.compile(r"\s+")


@value(frozen=True, slots=True)
class Chunk:
    """A piece of a text; `start` is its first character's offset."""

    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SentenceChunker:
    """Pack sentences into passages, each begun by the end of the one before it.

    A sentence longer than a passage is halved at a space, again and again, until the parts fit;
    a word longer than a passage is halved between characters. Sentences are repeated whole or
    not at all, so that an overlap may be shorter than allowed, and is empty after a long one.

    Args:
        max_tokens: Most tokens in one passage, >= 8. 200 keeps a passage of 100-150 words whole and fits
            the 256 tokens that small sentence embedders read.
        overlap_tokens: Most tokens repeated from the passage before, below `max_tokens`.
    """

    max_tokens: Annotated[int, Field(ge=8)] = 200
    overlap_tokens: Annotated[int, Field(ge=0)] = 24

    @model_validator(mode="after")
    def _overlap_is_shorter(self) -> SentenceChunker:
        if self.overlap_tokens >= self.max_tokens:
            raise ValueError(
                f"overlap_tokens ({self.overlap_tokens}) must be below "
                f"max_tokens ({self.max_tokens})"
            )
        return self

    @property
    def settings(self) -> dict[str, Any]:
        """What the passages depend on, for manifests and hashes."""
        return {
            "kind": "sentence",
            "max_tokens": self.max_tokens,
            "overlap_tokens": self.overlap_tokens,
        }

    def chunk(self, texts: Sequence[str], count_tokens: TokenCounter) -> list[list[Chunk]]:
        """Cut each text; blank ones give no chunk.

        Chunks stand in the order of the text and hold all its characters but white space
        between sentences. Tokens are counted for all texts at once, a few times in all.
        """
        sentences = [sentence_spans(text) for text in texts]
        units = self._fit(texts, sentences, count_tokens)
        packed = [self._pack(of_text) for of_text in units]
        spans = self._fit_packed(texts, packed, count_tokens)
        return [
            [Chunk(start, text[start:end]) for start, end in of_text]
            for text, of_text in zip(texts, spans, strict=True)
        ]

    def _fit(
        self, texts: Sequence[str], spans: list[list[Span]], count_tokens: TokenCounter
    ) -> list[list[_Unit]]:
        """Count all spans, and halve those that are too long until none is."""
        counts = _count(texts, spans, count_tokens)
        units = [
            [_Unit(*span, tokens) for span, tokens in zip(of_text, counted, strict=True)]
            for of_text, counted in zip(spans, counts, strict=True)
        ]
        while any(self._is_long(unit) for unit in chain.from_iterable(units)):
            halves = [
                [_halves(text, u.start, u.end) if self._is_long(u) else [] for u in of_text]
                for text, of_text in zip(texts, units, strict=True)
            ]
            fresh = [list(chain.from_iterable(of_text)) for of_text in halves]
            counted = [iter(of_text) for of_text in _count(texts, fresh, count_tokens)]
            units = [
                [
                    part
                    for unit, split in zip(of_text, parts, strict=True)
                    for part in ([_Unit(*span, next(tokens)) for span in split] or [unit])
                ]
                for of_text, parts, tokens in zip(units, halves, counted, strict=True)
            ]
        return units

    def _is_long(self, unit: _Unit) -> bool:
        # A single character cannot be halved, however many tokens it makes.
        return unit.tokens > self.max_tokens and unit.end - unit.start > 1

    def _pack(self, units: list[_Unit]) -> list[list[_Unit]]:
        """Fill passages with units in order, each begun by the tail of the one before."""
        packed: list[list[_Unit]] = []
        current: list[_Unit] = []
        for unit in units:
            if current and _tokens(current) + unit.tokens > self.max_tokens:
                packed.append(current)
                room = min(self.overlap_tokens, self.max_tokens - unit.tokens)
                current = _tail(current, room)
            current.append(unit)
        return [*packed, current] if current else packed

    def _fit_packed(
        self, texts: Sequence[str], packed: list[list[list[_Unit]]], count_tokens: TokenCounter
    ) -> list[list[Span]]:
        """Split passages that are longer than their parts together: some tokenisers do that."""
        while True:
            spans = [[(units[0].start, units[-1].end) for units in of_text] for of_text in packed]
            counts = _count(texts, spans, count_tokens)
            if not any(
                tokens > self.max_tokens and len(units) > 1
                for of_text, counted in zip(packed, counts, strict=True)
                for units, tokens in zip(of_text, counted, strict=True)
            ):
                return [_without_contained(of_text) for of_text in spans]
            packed = [
                [
                    part
                    for units, tokens in zip(of_text, counted, strict=True)
                    for part in _split(units, tokens > self.max_tokens)
                ]
                for of_text, counted in zip(packed, counts, strict=True)
            ]


@value(frozen=True, slots=True)
class _Unit:
    """A sentence, or a part of one that was too long."""

    start: int
    end: int
    tokens: int


def _count(
    texts: Sequence[str], spans: Sequence[Sequence[Span]], count_tokens: TokenCounter
) -> list[list[int]]:
    pieces = [
        text[start:end]
        for text, of_text in zip(texts, spans, strict=True)
        for start, end in of_text
    ]
    counts = iter(count_tokens(pieces) if pieces else [])
    return [[next(counts) for _ in of_text] for of_text in spans]


def _halves(text: str, start: int, end: int) -> list[Span]:
    """Cut at the white space nearest to the middle, or in the middle where there is none."""
    middle = (start + end) // 2
    gaps = [match.span() for match in _SPACE.finditer(text, start, end)]
    nearest = min(gaps, key=lambda gap: abs(gap[0] - middle), default=(middle, middle))
    return [(start, nearest[0]), (nearest[1], end)]


def _tokens(units: Sequence[_Unit]) -> int:
    return sum(unit.tokens for unit in units)


def _tail(units: Sequence[_Unit], room: int) -> list[_Unit]:
    """The last units that fit into `room` tokens together."""
    kept: list[_Unit] = []
    for unit in reversed(units):
        if _tokens(kept) + unit.tokens > room:
            break
        kept.insert(0, unit)
    return kept


def _split(units: list[_Unit], too_long: bool) -> list[list[_Unit]]:
    if not too_long or len(units) == 1:
        return [units]
    return [units[: len(units) // 2], units[len(units) // 2 :]]


def _without_contained(spans: Sequence[Span]) -> list[Span]:
    """Drop what an earlier passage holds already, which happens when a passage is split."""
    kept: list[Span] = []
    for span in spans:
        if not kept or span[1] > kept[-1][1]:
            kept.append(span)
    return kept
