"""A key-value cache with room for the tokens to come, written in place by its one owner.

The cache of `caches.py` is a value: every step makes it anew, and so copies all that was read. A
decoding loop joins its prompts' caches once and says how many tokens it will append at most; from
then on nobody else holds the result, and there is nothing to keep unchanged. Here the room is
allocated at once, a step writes one column of it, and shapes stay what they are, which is what
`torch.compile` wants.

Rows are left-padded as before. A layer with full attention has a column for every token read or
to come; a sliding-window layer has one for each of the last `window - 1` that were read and for
those to come, and what falls out of the window is masked rather than dropped. Columns to come are
real ones in the padding mask: causality hides them until they are written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from rag_router.errors import ModelError
from rag_router.models.caches import KeyValues

if TYPE_CHECKING:
    from rag_router.models.forwarding import Network

__all__ = ["Buffers", "Forward", "StaticKeyValues", "Stretch"]

_ALIGNED: Final = 16
"""Columns come in multiples of it: CUDA's attention kernels copy masks that do not."""

_AHEAD: Final = 64
"""Most columns to come that are made at once: attention looks at all there are, used or not."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The columns that all layers of one window have.

    Attributes:
        window: Sliding window; None where attention is full.
        mask: bool (slots, columns), False where a column only pads a row.
        column: The column that is written next, int64 (1,); moved on in place.
    """

    window: int | None
    mask: Tensor
    column: Tensor

    def visible(self) -> Tensor:
        """Tell what the token that is written now sees, bool (slots, 1, 1, columns)."""
        columns = torch.arange(self.mask.shape[1], device=self.mask.device)
        seen = self.mask & (columns <= self.column)
        if self.window is not None:
            seen = seen & (columns > self.column - self.window)
        return seen[:, None, None]

    def select(self, slots: Tensor) -> Stretch:
        """Copy these slots."""
        return replace(self, mask=self.mask[slots], column=self.column.clone())

    def longer(self, columns: int) -> Stretch:
        """Copy it with so many more columns to come."""
        return replace(self, mask=torch.nn.functional.pad(self.mask, (0, columns), value=True))


