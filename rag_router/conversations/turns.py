"""A conversation, as turns of plain text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rag_router.errors import QuestionError

__all__ = ["Conversation", "Turn"]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said."""

    who: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said.

    Attributes:
        instructions: What the client tells the model; empty where nothing is.
        turns: Questions and answers, the oldest first; what tools said is left out.
    """

    instructions: str
    turns: tuple[Turn, ...]

    @property
    def asked(self) -> str:
        """The last thing that the user said.

        Raises:
            QuestionError: the user said nothing.
        """
        for turn in reversed(self.turns):
            if turn.who == "user" and turn.text.strip():
                return turn.text
        raise QuestionError(
            "no message of the role 'user' says anything.", hint="Ask something in the last one."
        )

    @property
    def before(self) -> tuple[Turn, ...]:
        """What was said before that."""
        asked = self.asked
        last = max(n for n, turn in enumerate(self.turns) if turn == Turn("user", asked))
        return self.turns[:last]
