"""Laying adapters over a network row by row: each row of a pass under its own, or under none.

Listeners at the network's linear layers add what the rows' adapters say to what the layer says.
They ask their own thread which adapters lie over which rows, and where none do they return at
once: there is no adapter that is "set", so passes of other threads and of the bare network are
what they were without any.

All adapters of a pass are multiplied at once: their A stand below each other, their B beside each
other, and a row's products with the A of others are put to zero in between (the idea of batching
adapters is that of Punica, Chen et al. 2023, arXiv 2310.18547, and of S-LoRA, Sheng et al. 2023,
arXiv 2311.03285, which gather each row's own matrices instead). That takes three small operations
a layer however many adapters there are, where taking the rows of each adapter out of the batch
takes four for every one of them.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from rag_router.errors import ArtefactError
from rag_router.models.low_rank import LowRank

__all__ = ["Overlay"]

_KEPT: Final = 4
"""Sets of adapters that are kept stacked: a batch reads, then takes many steps with the same."""


@dataclass(frozen=True, slots=True)
class _Stacked:
    """The matrices of several adapters at one layer.

    Attributes:
        down: (all ranks, in).
        up: (out, all ranks).
        owners: Which adapter each rank belongs to, by its number, as often as it has ranks.
    """

    down: Tensor
    up: Tensor
    owners: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Pass:
    """What lies over the rows of one pass.

    Attributes:
        layers: The matrices, by layer.
        masks: bool (rows, 1, all ranks) by owners, True where a row has that rank.
    """

    layers: Mapping[str, _Stacked]
    masks: Mapping[tuple[int, ...], Tensor]

    def added(self, layer: str, given: Tensor) -> Tensor | None:
        """What the adapters add at a layer to what it makes of (rows, columns, in)."""
        stacked = self.layers.get(layer)
        if stacked is None:
            return None
        thin = given @ stacked.down.T
        # Put to zero, not multiplied by it: zero times what overflowed is no number.
        thin = thin.masked_fill(~self.masks[stacked.owners], 0)
        return thin @ stacked.up.T


class Overlay:
    """Where adapters are laid over one network.

    Args:
        network: A causal language model of transformers.
        name: What it is called in errors.
    """

    def __init__(self, network: Any, name: str) -> None:
        self._network, self._name = network, name
        self._asked = threading.local()
        self._lock = threading.Lock()
        self._listened: set[str] = set()
        self._stacks: OrderedDict[tuple[str, ...], Mapping[str, _Stacked]] = OrderedDict()

    def fit(self, adapter: LowRank, *, fingerprint: str) -> LowRank:
        """Return an adapter as it is laid over this network, whose layers listen from now on.

        Args:
            adapter: As it was read.
            fingerprint: Of the network's model.

        Raises:
            ArtefactError: it was made for another model, or changes what is no linear layer of it.
        """
        if adapter.base not in ("", fingerprint):
            raise ArtefactError(
                f"the adapter {adapter.name} was made for the model {adapter.base[:12]}, but "
                f"{self._name} is {fingerprint[:12]}.",
                hint="Name the model that it was trained on, or train it on this one.",
            )
        modules = dict(self._network.named_modules())
        head = self._network.get_output_embeddings()
        for path, (down, up) in adapter.matrices.items():
            module = modules.get(path)
            # Experts of a mixture read tokens of all rows in one heap, and the head reads layers.
            apart = module is head or "experts" in path
            has = "is no layer to adapt"
            if isinstance(module, torch.nn.Linear) and not apart:
                if (module.in_features, module.out_features) == (down.shape[1], up.shape[0]):
                    continue
                has = f"maps {module.in_features} to {module.out_features}"
            raise ArtefactError(
                f"the adapter {adapter.name} maps {down.shape[1]} to {up.shape[0]} at {path}, "
                f"which {has} in {self._name}.",
                hint="Name the model that it was trained on.",
            )
        with self._lock:
            for path in sorted(set(adapter.matrices) - self._listened):
                modules[path].register_forward_hook(_listener(path, self._asked))
                self._listened.add(path)
        weight = next(self._network.parameters())
        return adapter.on(weight.device, weight.dtype)

    @contextlib.contextmanager
    def laid(self, adapters: Sequence[LowRank | None]) -> Iterator[None]:
        """Lay adapters over the rows of the passes made inside, in this thread.

        Args:
            adapters: As `fit` returned them, one for each row; None leaves a row bare.
        """
        self._asked.now = self._pass(adapters)
        try:
            yield
        finally:
            self._asked.now = None

    def _pass(self, adapters: Sequence[LowRank | None]) -> _Pass | None:
        distinct = {one.fingerprint: one for one in adapters if one is not None}
        if not distinct:
            return None
        # The order of the rows must not make another sum of it.
        names = sorted(distinct)
        layers = self._stack([distinct[name] for name in names])
        numbers = [-1 if one is None else names.index(one.fingerprint) for one in adapters]
        rows = torch.tensor(numbers)[:, None, None]
        device = next(iter(layers.values())).down.device
        masks = {
            owners: (rows == torch.tensor(owners)).to(device)
            for owners in {stacked.owners for stacked in layers.values()}
        }
        return _Pass(layers, masks)

    def _stack(self, adapters: Sequence[LowRank]) -> Mapping[str, _Stacked]:
        key = tuple(one.fingerprint for one in adapters)
        with self._lock:
            kept = self._stacks.get(key)
            if kept is not None:
                self._stacks.move_to_end(key)
                return kept
        made = _stacked(adapters)
        if len(adapters) > 1:
            with self._lock:
                self._stacks[key] = made
                while len(self._stacks) > _KEPT:
                    self._stacks.popitem(last=False)
        return made


def _stacked(adapters: Sequence[LowRank]) -> dict[str, _Stacked]:
    layers: dict[str, _Stacked] = {}
    for path in sorted({path for one in adapters for path in one.matrices}):
        pairs = [(n, one.matrices[path]) for n, one in enumerate(adapters) if path in one.matrices]
        downs, ups = [down for _, (down, _) in pairs], [up for _, (_, up) in pairs]
        layers[path] = _Stacked(
            down=downs[0] if len(downs) == 1 else torch.cat(downs),
            up=ups[0] if len(ups) == 1 else torch.cat(ups, dim=1),
            owners=tuple(n for n, (down, _) in pairs for _ in range(down.shape[0])),
        )
    return layers


def _listener(path: str, asked: threading.local) -> Callable[[Any, Any, Tensor], Tensor | None]:
    """Make what listens at one layer; a function, so that copies of the network take it along."""

    def listen(_layer: Any, given: tuple[Tensor, ...], made: Tensor) -> Tensor | None:
        # A compiler cannot look into a thread's own, and compiled passes are never adapted.
        if torch.compiler.is_compiling():
            return None
        now: _Pass | None = getattr(asked, "now", None)
        added = None if now is None else now.added(path, given[0])
        return None if added is None else made + added

    return listen
