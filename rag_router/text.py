"""Sentences, and text that comes from outside.

Shared by everything that cuts passages: chunking, prompts, filters and citations.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["as_data", "sentence_spans", "without_hidden"]

_WORDS: Final = """
    mr mrs ms dr prof st sr jr vs etc e.g i.e cf ca approx no nos vol fig eq inc ltd co corp gen
    col lt sgt capt rev hon jan feb mar apr jun jul aug sep sept oct nov dec u.s u.k u.n a.m p.m
    ph.d b.c a.d
"""
_ABBREVIATIONS: Final = frozenset(_WORDS.split())
# The full stops of Chinese and Japanese need no space behind them.
_BREAK: Final = re.compile(
    # A run is looked at once, from its beginning: millions of full stops take linear time.
    r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s|$)|[。！？]+[”’」』）]*|\n\s*\n|\n(?=\s*[-*•]\s)"
)
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs"})
_JOINERS: Final = "\u200c\u200d"
_FILLERS: Final = "\u034f\u115f\u1160\u3164\uffa0"
"""Marks and letters of no width and no ink."""
_SELECTORS: Final = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_SMUGGLED: Final = re.compile(rf"([{_SELECTORS}]?+[{_JOINERS}]?+)[{_SELECTORS}{_JOINERS}]+")
_MARKUP: Final = re.compile(r"<([|/!]?[\w|/ ▁｜-]{1,40}\|?)>")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Character offsets (start, end) of the sentences of `text`, without surrounding spaces.

    Full stops after abbreviations, initials and before lower-case words do not end a sentence.
    Every character that is not white space lies in exactly one span.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for found in _BREAK.finditer(text):
        if found.group().startswith(".") and not _ends_sentence(text, start, found):
            continue
        _append(spans, text, start, found.end())
        start = found.end()
    _append(spans, text, start, len(text))
    return spans


def as_data(text: str) -> str:
    """Make outside text harmless in a prompt: one line, no control characters, no markup.

    White space of any kind becomes one space, so that the text can neither close a delimiter
    that is a line break nor begin a line of its own; what looks like a model's special token
    ("<eos>", "<|im_start|>", "</passages>") keeps its letters but loses its angle brackets.
    Hidden and bidirectional control characters are dropped, and so are lone surrogates, which
    no tokeniser can read.
    """
    return _MARKUP.sub(r"‹\1›", " ".join(without_hidden(text).split()))


def without_hidden(text: str) -> str:
    """Drop control, bidirectional and other invisible characters, and lone surrogates.

    White space stays, and so do the two joiners that Persian, Indic scripts and emoji spell with,
    and the selectors of a letter's variant; of a run of these, which spells nothing and may carry
    a message, the first ones stay.
    """
    # Texts are long and have few characters: each is looked up once.
    hidden = [c for c in set(text) if _is_hidden(c)]
    if hidden:
        text = text.translate(dict.fromkeys(map(ord, hidden)))
    return text if text.isascii() else _SMUGGLED.sub(r"\1", text)


def _is_hidden(c: str) -> bool:
    if c.isspace() or c in _JOINERS:
        return False
    return c in _FILLERS or unicodedata.category(c) in _HIDDEN


def _ends_sentence(text: str, start: int, stop: re.Match[str]) -> bool:
    if stop.group() != ".":
        return True
    # Only what stands close by is looked at, so that long texts take linear time.
    word = text[max(start, stop.start() - 20) : stop.start()].rsplit(None, 1)[-1:] or [""]
    last = word[0].lstrip("(\"'“‘[").lower()
    after = text[stop.end() : stop.end() + 20].lstrip()[:1]
    if after.islower():
        return False
    is_initial = len(last) == 1 and last.isalpha()
    return not (last in _ABBREVIATIONS or is_initial)


def _append(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    if piece.strip():
        left = len(piece) - len(piece.lstrip())
        spans.append((start + left, start + len(piece.rstrip())))
