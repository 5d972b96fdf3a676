"""Adapted models: one base in memory, seen through each of the adapters that are laid over it.

An `AdaptedModel` is a causal model like any other, with a fingerprint of its own, so what is
learned, kept or fitted of one adapter is never used for another, nor for the base. It holds its
matrices itself, and its caches say for each row which adapter has read it: so rows of several
adapters, and of the bare base, go through the base together, and none is ever read under another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from rag_router.artefacts import fingerprint_of
from rag_router.errors import ArtefactError, ModelError
from rag_router.models.base import Ability, Prefill
from rag_router.models.caches import KeyValues
from rag_router.models.causal import TransformersModel
from rag_router.models.layers import LayerStates
from rag_router.models.low_rank import LowRank
from rag_router.models.static_caches import StaticKeyValues

__all__ = ["AdaptedCache", "AdaptedModel", "adapted", "prefill_mixed", "reader_of"]

_Bare = KeyValues | StaticKeyValues


@dataclass(frozen=True, slots=True)
class AdaptedCache:
    """What has been read, and under which adapter each row has read it.

    Attributes:
        inner: The rows' keys and values.
        adapters: One for each row; None is the bare base.
    """

    inner: _Bare
    adapters: tuple[LowRank | None, ...]

    @property
    def rows(self) -> int:
        return self.inner.rows

    @property
    def length(self) -> int:
        return self.inner.length

    def select(self, rows: Sequence[int]) -> AdaptedCache:
        """Return these rows, in this order."""
        return AdaptedCache(self.inner.select(rows), tuple(self.adapters[row] for row in rows))


class AdaptedModel:
    """A base seen through one adapter.

    Args:
        base: The model, which stays what it is.
        adapter: As the base's overlay fitted it.
        name: What it is called in settings, answers and artefacts.
    """

    def __init__(self, base: TransformersModel, adapter: LowRank, *, name: str) -> None:
        self.base, self.adapter, self._name = base, adapter, name

    @property
    def name(self) -> str:
        return self._name

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.base.fingerprint, self.adapter.fingerprint)

    @property
    def abilities(self) -> frozenset[Ability]:
        return self.base.abilities

    @property
    def parameters(self) -> int:
        return self.base.parameters + self.adapter.parameters

    @property
    def vocabulary_size(self) -> int:
        return self.base.vocabulary_size

    @property
    def vocabulary_fingerprint(self) -> str:
        return self.base.vocabulary_fingerprint

    @property
    def context_tokens(self) -> int:
        return self.base.context_tokens

    @property
    def end_ids(self) -> frozenset[int]:
        return self.base.end_ids

    @property
    def is_chat(self) -> bool:
        return self.base.is_chat

    def encode(self, text: str, *, begin: bool = True) -> list[int]:
        return self.base.encode(text, begin=begin)

    def decode(self, ids: Sequence[int]) -> str:
        return self.base.decode(ids)

    def render_chat(self, messages: Sequence[Mapping[str, str]]) -> str:
        return self.base.render_chat(messages)

    def prefill(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        hidden: bool = False,
        shared: Sequence[int] | None = None,
        layers: bool = False,
    ) -> Prefill:
        adapters = [self.adapter] * len(prompts)
        read = self.base.prefill_under(adapters, prompts, hidden, shared, layers)
        return _tagging(read, adapters)

    def step(
        self, cache: AdaptedCache | _Bare, tokens: Sequence[int]
    ) -> tuple[Tensor, AdaptedCache]:
        one = _tagged(cache)
        logits, grown = self.base.step_under(one.adapters, one.inner, tokens)
        return logits, replace(one, inner=grown)

    def step_layers(
        self, cache: AdaptedCache | _Bare, tokens: Sequence[int], rows: Sequence[int]
    ) -> tuple[Tensor, AdaptedCache, LayerStates]:
        one = _tagged(cache)
        logits, grown, layers = self.base.step_layers_under(one.adapters, one.inner, tokens, rows)
        return logits, replace(one, inner=grown), layers

    def join(
        self, caches: Sequence[AdaptedCache | KeyValues], *, room: int | None = None
    ) -> AdaptedCache:
        tagged = [_tagged(cache) for cache in caches]
        values = [one.inner for one in tagged if isinstance(one.inner, KeyValues)]
        if len(values) < len(tagged):
            raise ModelError(
                "a cache that was joined with room cannot be joined again.",
                hint="Join the prompts' caches.",
            )
        adapters = tuple(adapter for one in tagged for adapter in one.adapters)
        return AdaptedCache(self.base.join_under(values, room=room), adapters)


def adapted(
    base: TransformersModel, adapter: LowRank, *, name: str = "", prompt: str | None = None
) -> AdaptedModel:
    """Lay an adapter over a base.

    Args:
        base: The model, which stays what it is and serves others meanwhile.
        adapter: As it was read.
        name: What the result is called; by default as the adapter.
        prompt: Fingerprint of the prompt that it is going to read; None does not check.

    Raises:
        ArtefactError: the adapter was made for another model, or trained on another prompt.
    """
    if prompt is not None and adapter.prompt not in ("", prompt):
        raise ArtefactError(
            f"the adapter {adapter.name} was trained on the prompt {adapter.prompt[:12]}, but "
            f"the prompt in use is {prompt[:12]}.",
            hint="Train it again: rag-router expert fit.",
        )
    fitted = base.overlay.fit(adapter, fingerprint=base.fingerprint)
    return AdaptedModel(base, fitted, name=name or adapter.name)


def prefill_mixed(
    models: Sequence[TransformersModel | AdaptedModel],
    prompts: Sequence[Sequence[int]],
    *,
    hidden: bool = False,
    shared: Sequence[int] | None = None,
    layers: bool = False,
) -> Prefill:
    """Read prompts in one pass, each by a model of its own, all over one base.

    Args:
        models: One for each prompt.
        prompts: Token ids of each.
        hidden: As for a model's own prefill, like all that follows.
        shared: How many leading tokens stand before many others too.
        layers: Whether to return what the later layers would say.

    Raises:
        ModelError: the models lie over different bases.
    """
    base = _base_of(models)
    adapters = [one.adapter if isinstance(one, AdaptedModel) else None for one in models]
    if not any(adapters):
        return base.prefill(prompts, hidden=hidden, shared=shared, layers=layers)
    return _tagging(base.prefill_under(adapters, prompts, hidden, shared, layers), adapters)


def reader_of(
    models: Sequence[TransformersModel | AdaptedModel],
) -> TransformersModel | AdaptedModel:
    """Return the one of several models over one base that goes on with the rows of all of them.

    A decoding loop takes one model. What that is told of each row stands in the rows' caches, so
    any adapted model does; the bare base does only for rows that are all its own.

    Raises:
        ModelError: the models lie over different bases.
    """
    _base_of(models)
    return next((one for one in models if isinstance(one, AdaptedModel)), models[0])


def _base_of(models: Sequence[TransformersModel | AdaptedModel]) -> TransformersModel:
    bases = {
        id(base): base
        for base in (one.base if isinstance(one, AdaptedModel) else one for one in models)
    }
    if len(bases) != 1:
        names = ", ".join(sorted({one.name for one in models})) or "none"
        raise ModelError(
            f"these models share no base that is in memory once: {names}.",
            hint="Only adapters over one and the same loaded model read together.",
        )
    return next(iter(bases.values()))


def _tagging(read: Prefill, adapters: Sequence[LowRank | None]) -> Prefill:
    """Write into what was read under which adapter each row was."""
    assert isinstance(read.cache, KeyValues)
    return replace(read, cache=AdaptedCache(read.cache, tuple(adapters)))


def _tagged(cache: AdaptedCache | _Bare) -> AdaptedCache:
    """Take rows of the bare base along."""
    if isinstance(cache, AdaptedCache):
        return cache
    return AdaptedCache(cache, (None,) * cache.rows)