@dataclass(frozen=True, slots=True)
class Buffers:
    """The tensors that steps write; stands where transformers wants a cache.

    Attributes:
        keys: One tensor a layer, (slots, heads, columns, head width).
        values: The same for values.
        stretches: The kinds of layers there are.
        kinds: Which of them each layer is.
        positions: True position of the next token of each slot, int64 (slots,).
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    stretches: tuple[Stretch, ...]
    kinds: tuple[int, ...]
    positions: Tensor

    @property
    def slots(self) -> int:
        return int(self.positions.shape[0])

    def update(
        self, keys: Tensor, values: Tensor, layer_idx: int, *_args: Any, **_more: Any
    ) -> tuple[Tensor, Tensor]:
        """Write one token's keys and values, and return the layer's; called by attention."""
        column = self.stretches[self.kinds[layer_idx]].column
        self.keys[layer_idx].index_copy_(2, column, keys)
        self.values[layer_idx].index_copy_(2, column, values)
        return self.keys[layer_idx], self.values[layer_idx]

    def move_on(self) -> None:
        """Turn to the next column."""
        for stretch in self.stretches:
            stretch.column.add_(1)
        self.positions.add_(1)

    def select(self, slots: Sequence[int]) -> Buffers:
        """Copy these slots, in this order; the columns stay as they are."""
        index = torch.tensor(list(slots)).to(self.positions.device, non_blocking=True)
        return Buffers(
            keys=tuple(keys[index] for keys in self.keys),
            values=tuple(values[index] for values in self.values),
            stretches=tuple(stretch.select(index) for stretch in self.stretches),
            kinds=self.kinds,
            positions=self.positions[index],
        )

    def longer(self, columns: int) -> Buffers:
        """Copy them with so many more columns to come."""
        more = (0, 0, 0, columns)
        return replace(
            self,
            keys=tuple(torch.nn.functional.pad(keys, more) for keys in self.keys),
            values=tuple(torch.nn.functional.pad(values, more) for values in self.values),
            stretches=tuple(stretch.longer(columns) for stretch in self.stretches),
        )


Forward = Callable[[Tensor, Buffers], Tensor]
"""Reads one token for each slot, (slots, 1), and returns logits (slots, vocabulary)."""


@dataclass(slots=True)
class _Ledger:
    """How far buffers have been written; known without asking the device.

    Attributes:
        length: Columns read and written.
        room: Tokens that may still be appended.
        ahead: Columns that have been made for them.
    """

    length: int
    room: int
    ahead: int


@dataclass(frozen=True, slots=True)
class StaticKeyValues:
    """Rows of a decoding loop; each serves for one step, and what that returns for the next.

    Rows stand in the slots of shared buffers. Where the network is compiled there are as many
    slots as the next power of two, so that it meets few shapes: rows that have ended leave their
    slots empty, until half of the slots would do. Otherwise there are as many slots as rows.
    """

    _buffers: Buffers
    _ledger: _Ledger
    _slots: tuple[int, ...]
    _length: int
    _rounded: bool

    @property
    def rows(self) -> int:
        return len(self._slots)

    @property
    def length(self) -> int:
        return self._length

    @classmethod
    @torch.inference_mode()
    def join(
        cls, parts: Sequence[KeyValues], *, room: int, rounded: bool = False
    ) -> StaticKeyValues:
        """Copy caches into buffers, short ones padded on the left, and leave room.

        Args:
            parts: Caches of one model; they stay as they are.
            room: Most tokens that will be appended, >= 0.
            rounded: Whether to have a power of two of slots.

        Raises:
            ModelError: the caches come from different models.
        """
        first = parts[0]
        if any(part.windows != first.windows for part in parts):
            raise ModelError("caches of different models cannot share a batch.")
        rows, length = sum(part.rows for part in parts), max(part.length for part in parts)
        slots = _slots(rows, rounded=rounded)
        windows = tuple(dict.fromkeys(first.windows))
        held = [length if w is None else min(length, w - 1) for w in windows]
        kinds = tuple(windows.index(w) for w in first.windows)
        columns = [_aligned(count + min(room, _AHEAD)) for count in held]
        ahead = min(made - count for made, count in zip(columns, held, strict=True))
        masks = [part.mask for part in parts]
        empty = [first.positions.new_zeros(slots - rows)]
        buffers = Buffers(
            keys=tuple(
                _laid_out([part.keys[layer] for part in parts], slots, held[kind], columns[kind])
                for layer, kind in enumerate(kinds)
            ),
            values=tuple(
                _laid_out([part.values[layer] for part in parts], slots, held[kind], columns[kind])
                for layer, kind in enumerate(kinds)
            ),
            stretches=tuple(
                Stretch(
                    window,
                    _laid_out_mask(masks, slots, held[kind], columns[kind]),
                    torch.full((1,), held[kind], device=first.mask.device),
                )
                for kind, window in enumerate(windows)
            ),
            kinds=kinds,
            positions=torch.cat([part.positions for part in parts] + empty),
        )
        return cls(buffers, _Ledger(length, room, ahead), tuple(range(rows)), length, rounded)

    @torch.inference_mode()
    def select(self, rows: Sequence[int]) -> StaticKeyValues:
        """Return these rows, in this order; shapes stay unless there are slots to be saved.

        Columns that pad all rows are not dropped: that would take asking the device.
        """
        self._check_unused()
        slots = tuple(self._slots[row] for row in rows)
        count = _slots(len(slots), rounded=self._rounded)
        if count == self._buffers.slots and len(set(slots)) == len(slots):
            return replace(self, _slots=slots)
        padded = [*slots, *(slots[:1] * (count - len(slots)))]
        return replace(
            self,
            _buffers=self._buffers.select(padded),
            _ledger=replace(self._ledger),
            _slots=tuple(range(len(slots))),
        )

    def step(self, network: Network, tokens: Sequence[int]) -> tuple[Tensor, StaticKeyValues]:
        """Feed one token to each row; logits (rows, vocabulary) and what to go on with.

        Raises:
            ModelError: this was stepped before, or the room is used up.
        """
        self._check_unused()
        assert network.in_place is not None
        if self._ledger.room == 0:
            raise ModelError("a cache has no room left.", hint="Join with room for all tokens.")
        buffers = self._buffers
        if self._ledger.ahead == 0:
            buffers = buffers.longer(_AHEAD)
            self._ledger.ahead = _AHEAD
        ids = torch.zeros((buffers.slots, 1), dtype=torch.long)
        ids[list(self._slots), 0] = torch.tensor(list(tokens))
        # Nothing waits for what goes to the device; what comes back is waited for once, elsewhere.
        logits = network.in_place(ids.to(buffers.positions.device, non_blocking=True), buffers)
        self._ledger.length += 1
        self._ledger.room -= 1
        self._ledger.ahead -= 1
        grown = replace(self, _buffers=buffers, _length=self._ledger.length)
        return self._of_rows(logits), grown

    def places(self, rows: Sequence[int]) -> list[int]:
        """Tell where these rows stand in what a pass computes."""
        return [self._slots[row] for row in rows]

    def _of_rows(self, logits: Tensor) -> Tensor:
        if self._slots == tuple(range(self.rows)):
            return logits[: self.rows]
        index = torch.tensor(self._slots).to(logits.device, non_blocking=True)
        return logits[index]

    def _check_unused(self) -> None:
        if self._length != self._ledger.length:
            raise ModelError(
                "a cache that was joined with room was stepped twice.",
                hint="Go on with what the last step returned, or join without room.",
            )


def _slots(rows: int, *, rounded: bool) -> int:
    # A compiler makes an extra version of everything for a size of one.
    return max(2, 1 << (rows - 1).bit_length()) if rounded else rows


def _aligned(columns: int) -> int:
    return -(-columns // _ALIGNED) * _ALIGNED


def _laid_out(parts: Sequence[Tensor], slots: int, held: int, columns: int) -> Tensor:
    """Copy keys or values of the rows into the first `held` columns, flush right; zeros elsewhere.

    What is masked weighs nothing, but nothing times what memory happens to hold can be no number.
    """
    heads, width = parts[0].shape[1], parts[0].shape[3]
    out = parts[0].new_zeros((slots, heads, columns, width))
    row = 0
    for part in parts:
        kept = part[:, :, -held:]
        out[row : row + len(part), :, held - kept.shape[2] : held] = kept
        row += len(part)
    return out


def _laid_out_mask(parts: Sequence[Tensor], slots: int, held: int, columns: int) -> Tensor:
    """Do the same with masks; columns to come are real, and an empty slot has read nothing."""
    out = parts[0].new_zeros((slots, columns))
    out[:, held:] = True
    row = 0
    for part in parts:
        kept = part[:, -held:]
        out[row : row + len(part), held - kept.shape[1] : held] = kept
        row += len(part)
    return out
