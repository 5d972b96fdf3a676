"""A context in which filters may ask a model about questions."""

from __future__ import annotations

from collections.abc import Sequence

from stand_ins import question

from rag_router.filters import FilterContext
from rag_router.models.base import CausalModel
from rag_router.models.prompts import PromptStyle
from rag_router.signals import Board

__all__ = ["reader"]


def reader(model: CausalModel, questions: Sequence[str], *, batch_size: int = 8) -> FilterContext:
    """Its tokens are bytes, and each question has a row of the board."""
    asked = [question(text, str(n)) for n, text in enumerate(questions)]
    board = Board(model, PromptStyle(passage_tokens=2_000), asked, batch_size=batch_size)
    return FilterContext(lambda text: len(text.encode()), board, tuple(range(len(asked))))
