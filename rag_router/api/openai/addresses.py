"""Which addresses a person may be led to by a click on a source."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

from rag_router.text import without_hidden

__all__ = ["safe_address"]

_HTTP: Final = re.compile(r"https?://[^\s<>\"'()\[\]\\^`{|}]+", re.IGNORECASE)
_LONGEST: Final = 2000
"""Characters; browsers and proxies cut longer ones."""


def safe_address(value: Any) -> str:
    """Return an address of the web that is what it looks like; an empty text for any other.

    Scripts, local files and addresses without a scheme are none; nor is one that shows another
    host before an `@`, spells its host in letters that look like others, or hides characters.
    What would end a link in Markdown or HTML is in none of them.
    """
    if not isinstance(value, str):
        return ""
    address = value.strip()
    if len(address) > _LONGEST or not _HTTP.fullmatch(address):
        return ""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return ""
    honest = bool(host) and "@" not in parts.netloc and parts.netloc.isascii()
    return address if honest and without_hidden(address) == address else ""
