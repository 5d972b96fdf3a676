"""Filling passages with whole pieces of text, and dividing the pieces that are too long.

Tokens are counted for all texts at once, a few times in all, and never of a piece that is
certainly too long: a text of many megabytes without a full stop takes seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

__all__ = ["Span", "TokenCounter", "halves", "pack"]

TokenCounter = Callable[[Sequence[str]], list[int]]
"""Length of each text in tokens, such as `Embedder.count_tokens`."""

Span = tuple[int, int]
"""Where a piece of text begins and ends, in characters, end exclusive."""

Divide = Callable[[str, int, int], list[Span]]
"""Divides the piece of a text between two offsets into several shorter ones."""

_SPACE = re.compile(r"\s+")
_LONGEST_TOKEN = 8
"""Characters. A piece with more of them than this for each token allowed is divided uncounted."""

_NEAR = 256


def pack(
    texts: Sequence[str],
    pieces: Sequence[Sequence[Span]],
    count_tokens: TokenCounter,
    *,
    divide: Divide,
    max_tokens: int,
    overlap_tokens: int = 0,
) -> list[list[Span]]:
    """Fill passages with pieces in order, each begun by the end of the one before it.

    Args:
        texts: What to cut.
        pieces: Of each text, what belongs together, such as its sentences.
        count_tokens: Counts for many pieces at once.
        divide: For pieces that are too long by themselves.
        max_tokens: Most tokens in one passage.
        overlap_tokens: Most tokens in whole pieces that are repeated from the passage before.
    """
    packing = _Packing(texts, count_tokens, divide, max_tokens, overlap_tokens)
    units = packing.fit(pieces)
    return packing.fit_packed([packing.fill(of_text) for of_text in units])


def halves(text: str, start: int, end: int) -> list[Span]:
    """Cut at the white space nearest to the middle, or in the middle where there is none."""
    middle = (start + end) // 2
    width = _NEAR
    while True:
        low, high = max(start, middle - width), min(end, middle + width)
        gaps = [match.span() for match in _SPACE.finditer(text, low, high)]
        # White space that begins before the window is further away than what it seems.
        if gaps and gaps[0][0] == low > start and text[low - 1].isspace():
            del gaps[0]
        if gaps or (low == start and high == end):
            break
        width *= 4
    left, right = min(gaps, key=lambda gap: abs(gap[0] - middle), default=(middle, middle))
    while left < right < end and text[right].isspace():
        right += 1
    return [(start, left), (right, end)]


@dataclass(frozen=True, slots=True)
class _Unit:
    """A piece, or a part of one that was too long."""

    start: int
    end: int
    tokens: int


@dataclass(frozen=True, slots=True)
class _Packing:
    """The steps of one call of `pack`."""

    texts: Sequence[str]
    count_tokens: TokenCounter
    divide: Divide
    max_tokens: int
    overlap_tokens: int

    def fit(self, spans: Sequence[Sequence[Span]]) -> list[list[_Unit]]:
        """Count all pieces, and divide those that are too long until none is."""
        counts = self._count(spans)
        units = [
            [_Unit(*span, tokens) for span, tokens in zip(of_text, counted, strict=True)]
            for of_text, counted in zip(spans, counts, strict=True)
        ]
        while any(self._is_long(unit) for unit in chain.from_iterable(units)):
            parts = [
                [self.divide(text, u.start, u.end) if self._is_long(u) else [] for u in of_text]
                for text, of_text in zip(self.texts, units, strict=True)
            ]
            fresh = [list(chain.from_iterable(of_text)) for of_text in parts]
            counted = [iter(of_text) for of_text in self._count(fresh)]
            units = [
                [
                    part
                    for unit, split in zip(of_text, divided, strict=True)
                    for part in ([_Unit(*span, next(tokens)) for span in split] or [unit])
                ]
                for of_text, divided, tokens in zip(units, parts, counted, strict=True)
            ]
        return units

    def fill(self, units: list[_Unit]) -> list[list[_Unit]]:
        """Fill passages with units in order, each begun by the tail of the one before."""
        packed: list[list[_Unit]] = []
        current: list[_Unit] = []
        tokens = 0
        for unit in units:
            if current and tokens + unit.tokens > self.max_tokens:
                packed.append(current)
                room = min(self.overlap_tokens, self.max_tokens - unit.tokens)
                current = _tail(current, room)
                tokens = sum(kept.tokens for kept in current)
            current.append(unit)
            tokens += unit.tokens
        return [*packed, current] if current else packed

    def fit_packed(self, packed: list[list[list[_Unit]]]) -> list[list[Span]]:
        """Split passages that are longer than their parts together: some tokenisers do that."""
        while True:
            spans = [[(units[0].start, units[-1].end) for units in of_text] for of_text in packed]
            counts = self._count(spans)
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

    def _is_long(self, unit: _Unit) -> bool:
        # A single character cannot be divided, however many tokens it makes.
        return unit.tokens > self.max_tokens and unit.end - unit.start > 1

    def _count(self, spans: Sequence[Sequence[Span]]) -> list[list[int]]:
        longest = self.max_tokens * _LONGEST_TOKEN
        pieces = [
            text[start:end]
            for text, of_text in zip(self.texts, spans, strict=True)
            for start, end in of_text
            if end - start <= longest
        ]
        counts = iter(self.count_tokens(pieces) if pieces else [])
        too_many = self.max_tokens + 1
        return [
            [next(counts) if end - start <= longest else too_many for start, end in of_text]
            for of_text in spans
        ]


def _tail(units: Sequence[_Unit], room: int) -> list[_Unit]:
    """The last units that fit into `room` tokens together."""
    kept: list[_Unit] = []
    for unit in reversed(units):
        if unit.tokens > room:
            break
        room -= unit.tokens
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
