"""Server-sent events, read as they come: bytes in, the data of whole events out.

WHATWG HTML, section 9.2 ("Server-sent events"): a line ends with a carriage return, a line feed
or both; a blank line ends an event; lines of `data` join with line feeds; a line that begins with
a colon says nothing. Pieces may be cut anywhere, within a line end or a character too.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["EventReader"]

_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_MARK: Final = b"\xef\xbb\xbf"


class EventReader:
    """Reads one stream of events; each byte is looked at once."""

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._event: list[str] = []
        self._after_return = False
        self._begun = False

    def feed(self, piece: bytes) -> list[str]:
        """Return the data of the events that this piece completes.

        Raises:
            UnicodeDecodeError: a line is not UTF-8.
        """
        if not piece:
            return []
        ends_in_return = piece.endswith(b"\r")
        if self._after_return and piece.startswith(b"\n"):
            piece = piece[1:]
        self._after_return = ends_in_return
        *whole, rest = _LINE_END.split(piece)
        found = []
        for end in whole:
            line = b"".join([*self._line, end])
            self._line.clear()
            if (event := self._take(line)) is not None:
                found.append(event)
        self._line.append(rest)
        return found

    def rest(self) -> str | None:
        """Return the data of an event that the stream ended in; None where it ended between two.

        Some servers leave out the last blank line. Who calls this decides whether it is whole.

        Raises:
            UnicodeDecodeError: the last line is not UTF-8.
        """
        line, self._line = b"".join(self._line), []
        if line:
            self._take(line)
        return self._take(b"")

    def _take(self, line: bytes) -> str | None:
        if not self._begun:
            self._begun, line = True, line.removeprefix(_MARK)
        if line:
            name, _, value = line.decode("utf-8").partition(":")
            if name == "data":
                self._event.append(value.removeprefix(" "))
            return None
        event, self._event = self._event, []
        return "\n".join(event) if event else None
