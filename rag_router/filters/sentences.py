"""Cutting a passage to some of its sentences, and knowing where these stood.

The sentences that stay are in the order of the document. Where neighbours stay, what stood
between them stays too; where something between two was left out, one space takes its place if
there was white space, so that a passage never grows. `Judged.spans` says where the pieces stood
in the text as it was found, however often it has been cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rag_router.text import sentence_spans
from rag_router.types import Judged

__all__ = ["Span", "cut_short", "cut_to", "cut_to_units", "sentence_places", "sentences_of"]

Span = tuple[int, int]
"""Characters from, and up to but not including."""


def sentences_of(one: Judged) -> list[str]:
    """Return the sentences of a passage as it stands, in their order.

    A passage that has been cut is taken apart where it was cut, too.
    """
    text = one.hit.passage.text
    return [text[start:end] for start, end in sentence_places(one)]


def sentence_places(one: Judged) -> list[Span]:
    """Return where the sentences of a passage stand in its text as it is.

    None reaches across a place where something was cut out.
    """
    text = one.hit.passage.text
    return [
        (piece[0] + start, piece[0] + end)
        for piece in _placed(one)
        for start, end in sentence_spans(text[slice(*piece)])
    ]


def cut_to(
    one: Judged,
    chosen: Sequence[int],
    why: str,
    *,
    count_tokens: Callable[[str], int] | None = None,
) -> Judged:
    """Keep some sentences of a passage; with none of them it is dropped.

    Args:
        one: The passage; one that is not kept stays as it is.
        chosen: Numbers of the sentences to keep, as `sentences_of` counts them, in any order.
        why: The reason, in words.
        count_tokens: Length of a text in the reading model's tokens. A cut that makes it longer,
            for tokenisers have their ways, is not made.
    """
    return cut_to_units(one, sentence_places(one), chosen, why, count_tokens=count_tokens)


def cut_to_units(
    one: Judged,
    units: Sequence[Span],
    chosen: Sequence[int],
    why: str,
    *,
    count_tokens: Callable[[str], int] | None = None,
) -> Judged:
    """Keep some of the units that a passage was taken apart into, such as words.

    Args:
        one: The passage; one that is not kept stays as it is.
        units: Where they stand in its text as it is, in their order.
        chosen: Numbers of those to keep, in any order.
        why: The reason, in words.
        count_tokens: Length of a text in the reading model's tokens.
    """
    if not one.kept:
        return one
    some = set(chosen)
    if not some:
        return replace(one, kept=False, why=why)
    if len(some) == len(units):
        return replace(one, why=why)
    cut = _with_pieces(one, _runs(units, some), why)
    if count_tokens is not None:
        before, after = (count_tokens(j.hit.passage.text) for j in (one, cut))
        return cut if after <= before else replace(one, why=why)
    return cut


def cut_short(one: Judged, end: int, why: str) -> Judged:
    """Keep the first characters of a passage, up to `end`."""
    text = one.hit.passage.text
    if end >= len(text):
        return replace(one, why=why)
    pieces = [(start, min(stop, end)) for start, stop in _placed(one) if start < end]
    shorter = replace(one.hit.passage, text=text[:end])
    return replace(
        one,
        hit=replace(one.hit, passage=shorter),
        why=why,
        spans=tuple(_as_found(one, piece) for piece in pieces),
    )


def _placed(one: Judged) -> list[Span]:
    """Where the pieces of a passage stand in its text as it is."""
    text = one.hit.passage.text
    if not one.spans:
        return [(0, len(text))]
    pieces: list[Span] = []
    at = 0
    for number, (start, end) in enumerate(one.spans):
        # Between two pieces stands a space or nothing; pieces begin and end in what is no space.
        at += int(number > 0 and text[at : at + 1].isspace())
        pieces.append((at, at + end - start))
        at += end - start
    return pieces


def _runs(units: Sequence[Span], some: set[int]) -> list[Span]:
    """Join neighbours among the chosen ones."""
    runs: list[Span] = []
    last = -2
    for number in sorted(some):
        start, end = units[number]
        if number == last + 1:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
        last = number
    return runs


def _with_pieces(one: Judged, runs: Sequence[Span], why: str) -> Judged:
    """Put pieces of the text together; a run that reaches across a cut is two pieces."""
    old = one.hit.passage.text
    text = ""
    for number, (start, end) in enumerate(runs):
        before = old[runs[number - 1][1] : start] if number else ""
        text += (" " if before[:1].isspace() or before[-1:].isspace() else "") + old[start:end]
    found = [
        _as_found(one, (max(start, left), min(end, right)))
        for start, end in runs
        for left, right in _placed(one)
        if max(start, left) < min(end, right)
    ]
    passage = replace(one.hit.passage, text=text)
    return replace(one, hit=replace(one.hit, passage=passage), why=why, spans=tuple(found))


def _as_found(one: Judged, piece: Span) -> Span:
    """Where a piece of one of the pieces of a passage stood when it was found."""
    if not one.spans:
        return piece
    start, end = piece
    for (left, right), (found, _) in zip(_placed(one), one.spans, strict=True):
        if left <= start and end <= right:
            return found + start - left, found + end - left
    raise AssertionError("a piece reaches across a cut")
