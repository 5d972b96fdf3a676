"""Text as a reader sees it, whatever characters it is spelt with, and where each one stands.

Compatibility forms are brought to plain letters (Unicode Standard Annex 15), accents and hidden
characters are dropped, and letters of other alphabets that look like Latin ones are read as those
(after Unicode Technical Standard 39) where they stand among Latin letters: a word that is wholly
Cyrillic, in a text that is, stays as it is.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Final

__all__ = ["Folded", "fold"]

_OTHER: Final = re.compile(r"[^\x00-\x7f]")
_LOOKALIKES: Final = dict(
    zip(
        "авекмнорстухіјѕԁһԛԝӏгпαεικνορτυχηγω",
        "abekmhopctyxijsdhqwlrnaeikvoptuxnyw",
        strict=True,
    )
)
_ALWAYS: Final = dict(
    zip(
        "ɑɡıɩᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢøłđ",
        "agiiabcdefghijklmnoprstuvwyzold",
        strict=True,
    )
)
_WORD: Final = re.compile(r"[^\W\d_]+")
_FOREIGN: Final = re.compile(r"[\u0370-\u052f]")
_CASED: Final = re.compile(r"[a-z]")
_AS_LATIN: Final = str.maketrans(_LOOKALIKES)
_NATIVE: Final = re.compile(rf"(?![{''.join(_LOOKALIKES)}])[\u0370-\u052f]")


@dataclass(frozen=True, slots=True)
class Folded:
    """A text in plain lower-case letters.

    Attributes:
        text: The plain text.
        places: For each of its characters the offset of the one it was made of, and behind the
            last the length of the original; None where both texts are the same but for case.
        changed: Characters that are not what they look like: hidden ones, and lookalikes.
    """

    text: str
    places: tuple[int, ...] | None
    changed: int = 0

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where a stretch of the plain text stands in the original."""
        if self.places is None or start >= end:
            return start, end
        return self.places[start], self.places[end - 1] + 1

    def cased(self, original: str) -> str:
        """Return a text as long as the plain one, with the characters that it was made of."""
        if self.places is None:
            return original
        return "".join([original[place] for place in self.places[:-1]])


def fold(text: str) -> Folded:
    """Return a text in plain lower-case letters, in time linear in its length."""
    if text.isascii():
        return Folded(text.lower(), None)
    pieces: list[str] = []
    places: list[int] = []
    hidden = at = 0
    for found in _OTHER.finditer(text):
        here = found.start()
        if at < here:
            pieces.append(text[at:here].lower())
            places.extend(range(at, here))
        plain = _plain(found.group())
        hidden += not plain
        pieces.append(plain)
        places.extend([here] * len(plain))
        at = here + 1
    pieces.append(text[at:].lower())
    places.extend(range(at, len(text)))
    places.append(len(text))
    read, lookalikes = _as_latin("".join(pieces))
    return Folded(read, tuple(places), hidden + lookalikes)


@cache
def _plain(character: str) -> str:
    """Return what one character reads as; the cache ends with the characters there are."""
    if 0x1F150 <= (code := ord(character)) <= 0x1F189:
        return chr(ord("a") + (code - 0x1F150) % 32 % 26)
    if 0x1F1E6 <= code <= 0x1F1FF:
        return chr(ord("a") + code - 0x1F1E6)
    category = unicodedata.category(character)
    # Variation selectors are marks, and fall with the accents.
    if category in {"Cf", "Cc", "Cs", "Co", "Cn"}:
        return ""
    if category in {"Zs", "Zl", "Zp"}:
        return " "
    spelt = unicodedata.normalize("NFKD", character.casefold())
    spelt = "".join(c for c in spelt if unicodedata.category(c) != "Mn").lower()
    return "".join(_ALWAYS.get(c, c) for c in spelt)


def _as_latin(text: str) -> tuple[str, int]:
    """Read lookalikes as Latin letters; as many characters come back, and how many were read."""
    if not _FOREIGN.search(text):
        return text, 0
    words = [word for word in _WORD.finditer(text) if _FOREIGN.search(word.group())]
    # A text that has letters of its own alphabet means the others, too.
    native = any(not _CASED.search(word.group()) and _NATIVE.search(word.group()) for word in words)
    pieces: list[str] = []
    at = changed = 0
    for word in words:
        if not native or _CASED.search(word.group()):
            changed += len(_FOREIGN.findall(word.group()))
            pieces += (text[at : word.start()], word.group().translate(_AS_LATIN))
            at = word.end()
    pieces.append(text[at:])
    return "".join(pieces), changed
