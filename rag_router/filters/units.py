"""Words and phrases of a text, by where they stand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from rag_router.filters.sentences import Span

__all__ = ["phrases_of", "words_of"]

# Chinese and Japanese write no spaces: a letter of theirs is a word.
_WORD: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")
_EDGES: Final = "\"'“”‘’([{)]}.,;:!?…"
_CLOSING: Final = tuple(".,;:!?…)]}")
_FUNCTION_WORDS: Final = frozenset(
    """
    a an the this that these those and or but nor so yet of in on at by to from with without into
    onto over under for as than about after before between through during against among is are was
    were be been being has have had do does did can could will would shall should may might must
    not no it its he him his she her they them their we us our you your i me my who whom whose
    which what when where while if then there here also
    """.split()  # noqa: SIM905  # a page of quotation marks would be no easier to read
)


def words_of(text: str, within: Span) -> list[Span]:
    """Return where the words of a part of a text stand, what is written onto them included."""
    return [found.span() for found in _WORD.finditer(text, *within)]


def phrases_of(text: str, sentences: Sequence[Span], words: Sequence[Span]) -> list[Span]:
    """Join words into phrases: function words, and the run of other words behind them.

    Punctuation behind a word ends its phrase, and so does the end of a sentence. Function words at
    the end of a sentence are a phrase of their own.

    Args:
        text: Where they stand.
        sentences: Of the text, in their order; each word stands in one.
        words: Of the text, in their order.
    """
    ends = {end for _, end in sentences}
    phrases: list[Span] = []
    begin: int | None = None
    last = 0
    content = False
    for start, end in words:
        is_function = text[start:end].strip(_EDGES).lower() in _FUNCTION_WORDS
        if begin is not None and content and is_function:
            phrases.append((begin, last))
            begin, content = None, False
        begin = start if begin is None else begin
        content, last = content or not is_function, end
        if text[start:end].endswith(_CLOSING) or end in ends:
            phrases.append((begin, end))
            begin, content = None, False
    if begin is not None:
        phrases.append((begin, last))
    return phrases
