"""Everything that is looked for in one text, in time linear in its length."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from rag_router.filters.hostile.chat_markup import find_chat_markup
from rag_router.filters.hostile.disguises import readings
from rag_router.filters.hostile.encodings import (
    DECODING,
    ENCODING_RULES,
    decodings,
    long_runs,
    tagged,
)
from rag_router.filters.hostile.english import ENGLISH, SIGNS
from rag_router.filters.hostile.folding import Folded, fold
from rag_router.filters.hostile.glance import Glance, glance
from rag_router.filters.hostile.languages import LANGUAGES, find_unspaced
from rag_router.filters.hostile.links import find_links
from rag_router.filters.hostile.opinion import find_wordings
from rag_router.filters.hostile.rules import Rules
from rag_router.filters.hostile.suspicion import Suspicion, together
from rag_router.filters.hostile.talk import find_talk
from rag_router.filters.hostile.units import unit_spans

__all__ = ["scan"]

_ENGLISH: Final = Rules((*ENGLISH, *ENCODING_RULES), SIGNS | DECODING)
_OTHERS: Final = Rules(LANGUAGES)
_TELLS: Final = 0.3
"""From here on a disguised or encoded stretch says something to a model."""
_DISGUISED: Final = 0.95
_HIDDEN_LETTERS: Final = 3
_LONGEST_DISGUISE: Final = 400


def scan(text: str, folded: Folded | None = None, *, learned: bool = True) -> list[Suspicion]:
    """Return all that speaks to a model.

    Args:
        text: As it stands; offsets are of this text.
        folded: The same folded, where that is known.
        learned: Whether wordings that were learned are looked for beside the rules.
    """
    folded = fold(text) if folded is None else folded
    seen = glance(folded.text)
    original = folded.cased(text)
    found = _spoken(folded.text, original, seen)
    if learned:
        found += find_wordings(folded.text, original, unit_spans(original))
    for reading in readings(folded.text, seen):
        told = [one for one in _ENGLISH.find(reading.text) if one.weight >= _TELLS]
        if together(told) < _DISGUISED / 2:
            continue
        for one in told:
            start, end = reading.span(one.start, one.end)
            found.append(_disguised(start, end, reading.name))
    out = [_placed(one, folded) for one in found]
    out += _encoded(text, seen)
    return out + _hidden(text, folded, out)


def _spoken(text: str, original: str, seen: Glance) -> list[Suspicion]:
    return [
        *_ENGLISH.find(text, seen.words),
        *_OTHERS.find(text, seen.words),
        *find_unspaced(text),
        *find_chat_markup(text, seen),
        *find_links(text, original),
        *find_talk(text, original, seen),
    ]


def _placed(one: Suspicion, folded: Folded) -> Suspicion:
    start, end = folded.span(one.start, one.end)
    return replace(one, start=start, end=end)


def _encoded(text: str, seen: Glance) -> list[Suspicion]:
    found: list[Suspicion] = []
    for decoded in (*decodings(text, seen), *tagged(text)):
        plain = fold(decoded.text).text
        tells = any(one.weight >= _TELLS for one in _spoken(plain, plain, glance(plain)))
        weight = _DISGUISED if tells else 0.35
        what = f"holds orders in {decoded.name}" if tells else f"holds text in {decoded.name}"
        found.append(
            Suspicion(
                start=decoded.start, end=decoded.end, kind="encoded", weight=weight, what=what
            )
        )
    for start, end in long_runs(text, seen):
        what = "holds a word longer than any"
        found.append(Suspicion(start=start, end=end, kind="encoded", weight=0.65, what=what))
    return found


def _hidden(text: str, folded: Folded, found: list[Suspicion]) -> list[Suspicion]:
    """What was said with characters that are not what they look like was meant to go unseen."""
    if folded.changed < _HIDDEN_LETTERS:
        return []
    out: list[Suspicion] = []
    for one in found:
        piece = text[one.start : min(one.end, one.start + _LONGEST_DISGUISE)]
        if one.weight >= _TELLS and fold(piece).changed:
            out.append(_disguised(one.start, one.end, "characters that are not what they seem"))
    return out


def _disguised(start: int, end: int, name: str) -> Suspicion:
    what = f"holds orders in {name}"
    return Suspicion(start=start, end=end, kind="hidden", weight=_DISGUISED, what=what)
