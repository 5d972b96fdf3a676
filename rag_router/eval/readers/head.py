"""How a file begins, which tells its layout without reading the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rag_router.eval.readers.lines import bare_suffix, open_bytes

__all__ = ["Head", "read_head"]

_LOOKED_AT: Final = 2**20
_TOKEN: Final = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*+)"?|[{}\[\]:]', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The beginning of a file.

    Attributes:
        suffix: Of the name, without .gz and in lower case.
        line: The first line that is not blank; empty for an empty file.
        keys: Keys of the object that the file begins with, as far as its first MiB shows them.
    """

    suffix: str
    line: str
    keys: frozenset[str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The first line cut at tabs, without the quotes around a name."""
        return tuple(cell.strip().strip('"') for cell in self.line.split("\t"))

    @property
    def seen(self) -> str:
        """What an error says was there."""
        if self.keys:
            return f"an object with the keys {', '.join(sorted(self.keys))}"
        return f"a first line of {self.line[:60]!r}" if self.line else "nothing but blank lines"


def read_head(path: Path) -> Head:
    """Look at the beginning of a file.

    Raises:
        DataError: it cannot be read.
    """
    with open_bytes(path) as file:
        text = file.read(_LOOKED_AT).decode("utf-8-sig", errors="replace").lstrip()
    line = text.partition("\n")[0].rstrip()
    return Head(suffix=bare_suffix(path), line=line, keys=_top_keys(text))


def _top_keys(text: str) -> frozenset[str]:
    """Keys of the object that `text` begins with; it may be cut off anywhere."""
    keys: set[str] = set()
    if not text.startswith("{"):
        return frozenset()
    depth, last = 0, ""
    for token in _TOKEN.finditer(text):
        mark = token.group()[0]
        if mark == '"':
            last = token["text"]
        elif mark == ":":
            if depth == 1:
                keys.add(last)
        else:
            depth += 1 if mark in "{[" else -1
            if depth <= 0:
                break
    return frozenset(keys)
