"""About how many tokens a text is, where nobody tells: for budgets and bills, not for decoding.

Tokenisers of the large models cut English text into pieces of about four characters, begin a new
one with each word, and take punctuation, and letters of most other scripts, one by one.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["estimated_tokens", "pieces"]

_PIECES: Final = re.compile(r" ?[A-Za-z]{1,6}| ?[0-9]{1,3}|\s+(?=\S)|\s*[^\sA-Za-z0-9]|\s+")


def pieces(text: str) -> list[str]:
    """Cut a text into about as many pieces as it has tokens; joined they are the text again."""
    return _PIECES.findall(text)


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a text is, >= 0."""
    return len(pieces(text))
