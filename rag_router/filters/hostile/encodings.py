"""Text written so that only a machine reads it: base64, hexadecimal, escapes, tags, ROT13.

What can be decoded is handed back to be looked at like everything else.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from rag_router.filters.hostile.glance import Glance
from rag_router.filters.hostile.rules import Rule, between, words

__all__ = ["DECODING", "ENCODING_RULES", "Decoded", "decodings", "long_runs", "rotated", "tagged"]

# No pattern asks what follows a run: it would be tried again from each of its parts. Letters are
# 0x20 to 0x7e, so that all codes but those of tabs and line ends begin with 2 to 7.
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_BASE32: Final = re.compile(r"[A-Z2-7]{32,}={0,6}")
_HEX: Final = re.compile(r"[2-7][0-9A-Fa-f](?:[ :,]{0,2}(?:0x)?[0-7][0-9A-Fa-f]){11,}")
_ESCAPES: Final = re.compile(r"\\[xu](?:[0-9A-Fa-f]{2,4}[ ,.]?(?:\\[xu])?){8,}")
_PERCENT: Final = re.compile(r"(?:%[0-9A-Fa-f]{2}|[\w.,'-]){20,}")
_ENTITIES: Final = re.compile(r"&#x?[0-9A-Fa-f]{2,6};(?:\s?&#x?[0-9A-Fa-f]{2,6};){5,}")
_BINARY: Final = re.compile(r"0[01]{7}(?:\s?0[01]{7}){7,}")
_DECIMAL: Final = re.compile(r"\d{2,3}(?:[ ,]{1,2}\d{2,3}){11,}")
_PAIR: Final = re.compile(r"[0-9A-Fa-f]{2}")
_LONG: Final = re.compile(r"[A-Za-z0-9+/=_-]{200,}")
_TAGS: Final = re.compile(r"[\U000e0000-\U000e007f]{5,}")
_SIGNS: Final = re.compile(r"\\\\[xu]|&#|0[01]{7}")
_LEAST_RUN: Final = 24
_LEAST_CODES: Final = 5
_LONGEST_WORD: Final = 200
_FLAG: Final = "\U0001f3f4"
_MOST_READ: Final = 4000

DECODING: Final = words(
    "decode decipher decrypt unscramble deobfuscate base64 rot13 hex reversed backwards morse "
    "caesar "
    "unhex"
)
"""Words that speak of encoded text."""

ENCODING_RULES: Final = (
    Rule(
        kind="encoded",
        what="has something decoded",
        weight=0.4,
        anchors=DECODING | {"convert"},
        pattern=re.compile(
            rf"(?:decode|decipher|decrypt|unscramble|deobfuscate|unhex|base64|rot13|(?:convert|"
            rf"hex|reversed|backwards|morse|caesar)\b{between(6)}"
            r"(?:and|then|decode|execute|follow|text|obey|comply|message|run|do|instructions?))\b"
        ),
    ),
    Rule(
        kind="encoded",
        what="has what was decoded obeyed",
        weight=0.45,
        anchors=words("comply follow do run read execute"),
        pattern=re.compile(
            r"(?:comply(?![^\w]{1,3}with)|(?:follow|do|run|read|"
            r"execute)[^\w]{1,3}(?:what[^\w]{1,3}(?:it|this)|it(?=[^\w\s])|the[^\w]{1,3}result|"
            r"backwards|backward|"
            r"the[^\w]{1,3}(?:decoded|hidden|encoded)|in[^\w]{1,3}reverse)\b)"
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a stretch of a text reads as, once decoded."""

    start: int
    end: int
    name: str
    text: str


def decodings(text: str, seen: Glance) -> Iterator[Decoded]:
    """Decode every run that looks encoded and reads as text.

    Args:
        text: As it stands, since what is encoded has capitals.
        seen: What a first look at it shows.
    """
    if seen.longest < _LEAST_RUN and seen.codes < _LEAST_CODES and not _SIGNS.search(text):
        return
    for name, pattern, decode in _ENCODINGS:
        for run in pattern.finditer(text):
            read = decode(run.group()[:_MOST_READ])
            if read is not None and _reads(read):
                yield Decoded(run.start(), run.end(), name, read)


def tagged(text: str) -> Iterator[Decoded]:
    """Read runs of tag characters, which nothing shows; those of flags are left alone."""
    if text.isascii():
        return
    for run in _TAGS.finditer(text):
        if text[max(run.start() - 1, 0)] != _FLAG or len(run.group()) > 7:
            read = "".join(chr(ord(c) - 0xE0000) for c in run.group())
            yield Decoded(run.start(), run.end(), "characters that nothing shows", read)


def rotated(text: str) -> str:
    """Return a text with its letters moved by thirteen places."""
    return codecs.encode(text, "rot13")


def long_runs(text: str, seen: Glance) -> Iterator[tuple[int, int]]:
    """Return runs of more letters and digits than any word has."""
    if seen.longest < _LONGEST_WORD:
        return
    for run in _LONG.finditer(text):
        yield run.span()


def _reads(text: str) -> bool:
    """Whether a text is made of words: letters mostly, nothing that cannot be printed."""
    letters = sum(c.isalpha() or c.isspace() for c in text)
    return (
        len(text) >= 6
        and all(c.isprintable() or c.isspace() for c in text)
        and letters >= 0.75 * len(text)
    )


def _from_base64(run: str) -> str | None:
    run = run.rstrip("=").replace("-", "+").replace("_", "/")
    if len(run) % 4 == 1:
        run = run[:-1]
    try:
        return base64.b64decode(run + "=" * (-len(run) % 4)).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None


def _from_base32(run: str) -> str | None:
    run = run.rstrip("=")
    try:
        return base64.b32decode(run + "=" * (-len(run) % 8)).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None


def _from_hex(run: str) -> str | None:
    try:
        return bytes(int(pair, 16) for pair in _PAIR.findall(run.replace("0x", ""))).decode("utf-8")
    except UnicodeDecodeError:
        return None


def _from_escapes(run: str) -> str | None:
    read = re.sub(
        r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))",
        lambda found: chr(int(found.group(1) or found.group(2), 16)),
        run,
    )
    return read if read != run else None


def _from_percent(run: str) -> str | None:
    return unquote(run, errors="replace") if run.count("%") >= 3 else None


def _from_entities(run: str) -> str | None:
    return html.unescape(run)


def _from_binary(run: str) -> str | None:
    return _from_codes(re.findall(r"[01]{8}", run), 2)


def _from_decimal(run: str) -> str | None:
    return _from_codes(re.findall(r"\d+", run), 10)


def _from_codes(codes: list[str], base: int) -> str | None:
    numbers = [int(code, base) for code in codes]
    return "".join(map(chr, numbers)) if all(9 <= n < 127 for n in numbers) else None


_ENCODINGS: Final = (
    ("base64", _BASE64, _from_base64),
    ("base32", _BASE32, _from_base32),
    ("hexadecimal", _HEX, _from_hex),
    ("escapes", _ESCAPES, _from_escapes),
    ("percent signs", _PERCENT, _from_percent),
    ("entities", _ENTITIES, _from_entities),
    ("binary", _BINARY, _from_binary),
    ("character codes", _DECIMAL, _from_decimal),
)
