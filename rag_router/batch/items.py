"""One line of a job: a question, or what is wrong with the line; and what became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from rag_router.artefacts import fingerprint_of
from rag_router.errors import RagRouterError
from rag_router.types import Passage, Question

__all__ = ["Done", "Item", "Trouble"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a line has no answer.

    Attributes:
        kind: The error's class.
        message: What was seen.
        hint: What would work; empty where nothing is known.
    """

    kind: str
    message: str
    hint: str = ""

    @classmethod
    def of(cls, exc: BaseException) -> Self:
        """Say what an error says."""
        if isinstance(exc, RagRouterError):
            return cls(type(exc).__name__, exc.message, exc.hint)
        return cls(type(exc).__name__, str(exc) or type(exc).__name__)

    def to_json(self) -> dict[str, str]:
        """Return it as it stands in a line of the output."""
        said = {"type": self.kind, "message": self.message}
        return said | ({"hint": self.hint} if self.hint else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of a job.

    Attributes:
        number: Its place in the input, from 0.
        id: What it is called in the output; no other line is called so.
        question: What is asked; None where the line cannot be read as a question.
        document: The document it is asked of, where each is asked of many; else empty.
        trouble: What is wrong with the line; None where nothing is.
    """

    number: int
    id: str
    question: Question | None = None
    document: str = ""
    trouble: Trouble | None = None

    def key(self, facts: str) -> str:
        """Return what the answer is kept under: it depends on the question and on `facts`.

        Args:
            facts: Fingerprint of everything else that the answer depends on.
        """
        said: list[Any] = [self.id, self.document]
        if self.question is None:
            # Mended, the line is another one, which is answered.
            said += [None, self.trouble.message if self.trouble else ""]
        else:
            contexts = [_passage(one) for one in self.question.contexts]
            said += [self.question.text, contexts, list(self.question.queries)]
        return fingerprint_of(facts, json.dumps(said))


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a line.

    Attributes:
        item: The line.
        answer: The answer's documented JSON; None where there is none.
        trouble: Why there is none.
    """

    item: Item
    answer: Mapping[str, Any] | None = None
    trouble: Trouble | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the line of the output."""
        document = {"document": self.item.document} if self.item.document else {}
        if self.answer is not None:
            return {**self.answer, **document}
        asked = "" if self.item.question is None else self.item.question.text
        error = (self.trouble or Trouble("Unknown", "")).to_json()
        return {"id": self.item.id, "question": asked, **document, "error": error}


def _passage(one: Passage) -> list[str]:
    return [one.id, one.title, one.text]
