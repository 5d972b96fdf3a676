"""A scripted model that counts what it is asked, and fails when it is asked too much."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from rag_router.errors import ModelError
from rag_router.experts import Expert
from rag_router.models.base import Prefill
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel

__all__ = ["WatchedModel", "expert_of", "with_passages"]


class WatchedModel(ScriptedModel):
    """Plays its script, but breaks down at a prefill.

    Args:
        script: As for a scripted model.
        lasts: How many prefills it survives; 0 fails whenever it is asked.
        name: What it is called.
    """

    def __init__(
        self,
        script: Mapping[str, Reply] | Callable[[str], Reply],
        *,
        lasts: float = math.inf,
        name: str = "scripted",
    ) -> None:
        super().__init__(script, otherwise=Reply("nobody said", 0.1), name=name)
        self.lasts = lasts
        self.prefills = 0
        self.prompts: list[str] = []

    def prefill(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        hidden: bool = False,
        shared: Sequence[int] | None = None,
        layers: bool = False,
    ) -> Prefill:
        if self.prefills >= self.lasts:
            raise ModelError("out of memory.")
        self.prefills += 1
        self.prompts += [self.decode(prompt) for prompt in prompts]
        return super().prefill(prompts, hidden=hidden, shared=shared, layers=layers)

    def step(self, cache: Any, tokens: Sequence[int]) -> tuple[Tensor, Any]:
        assert self.prefills, "nobody read a prompt"
        return super().step(cache, tokens)

    def read(self, question: str) -> int:
        """How often a question was read, with passages or without."""
        return sum(f"Question: {question}\nAnswer:" in prompt for prompt in self.prompts)


def expert_of(model: ScriptedModel) -> Expert:
    """The expert that prompts this model as usual."""
    return Expert(name=model.name, model=model, style=PromptStyle.of(model))


def with_passages(prompt: str) -> bool:
    """Whether a prompt shows passages to the question that is asked."""
    return "from its passages" in prompt
