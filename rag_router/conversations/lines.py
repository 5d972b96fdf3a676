"""Lines that a model writes beside answers, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from rag_router.errors import QuestionError, UnavailableError
from rag_router.experts.writing import Written
from rag_router.models.prompts import Inquiry
from rag_router.types import Answer

__all__ = ["LONGEST_LINE", "Lines"]

LONGEST_LINE: Final = 48
"""Tokens; no title takes more, and a question hardly."""


class Lines:
    """Has lines written, and adds up what that costs; a line that cannot be had is empty.

    Args:
        write: Writes a line of a case, by an inquiry.
    """

    def __init__(self, write: Callable[[Inquiry, Sequence[str]], Written]) -> None:
        self._write = write
        self.prompt_tokens = self.completion_tokens = 0

    def __call__(self, inquiry: Inquiry, case: Sequence[str]) -> str:
        try:
            written = self._write(inquiry, case)
        except (QuestionError, UnavailableError):
            # Too long to be read, or nobody there who writes: there is a rule for that.
            return ""
        self.prompt_tokens += written.prompt_tokens
        self.completion_tokens += written.completion_tokens
        # Half a line is no title, and no question.
        return written.text if written.whole else ""

    def charged(self, answer: Answer) -> Answer:
        """Return an answer that costs what was written for it, too."""
        if not self.prompt_tokens:
            return answer
        usage = replace(answer.usage, prompt_tokens=answer.usage.prompt_tokens + self.prompt_tokens)
        return replace(answer, usage=usage)
