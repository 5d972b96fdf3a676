"""What the rest of the house asks of a model, whoever implements it.

A causal model is asked for *abilities*, never for its class. Rows of a batch never influence
each other: an answer is the same alone and in company.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rag_router.models.layers import LayerStates

__all__ = ["Ability", "CausalModel", "Embedder", "Prefill", "StepCache"]

Ability = Literal["hidden_states", "logits", "streams", "adapters", "router_activations"]

C = TypeVar("C", bound="StepCache")


class StepCache(Protocol):
    """What a model remembers of the tokens it has read; a value that is never changed.

    Rows of different true lengths stand left-padded side by side.
    """

    @property
    def rows(self) -> int:
        """Number of sequences."""

    @property
    def length(self) -> int:
        """Padded length in tokens; at least the longest row's true length."""

    def select(self: C, rows: Sequence[int]) -> C:
        """Return these rows, in this order.

        Columns that only pad are dropped, unless the cache was joined with room.
        """


@dataclass(frozen=True, slots=True)
class Prefill:
    """What one pass over the prompts yields, for the last token of each.

    Attributes:
        logits: float32, shape (rows, vocabulary).
        hidden: float32, shape (rows, layers + 1, width); entry 0 is the embedding, the last one
            comes after the final norm. Empty (rows, 0, 0) where they were not asked for.
        cache: Takes over where the prompts end.
        tokens: True length of each prompt, whether a shared prefix of it had been read or not.
        experts: Which experts the routers chose, bool (rows, layers, experts); given with hidden
            states by models that have the ability `router_activations`, else None.
        layers: What the later layers would say by themselves; given wherever it is asked for.
    """

    logits: Tensor
    hidden: Tensor
    cache: StepCache
    tokens: tuple[int, ...]
    experts: Tensor | None = None
    layers: LayerStates | None = None


class CausalModel(Protocol):
    """A language model that shows its next-token distributions.

    `fingerprint` is the sha256 of the source files plus the converter's version; everything
    that was learned or cached about a model is bound to it.
    """

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def abilities(self) -> frozenset[Ability]: ...
    @property
    def parameters(self) -> int:
        """Number of weights, which its cost goes by."""

    @property
    def vocabulary_size(self) -> int: ...
    @property
    def context_tokens(self) -> int:
        """Most tokens it can read, prompt and answer together."""

    @property
    def end_ids(self) -> frozenset[int]:
        """Tokens that end an answer."""

    @property
    def is_chat(self) -> bool:
        """Whether it expects its chat template rather than few-shot text."""

    def encode(self, text: str, *, begin: bool = True) -> list[int]:
        """Tokenise; the begin-of-sequence token stands first exactly once if `begin`."""

    def decode(self, ids: Sequence[int]) -> str:
        """Turn tokens back into text, without special tokens."""

    def render_chat(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Lay messages out by the model's chat template, ready for the answer.

        Raises:
            ModelError: the model has no chat template.
        """

    def prefill(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        hidden: bool = False,
        shared: Sequence[int] | None = None,
        layers: bool = False,
    ) -> Prefill:
        """Read prompts of any mixture of lengths together.

        Args:
            prompts: Token ids of each.
            hidden: Whether to return hidden states; without it they are empty.
            shared: How many leading tokens of each prompt stand before many others too, 0 to its
                length. A model may keep what it has read of them; nothing but the time it takes
                depends on it. None is 0 for all.
            layers: Whether to return what the later layers would say by themselves; models with
                the ability `hidden_states` can.

        Raises:
            ModelError: a prompt is empty or longer than the context, `shared` does not fit, or
                the layers of this kind of model cannot be read.
        """

    def step(self, cache: Any, tokens: Sequence[int]) -> tuple[Tensor, StepCache]:
        """Feed one token to each row; return logits (rows, vocabulary) and the new cache."""

    def step_layers(
        self, cache: Any, tokens: Sequence[int], rows: Sequence[int]
    ) -> tuple[Tensor, StepCache, LayerStates]:
        """Do the same, and return what the later layers of some rows would say by themselves.

        Args:
            cache: Of all rows.
            tokens: One for each row.
            rows: Whose layers to return, in this order; the others pay nothing.

        Raises:
            ModelError: the layers of this kind of model cannot be read.
        """

    def join(self, caches: Sequence[Any], *, room: int | None = None) -> StepCache:
        """Stand caches of this model side by side, short ones left-padded.

        Args:
            caches: Of prefills, and of joins and steps without room; they stay as they are.
            room: Most tokens that will be fed to each row. Given it, the caller owns the result:
                it is stepped once, as is every cache that steps and selections make of it, so
                that a model may write in place. None makes a value that serves again and again.
        """


@runtime_checkable
class Embedder(Protocol):
    """Turns questions and passages into vectors of one space.

    Vectors are float32 and of unit length, so that their inner product is their cosine.
    """

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    @property
    def max_tokens(self) -> int:
        """Longest text it reads whole."""

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed questions, shape (texts, dimension)."""

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed passages, shape (texts, dimension)."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Length of each text in the embedder's own tokens, without special tokens."""
