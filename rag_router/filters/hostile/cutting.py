"""Which pieces of a text fall, given what was found in it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from rag_router.filters.hostile.folding import Folded, fold
from rag_router.filters.hostile.scanning import scan
from rag_router.filters.hostile.suspicion import Suspicion, together
from rag_router.filters.hostile.units import set_apart, unit_spans
from rag_router.filters.hostile.unseen import unseen_spans

__all__ = ["Cut", "cut"]

_ALONE: Final = frozenset({"unseen", "encoded"})
"""Kinds whose stretches fall alone: what stands around them stays."""
_BESIDE: Final = 0.25
"""What makes a piece fall that stands beside one that does."""
_UNSEEN: Final = 0.2
"""The same for what nobody sees."""
_ORDER: Final = re.compile(
    r"[\W_]*(?:please |then |and |now |so |instead,? |afterwards,? |also |simply |just |"
    r"finally,? )*"
    r"(?:say|reply|respond|answer|print|output|write|confirm|tell|follow|copy|comply|translate|"
    r"decode|convert|execute|repeat|begin|end|state|return|report|do so|run|call|send|include|"
    r"show|render|always|never|only|remember|instead|from now|if|when|your|you|the user|"
    r"the answer)\b"
)
_TO_MACHINES: Final = re.compile(
    r"\b(?:say|says|reply|replies|respond|responds|answer|answers|output|ai|llm|llms|bots?|"
    r"chatbots?|assistants?|models?|"
    r"prompt|instructions?|ignore|users?|quer(?:y|ies)|questions?|must|always|recommend|"
    r"summari[sz]e|"
    r"tell|write|claim|name|mention|visitors?|readers?|sign|speak|greet|say|rate|rank|score|"
    r"evaluat\w+|prefer|hire|candidate|approve|excellent|do not)\b"
)


@dataclass(frozen=True, slots=True)
class Cut:
    """What is to be left of a text.

    Attributes:
        units: Where its pieces stand, in their order.
        stays: Numbers of those that stay.
        sure: How sure the surest piece that falls is one of an attack, in [0, 1]; of a text that
            is left alone, that of its most suspicious piece.
        reasons: What was seen in what falls, in words, the gravest first.
    """

    units: tuple[tuple[int, int], ...] = ()
    stays: tuple[int, ...] = ()
    sure: float = 0.0
    reasons: tuple[str, ...] = ()

    @property
    def falls(self) -> int:
        """How many pieces fall."""
        return len(self.units) - len(self.stays)


def cut(text: str, *, threshold: float, learned: bool = True) -> Cut:
    """Say which pieces of a text speak to the model, and fall.

    Args:
        text: As it stands in a passage.
        threshold: How sure it must be of a piece, in (0, 1].
        learned: Whether wordings that were learned are looked for beside the rules.
    """
    folded = fold(text)
    found = scan(text, folded, learned=learned) + _unseen(folded)
    if not found:
        return Cut()
    apart = [one for one in found if one.kind in _ALONE and one.weight >= threshold]
    units = set_apart(unit_spans(text), [(one.start, one.end) for one in apart])
    held = _by_unit(found, units)
    sure = [together(some) for some in held]
    falls = [one >= threshold for one in sure]
    if not any(falls):
        return Cut(sure=max(sure, default=0.0))
    _spread(text, units, held, falls)
    fallen = [some for some, fell in zip(held, falls, strict=True) if fell]
    weights = {one.what: one.weight for one in sorted(chain(*fallen), key=_weight)}
    return Cut(
        units=tuple(units),
        stays=tuple(at for at, fell in enumerate(falls) if not fell),
        sure=max(map(together, fallen)),
        reasons=tuple(sorted(weights, key=lambda what: -weights[what])),
    )


def _weight(one: Suspicion) -> float:
    return one.weight


def _unseen(folded: Folded) -> list[Suspicion]:
    """What nobody sees and the slightest word of which is meant for machines."""
    return [
        Suspicion(start=start, end=end, kind="unseen", weight=0.9, what="is not shown to readers")
        for begin, stop in unseen_spans(folded.text)
        if _TO_MACHINES.search(folded.text, begin, stop)
        for start, end in (folded.span(begin, stop),)
    ]


def _by_unit(found: Sequence[Suspicion], units: Sequence[tuple[int, int]]) -> list[list[Suspicion]]:
    """Return for each piece what was found in it, were it a part only."""
    held: list[list[Suspicion]] = [[] for _ in units]
    ends = [end for _, end in units]
    for one in found:
        for at in range(bisect_right(ends, one.start), len(units)):
            if units[at][0] >= one.end:
                break
            held[at].append(one)
    return held


def _spread(
    text: str,
    units: Sequence[tuple[int, int]],
    held: Sequence[Sequence[Suspicion]],
    falls: list[bool],
) -> None:
    """Let pieces fall beside those that do, where they go on giving orders.

    So does what stands behind a heading of a prompt that has a line for itself.
    """
    sure = [together(some) for some in held]
    for step, order in ((1, range(1, len(units))), (-1, range(len(units) - 2, -1, -1))):
        for at in order:
            if falls[at] or not falls[at - step]:
                continue
            start, end = units[at]
            goes_on = step == 1 and _ORDER.match(fold(text[start : min(end, start + 200)]).text)
            heads = step == 1 and any(
                one.kind == "role" and one.end >= units[at - 1][1] for one in held[at - 1]
            )
            falls[at] = sure[at] >= _BESIDE or bool(goes_on) or heads
