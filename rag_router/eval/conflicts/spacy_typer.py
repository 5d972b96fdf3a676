"""Types of answers by an installed spaCy model, which reads the answer in its passage.

As in Longpre et al. 2021, arXiv 2109.05052, except that nothing is linked to Wikidata, and that
money, per cent, ordinals and buildings are typed as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from rag_router.errors import UnavailableError
from rag_router.eval.conflicts.answer_types import AnswerType

__all__ = ["SpacyTyper"]

_TYPES: Final = {
    "PERSON": AnswerType.PERSON,
    "DATE": AnswerType.DATE,
    "CARDINAL": AnswerType.NUMERIC,
    "MONEY": AnswerType.NUMERIC,
    "ORDINAL": AnswerType.NUMERIC,
    "PERCENT": AnswerType.NUMERIC,
    "QUANTITY": AnswerType.NUMERIC,
    "ORG": AnswerType.ORGANIZATION,
    "FAC": AnswerType.LOCATION,
    "GPE": AnswerType.LOCATION,
    "LOC": AnswerType.LOCATION,
}
_CHARACTERS_AROUND: Final = 300
"""Of the passage on either side: enough to tell an entity, and a bound on what it costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpacyTyper:
    """Types an answer as the entity that covers it in its passage.

    Attributes:
        pipeline: Reads a text; its result has `ents` with `label_`, `start_char` and `end_char`.
    """

    pipeline: Callable[[str], Any]

    @classmethod
    def load(cls, model: str) -> SpacyTyper:
        """Load a model that is installed.

        Raises:
            UnavailableError: spaCy or the model is not there.
        """
        try:
            spacy = import_module("spacy")
        except ImportError as exc:
            raise UnavailableError(
                f"the typer 'spacy:{model}' needs spaCy, which is not installed.",
                hint=f"Run: pip install spacy && python -m spacy download {model}; "
                "or use the typer 'rules'.",
            ) from exc
        try:
            return cls(pipeline=spacy.load(model))
        except (OSError, ValueError, ImportError) as exc:
            raise UnavailableError(
                f"the spaCy model {model!r} cannot be loaded: {exc}",
                hint=f"Run: python -m spacy download {model}; or use the typer 'rules'.",
            ) from exc

    def type_of(self, answer: str, *, question: str, before: str, after: str) -> AnswerType:
        """Return the type of the entity that is the answer; OTHER where it is a part of one."""
        del question
        before, after = before[-_CHARACTERS_AROUND:], after[:_CHARACTERS_AROUND]
        start, end = len(before), len(before) + len(answer)
        for entity in self.pipeline(before + answer + after).ents:
            # "the" may be in the one and not in the other.
            if abs(entity.start_char - start) <= len("the ") and entity.end_char == end:
                return _TYPES.get(entity.label_, AnswerType.OTHER)
        return AnswerType.OTHER
