"""Listening to the later layers of a transformer while it reads.

transformers returns the residual stream after each layer, but not before its feed-forward
network. What enters the norm in front of that network is the stream itself, so that norm is
listened to; which one it is depends on the kind of model. The listeners stay where they were put
and hear nothing unless their own thread has asked for it, so that passes in other threads neither
pay nor are overheard.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor

from rag_router.errors import ModelError
from rag_router.models.layers import LayerStates, later_layers

__all__ = ["Heard", "LayerLens"]

_AFTER_ATTENTION: Final = "post_attention_layernorm"
_BEFORE_NETWORK: Final = "pre_feedforward_layernorm"
_NORMS: Final[Mapping[str, str]] = {
    "gemma2": _BEFORE_NETWORK,
    "gemma3": _BEFORE_NETWORK,
    "gemma3_text": _BEFORE_NETWORK,
    "llama": _AFTER_ATTENTION,
    "mistral": _AFTER_ATTENTION,
    "mixtral": _AFTER_ATTENTION,
    "olmoe": _AFTER_ATTENTION,
    "qwen2": _AFTER_ATTENTION,
    "qwen3": _AFTER_ATTENTION,
}
"""The norm that the residual stream enters before the feed-forward network, by kind of model."""


@dataclass(slots=True)
class Heard:
    """What was heard of the last token of each row in one pass: a tensor (rows, width) a layer."""

    before: list[Tensor] = field(default_factory=list)
    after: list[Tensor] = field(default_factory=list)


class LayerLens:
    """Reads what the later layers of a model would say by themselves.

    Args:
        network: A causal language model of transformers.
        config: Its text configuration.
        name: What it is called in errors.
    """

    def __init__(self, network: Any, config: Any, name: str) -> None:
        self._network, self._config, self._name = network, config, name
        self._asked = threading.local()
        self._installing = threading.Lock()
        self._installed = False

    @contextlib.contextmanager
    def listening(self) -> Iterator[Heard]:
        """Hear the one pass that is made inside, in this thread.

        Raises:
            ModelError: models of this kind cannot be listened to.
        """
        self._install()
        self._asked.heard = heard = Heard()
        try:
            yield heard
        finally:
            self._asked.heard = None

    def states(self, heard: Heard, rows: Sequence[int] | None = None) -> LayerStates:
        """Return what was heard of these rows; None is all of them."""
        kept = slice(None) if rows is None else list(rows)
        return LayerStates(
            torch.stack([one[kept] for one in heard.before], dim=1),
            torch.stack([one[kept] for one in heard.after], dim=1),
            self.read,
        )

    @torch.inference_mode()
    def read(self, states: Tensor) -> Tensor:
        """Turn residual states (rows, width) into float32 logits (rows, vocabulary)."""
        logits = self._network.get_output_embeddings()(self._network.base_model.norm(states))
        cap = getattr(self._config, "final_logit_softcapping", None)
        if cap is not None:
            logits = torch.tanh(logits / cap) * cap
        return torch.as_tensor(logits).float()

    def _install(self) -> None:
        with self._installing:
            if self._installed:
                return
            kind = str(getattr(self._config, "model_type", None))
            if kind not in _NORMS:
                raise ModelError(
                    f"{self._name}: the layers of models of the kind {kind!r} cannot be read.",
                    hint=f"Kinds that can: {', '.join(_NORMS)}.",
                )
            layers = self._network.base_model.layers
            for number in later_layers(len(layers)):
                layers[number].get_submodule(_NORMS[kind]).register_forward_pre_hook(self._before)
                layers[number].register_forward_hook(self._after)
            self._installed = True

    def _before(self, _norm: Any, given: tuple[Any, ...]) -> None:
        heard = self._heard()
        if heard is not None:
            # A copy: a view would hold on to every column that was read.
            heard.before.append(given[0][:, -1].clone())

    def _after(self, _layer: Any, _given: tuple[Any, ...], made: Any) -> None:
        heard = self._heard()
        if heard is not None:
            heard.after.append((made[0] if isinstance(made, tuple) else made)[:, -1].clone())

    def _heard(self) -> Heard | None:
        # A compiled pass is never listened to, and a compiler cannot look into a thread's own.
        if torch.compiler.is_compiling():
            return None
        return getattr(self._asked, "heard", None)
