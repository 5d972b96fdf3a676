"""How unsure a model is of prompts with nothing in them.

CDA (see `abstaining`) counts a stream as relevant as far as it is surer than the same template
without content. What stands there instead is not known to us of the paper; here it is what
calibration before use puts there (Zhao et al. 2021, arXiv 2102.09690): nothing, "N/A", "[MASK]".

    Hn = mean over placeholders x of H( p(. | template filled with x) )

The entropy is that of the first token, and serves for all tokens of an answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, NamedTuple

from rag_router.models.base import CausalModel
from rag_router.models.distributions import entropy
from rag_router.models.prompts import PromptStyle, closed_book_prompt, contextual_prompt
from rag_router.models.streams import Strategy
from rag_router.types import Passage

__all__ = [
    "NullEntropies",
    "null_entropies",
    "wants_null_entropies",
    "with_null_entropies",
]

_PLACEHOLDERS: Final = ("", "N/A", "[MASK]")
_LEAST: Final = 1e-6


class NullEntropies(NamedTuple):
    """Entropies after prompts with nothing in them, in nats.

    Attributes:
        closed: After the closed-book prompt.
        context: After the prompt with passages.
    """

    closed: float
    context: float


def wants_null_entropies(decoder: Strategy) -> bool:
    """Whether a decoder has null entropies, and one of them is still to be measured."""
    return any(getattr(decoder, field, 0.0) is None for field in _fields())


def with_null_entropies(decoder: Strategy, measured: NullEntropies) -> Strategy:
    """Return a decoder with the null entropies that it leaves open; others stay as they are."""
    component: Any = decoder
    missing = {
        field: nats
        for field, nats in zip(_fields(), measured, strict=True)
        if getattr(decoder, field, 0.0) is None
    }
    changed: Strategy = replace(component, **missing) if missing else decoder
    return changed


def null_entropies(model: CausalModel, style: PromptStyle) -> NullEntropies:
    """Read every null prompt, all in one pass; the means are at least a millionth of a nat."""
    closed = [closed_book_prompt(model, style, filler) for filler in _PLACEHOLDERS]
    context = [
        contextual_prompt(model, style, filler, [Passage(id="", title="", text=filler)])
        for filler in _PLACEHOLDERS
    ]
    prompts = [*closed, *context]
    read = model.prefill(
        [prompt.ids for prompt in prompts], shared=[prompt.shared for prompt in prompts]
    )
    alone, beside = entropy(read.logits).chunk(2)
    return NullEntropies(*(max(float(part.mean()), _LEAST) for part in (alone, beside)))


def _fields() -> list[str]:
    """Names of a decoder's options that hold them."""
    return [f"null_entropy_{name}" for name in NullEntropies._fields]
