"""Several models that are continued together: to the decoding loop they are one.

The loop of `models/streams.py` advances streams that are rows of one batch, and asks the model
they belong to for one forward pass a step. An ensemble answers with one pass of each of its
models, over those rows that are its own: streams of several experts go through the same loop, with
all it can do. Experts that share weights, being adapters over one base or the same model with
other prompts, share a pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor

from rag_router.errors import ModelError
from rag_router.experts.fusion.members import require_one_vocabulary
from rag_router.models.base import Ability, CausalModel, Prefill, StepCache
from rag_router.models.layers import LayerStates
from rag_router.models.side_by_side import base_of, going_on
from rag_router.models.streams import Started

__all__ = ["Ensemble"]


@dataclass(frozen=True, slots=True)
class _Owned:
    """What one model has read, and which one that is."""

    owner: int
    cache: StepCache

    @property
    def rows(self) -> int:
        return self.cache.rows

    @property
    def length(self) -> int:
        return self.cache.length

    def select(self, rows: Sequence[int]) -> _Owned:
        return _Owned(self.owner, self.cache.select(rows))


@dataclass(frozen=True, slots=True)
class _Part:
    """The rows of one model, and where each of them stands among all."""

    owned: _Owned
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Together:
    """What several models have read, side by side: each row is a row of one of them."""

    parts: tuple[_Part, ...]

    @property
    def rows(self) -> int:
        return sum(len(part.places) for part in self.parts)

    @property
    def length(self) -> int:
        return max(part.owned.length for part in self.parts)

    def select(self, rows: Sequence[int]) -> _Together:
        kept = []
        for part in self.parts:
            at = {place: own for own, place in enumerate(part.places)}
            chosen = [(new, at[old]) for new, old in enumerate(rows) if old in at]
            if chosen:
                own = part.owned.select([row for _, row in chosen])
                kept.append(_Part(own, tuple(new for new, _ in chosen)))
        return _Together(tuple(kept))


class Ensemble:
    """Models of one vocabulary, in the place of one model.

    Prompts are read by each of them (`prefill` of the model itself); what was read is handed over
    with `own`, and decoded together. What is asked of the ensemble as a whole, such as how tokens
    read as text, the leading model answers.

    Args:
        models: By the names of their experts; the first one leads.

    Raises:
        SettingsError: they do not share a vocabulary.
    """

    def __init__(self, models: Mapping[str, CausalModel]) -> None:
        require_one_vocabulary(models)
        self.names = tuple(models)
        self._lead = next(iter(models.values()))
        # Compared by identity: equal weights may still be two models with caches of their own.
        bases = {name: id(base_of(model)) for name, model in models.items()}
        owners = {base: number for number, base in enumerate(dict.fromkeys(bases.values()))}
        self._owners = {name: owners[base] for name, base in bases.items()}
        self._models = [
            going_on([model for name, model in models.items() if bases[name] == base])
            for base in owners
        ]

    def own(self, name: str, started: Started) -> Started:
        """Return a stream that one of the experts has started, as one of the ensemble's.

        Args:
            name: The expert's.
            started: Of its own model.
        """
        return replace(started, cache=_Owned(self._owners[name], started.cache), layers=None)

    @property
    def name(self) -> str:
        return " + ".join(self.names)

    @property
    def fingerprint(self) -> str:
        return "+".join(model.fingerprint for model in self._models)

    @property
    def abilities(self) -> frozenset[Ability]:
        return frozenset({"logits", "streams"})

    @property
    def parameters(self) -> int:
        return sum(model.parameters for model in self._models)

    @property
    def vocabulary_size(self) -> int:
        return self._lead.vocabulary_size

    @property
    def context_tokens(self) -> int:
        return min(model.context_tokens for model in self._models)

    @property
    def end_ids(self) -> frozenset[int]:
        """Tokens that end an answer of any of them: none can be asked to go on after its own."""
        return frozenset().union(*(model.end_ids for model in self._models))

    @property
    def is_chat(self) -> bool:
        return self._lead.is_chat

    def encode(self, text: str, *, begin: bool = True) -> list[int]:
        return self._lead.encode(text, begin=begin)

    def decode(self, ids: Sequence[int]) -> str:
        return self._lead.decode(ids)

    def render_chat(self, messages: Sequence[Mapping[str, str]]) -> str:
        return self._lead.render_chat(messages)

    def prefill(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        hidden: bool = False,
        shared: Sequence[int] | None = None,
        layers: bool = False,
    ) -> Prefill:
        raise ModelError(
            f"{self.name} read no prompt together.",
            hint="Let each model read it, and hand over what it has read with `own`.",
        )

    def step(self, cache: Any, tokens: Sequence[int]) -> tuple[Tensor, _Together]:
        together = cast(_Together, cache)
        read: list[Tensor] = []
        parts: list[_Part] = []
        for part in together.parts:
            model = self._models[part.owned.owner]
            logits, grown = model.step(part.owned.cache, [tokens[place] for place in part.places])
            read.append(logits)
            parts.append(_Part(_Owned(part.owned.owner, grown), part.places))
        return _in_place(read, [part.places for part in parts]), _Together(tuple(parts))

    def step_layers(
        self, cache: Any, tokens: Sequence[int], rows: Sequence[int]
    ) -> tuple[Tensor, StepCache, LayerStates]:
        raise ModelError(
            f"the layers of {self.name} cannot be put together.",
            hint="Choose a decoder that reads no layers, or fuse the experts' answers.",
        )

    def join(self, caches: Sequence[Any], *, room: int | None = None) -> _Together:
        owned = cast(Sequence[_Owned], caches)
        parts: list[_Part] = []
        for owner in dict.fromkeys(one.owner for one in owned):
            some = [(place, one.cache) for place, one in enumerate(owned) if one.owner == owner]
            joined = self._models[owner].join([cache for _, cache in some], room=room)
            parts.append(_Part(_Owned(owner, joined), tuple(place for place, _ in some)))
        return _Together(tuple(parts))


def _in_place(read: Sequence[Tensor], places: Sequence[Sequence[int]]) -> Tensor:
    """Put rows of several passes in their places among all, shape (rows, vocabulary)."""
    if len(read) == 1:
        return read[0]
    together = torch.cat([one.to(read[0].device) for one in read])
    order = [place for some in places for place in some]
    if order == list(range(len(order))):
        return together
    found = sorted(range(len(order)), key=order.__getitem__)
    return together[torch.tensor(found).to(together.device, non_blocking=True)]
