"""The key-value cache of a transformer as a value: never changed, only made anew.

Rows of different true lengths stand left-padded in one frame of `length` columns. A layer with
full attention holds all columns; a sliding-window layer (Gemma 3) holds only the last
`window - 1` of them, and must still be told how many columns there were (`cumulative_length`),
or its mask is shifted. Joining caches therefore pads *per layer*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicSlidingWindowLayer

from rag_router.errors import ModelError

if TYPE_CHECKING:
    from rag_router.models.forwarding import Network

__all__ = ["KeyValues"]


@dataclass(frozen=True, slots=True)
class KeyValues:
    """Keys and values of all layers, for rows in one left-padded frame.

    Attributes:
        keys: One tensor a layer, (rows, heads, columns held, head width).
        values: The same for values.
        windows: Sliding window of each layer; None where attention is full.
        mask: bool (rows, length), False where a column only pads a row.
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    windows: tuple[int | None, ...]
    mask: Tensor

    @property
    def rows(self) -> int:
        return int(self.mask.shape[0])

    @property
    def length(self) -> int:
        return int(self.mask.shape[1])

    @property
    def positions(self) -> Tensor:
        """True position of the next token of each row, shape (rows,)."""
        return self.mask.sum(dim=1)

    @property
    def nbytes(self) -> int:
        """Bytes of all its tensors."""
        return sum(tensor.nbytes for tensor in (*self.keys, *self.values, self.mask))

    @classmethod
    def empty_like(cls, config: Any) -> DynamicCache:
        """Return transformers' own empty cache for a first pass."""
        return DynamicCache(config=config)

    @classmethod
    def most_whole_columns(cls, config: Any) -> int | None:
        """Return how many columns every layer holds before one drops any; None if none does."""
        layers: list[Any] = list(DynamicCache(config=config).layers)
        windows = [
            int(layer.sliding_window)
            for layer in layers
            if isinstance(layer, DynamicSlidingWindowLayer)
        ]
        return min(windows) - 1 if windows else None

    @classmethod
    def of(cls, cache: DynamicCache, mask: Tensor) -> KeyValues:
        """Take what transformers' cache holds; the tensors are shared, not copied.

        Raises:
            ModelError: a layer keeps something else than keys and values.
        """
        layers: list[Any] = list(cache.layers)
        for layer in layers:
            if getattr(layer, "keys", None) is None:
                raise ModelError(
                    f"cache layers of type {type(layer).__name__} are not supported.",
                    hint="Use a model of the Llama, Gemma 3 or Mixtral kind.",
                )
        return cls(
            keys=tuple(layer.keys for layer in layers),
            values=tuple(layer.values for layer in layers),
            windows=tuple(
                layer.sliding_window if isinstance(layer, DynamicSlidingWindowLayer) else None
                for layer in layers
            ),
            mask=mask,
        )

    def to_cache(self, config: Any) -> DynamicCache:
        """Fill transformers' cache. Its updates concatenate, so ours stays as it is."""
        cache = DynamicCache(config=config)
        layers: list[Any] = list(cache.layers)
        for layer, keys, values in zip(layers, self.keys, self.values, strict=True):
            layer.lazy_initialization(keys, values)
            layer.keys, layer.values = keys, values
            if isinstance(layer, DynamicSlidingWindowLayer):
                layer.cumulative_length = self.length
        return cache

    def step(self, network: Network, tokens: Sequence[int]) -> tuple[Tensor, KeyValues]:
        """Feed one token to each row; logits (rows, vocabulary) and the longer cache."""
        device = self.mask.device
        mask = torch.nn.functional.pad(self.mask, (0, 1), value=True)
        out = network.model(
            input_ids=torch.as_tensor(list(tokens), dtype=torch.long, device=device)[:, None],
            attention_mask=mask.long(),
            position_ids=self.positions[:, None],
            past_key_values=self.to_cache(network.config),
            use_cache=True,
            logits_to_keep=1,
        )
        return out.logits[:, -1].float(), KeyValues.of(out.past_key_values, mask)

    def places(self, rows: Sequence[int]) -> list[int]:
        """Tell where these rows stand in what a pass computes: where they stand here."""
        return list(rows)

    def spread(self, kept: Sequence[int]) -> KeyValues:
        """Stand copies of a prefix side by side, each cut to its first so many tokens.

        The frame stays as long as it was: what is left of a copy stands at its right end.

        Args:
            kept: Tokens of each copy, 0 to `length`.
        """
        # A layer that has dropped the first columns could not move the later ones to the right.
        assert self.rows == 1
        assert all(keys.shape[2] == self.length for keys in self.keys)
        device = self.mask.device
        first = self.length - torch.as_tensor(list(kept), device=device)
        columns = torch.arange(self.length, device=device)[None] - first[:, None]
        # What a masked column holds is never looked at; the first token's is as good as any.
        index = columns.clamp(min=0)
        return KeyValues(
            keys=tuple(keys[0][:, index].transpose(0, 1) for keys in self.keys),
            values=tuple(values[0][:, index].transpose(0, 1) for values in self.values),
            windows=self.windows,
            mask=columns >= 0,
        )

    @classmethod
    def spread_all(cls, prefixes: Sequence[KeyValues], kept: Sequence[int]) -> KeyValues:
        """Stand prefixes of one length side by side, each cut to its first so many tokens.

        Args:
            prefixes: One for each row; rows that have read the same share it.
            kept: Tokens of each row, 0 to the prefixes' length.
        """
        if all(prefix is prefixes[0] for prefix in prefixes):
            return prefixes[0].spread(kept)
        same: dict[int, list[int]] = {}
        for row, prefix in enumerate(prefixes):
            same.setdefault(id(prefix), []).append(row)
        order = [row for rows in same.values() for row in rows]
        parts = [prefixes[rows[0]].spread([kept[row] for row in rows]) for rows in same.values()]
        index = torch.as_tensor(sorted(range(len(order)), key=order.__getitem__))
        # Not by `select`, which drops columns that pad all rows: the frame stays as it is.
        return cls(
            keys=_cat_layers([part.keys for part in parts], index),
            values=_cat_layers([part.values for part in parts], index),
            windows=prefixes[0].windows,
            mask=torch.cat([part.mask for part in parts])[index],
        )

    def select(self, rows: Sequence[int]) -> KeyValues:
        """Return these rows, in this order; columns that pad all of them are dropped."""
        index = torch.as_tensor(list(rows), dtype=torch.long, device=self.mask.device)
        mask = self.mask[index]
        length = int(mask.sum(dim=1).max())
        return KeyValues(
            keys=tuple(self._tail(k[index], w, length) for k, w in self._layers(self.keys)),
            values=tuple(self._tail(v[index], w, length) for v, w in self._layers(self.values)),
            windows=self.windows,
            mask=mask[:, self.length - length :],
        )

    @classmethod
    def join(cls, parts: Sequence[KeyValues]) -> KeyValues:
        """Stand caches side by side, short ones padded on the left.

        Raises:
            ModelError: the caches come from different models.
        """
        first = parts[0]
        if len(parts) == 1:
            return first
        if any(part.windows != first.windows for part in parts):
            raise ModelError("caches of different models cannot share a batch.")
        length = max(part.length for part in parts)
        return cls(
            keys=tuple(
                torch.cat([_pad(p.keys[i], _held(w, length)) for p in parts])
                for i, w in enumerate(first.windows)
            ),
            values=tuple(
                torch.cat([_pad(p.values[i], _held(w, length)) for p in parts])
                for i, w in enumerate(first.windows)
            ),
            windows=first.windows,
            mask=torch.cat([_pad_mask(part.mask, length) for part in parts]),
        )

    def _layers(self, tensors: tuple[Tensor, ...]) -> list[tuple[Tensor, int | None]]:
        return list(zip(tensors, self.windows, strict=True))

    @staticmethod
    def _tail(tensor: Tensor, window: int | None, length: int) -> Tensor:
        return tensor[:, :, tensor.shape[2] - min(tensor.shape[2], _held(window, length)) :]


def _cat_layers(parts: Sequence[Sequence[Tensor]], index: Tensor) -> tuple[Tensor, ...]:
    """Stand the rows of several caches below each other, layer by layer, and order them."""
    return tuple(torch.cat(layer)[index] for layer in zip(*parts, strict=True))


def _held(window: int | None, length: int) -> int:
    """Columns that a layer holds of a frame of `length`."""
    return length if window is None else min(length, window - 1)


def _pad(tensor: Tensor, columns: int) -> Tensor:
    missing = columns - tensor.shape[2]
    return torch.nn.functional.pad(tensor, (0, 0, missing, 0)) if missing else tensor


def _pad_mask(mask: Tensor, length: int) -> Tensor:
    missing = length - mask.shape[1]
    return torch.nn.functional.pad(mask, (missing, 0), value=False) if missing else mask
