"""One more token for every row: the pass that a decoding loop makes again and again.

Over a static cache it is a function of tensors alone: nothing in it asks the device for a number,
and shapes are those of the buffers, so it can be compiled. Masks are made here rather than by
transformers, whose own ask the device whether anything is padded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from rag_router.errors import ModelError
from rag_router.models.static_caches import Buffers, Forward

__all__ = ["Network"]

_KINDS: Final = frozenset({"full_attention", "sliding_attention"})
_MASKED: Final = frozenset({"sdpa", "eager"})


@dataclass(frozen=True, slots=True)
class Network:
    """A causal language model of transformers, as caches read on with it.

    Attributes:
        model: The model.
        config: Of its text part.
        in_place: The pass over a static cache; None where its layers or its attention take masks
            of another kind than those made here, and caches must stay values.
        rounded: Whether static caches get a power of two of slots, as a compiled pass wants.
    """

    model: Any
    config: Any
    in_place: Forward | None
    rounded: bool = False

    @classmethod
    def of(cls, model: Any) -> Network:
        """Take a model as it is."""
        config = model.config.get_text_config(decoder=True)
        kinds = tuple(getattr(config, "layer_types", None) or ())
        attention = config._attn_implementation
        if attention not in _MASKED or not _KINDS.issuperset(kinds):
            return cls(model, config, None)
        return cls(model, config, _pass(model, kinds, additive=attention == "eager"))

    def compiled(self, name: str) -> Network:
        """Return the same with a compiled pass over static caches, made when it is first used.

        One version serves all numbers of rows and all lengths. It is left to torch where to break
        or to fuse; graphs of CUDA are not captured, since they would tie the pass to one thread
        and every batch to the same addresses.

        Raises:
            ModelError: there is no pass to compile.
        """
        if self.in_place is None:
            raise ModelError(
                f"{name} cannot be compiled: its attention takes masks of its own kind.",
                hint="Use generator.compile = false.",
            )
        optimised = torch.compile(self.in_place)
        failures = torch._dynamo.exc.TorchDynamoException

        def forward(ids: Tensor, buffers: Buffers) -> Tensor:
            _let_vary(ids, buffers)
            try:
                return optimised(ids, buffers)
            except failures as exc:
                raise ModelError(
                    f"{name} cannot be compiled: {str(exc).strip().splitlines()[0]}",
                    hint="Use generator.compile = false, or install what the compiler lacks.",
                ) from exc

        return Network(self.model, self.config, forward, rounded=True)


def _pass(model: Any, kinds: tuple[str, ...], *, additive: bool) -> Forward:
    """Make the pass of a model over a static cache.

    Args:
        model: A model of transformers.
        kinds: What it calls the kind of each layer, if it does.
        additive: Whether its masks are added to the attention's scores, or say what is seen.
    """

    def forward(ids: Tensor, buffers: Buffers) -> Tensor:
        masks = [stretch.visible() for stretch in buffers.stretches]
        if additive:
            masks = [_added(mask, model.dtype) for mask in masks]
        # A model with layers of several kinds takes a mask for each, by name.
        by_name = {name: masks[kind] for name, kind in zip(kinds, buffers.kinds, strict=False)}
        out = model(
            input_ids=ids,
            attention_mask=masks[0] if len(masks) == 1 else by_name,
            position_ids=buffers.positions[:, None],
            past_key_values=buffers,
            use_cache=True,
            logits_to_keep=1,
        )
        buffers.move_on()
        logits: Tensor = out.logits[:, -1].float()
        return logits

    return forward


def _added(mask: Tensor, dtype: torch.dtype) -> Tensor:
    hidden = torch.zeros_like(mask, dtype=dtype)
    return hidden.masked_fill(~mask, torch.finfo(dtype).min)


def _let_vary(ids: Tensor, buffers: Buffers) -> None:
    """Tell the compiler that slots and columns vary, and the model's own sizes do not.

    Told that everything may vary, it takes sizes that happen to be equal at first for the same.
    """
    vary = torch._dynamo.maybe_mark_dynamic
    for tensor in (ids, buffers.positions):
        vary(tensor, 0)
    for stretch in buffers.stretches:
        vary(stretch.mask, [0, 1])
    for tensor in (*buffers.keys, *buffers.values):
        vary(tensor, [0, 2])
