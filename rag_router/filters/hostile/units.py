"""The pieces that a passage is cut into: sentences, and lines that begin anew.

Text that is wrapped goes on in the next line with a small letter; a line that does not is one of
its own, so that a turn of a chat falls without the sentence before it.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag_router.text import sentence_spans

__all__ = ["set_apart", "unit_spans"]


def unit_spans(text: str) -> list[tuple[int, int]]:
    """Character offsets (start, end) of the pieces; all but white space lies in one of them."""
    units: list[tuple[int, int]] = []
    for begin, end in sentence_spans(text):
        start = at = begin
        while (line := text.find("\n", at, end)) >= 0:
            rest = text[line:end].lstrip()
            after = end - len(rest)
            if rest and not rest[0].islower() and text[start:line].strip():
                units.append((start, start + len(text[start:line].rstrip())))
                start = after
            at = max(after, line + 1)
        if text[start:end].strip():
            units.append((start, end))
    return units


def set_apart(
    units: Sequence[tuple[int, int]], whole: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Make one piece of each stretch of `whole`, and leave of the others what lies around it.

    Args:
        units: In order, none of them over another.
        whole: In any order; those that touch or overlap become one.
    """
    joined: list[tuple[int, int]] = []
    for start, end in sorted(whole):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    out: list[tuple[int, int]] = []
    at = 0
    for left, right in units:
        begin = left
        while at < len(joined) and joined[at][1] <= begin:
            at += 1
        step = at
        while step < len(joined) and joined[step][0] < right:
            start, end = joined[step]
            if begin < start:
                out.append((begin, start))
            begin, step = max(begin, end), step + 1
        if begin < right:
            out.append((begin, right))
    return sorted([*out, *joined])
