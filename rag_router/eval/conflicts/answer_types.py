"""The kinds of answers that may take each other's place in a passage.

The five groups of Longpre et al. 2021 ("Entity-based knowledge conflicts in question answering",
arXiv 2109.05052); everything else is OTHER, and is left alone.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

__all__ = ["AnswerType", "Typer"]


class AnswerType(StrEnum):
    """What kind of thing an answer names."""

    PERSON = "PERSON"
    DATE = "DATE"
    NUMERIC = "NUMERIC"
    ORGANIZATION = "ORGANIZATION"
    LOCATION = "LOCATION"
    OTHER = "OTHER"


class Typer(Protocol):
    """Says what kind of thing an answer names, and OTHER where it is not sure."""

    def type_of(self, answer: str, *, question: str, before: str, after: str) -> AnswerType:
        """Return the type of an answer that stands in a passage.

        Args:
            answer: The answer as the passage spells it.
            question: What was asked.
            before: The passage up to the answer.
            after: The passage behind the answer.
        """
        ...
