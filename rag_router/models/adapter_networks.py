"""A model's network with a new adapter on it, for training; the model itself stays as it is."""

from __future__ import annotations

import copy
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import torch

from rag_router.errors import ModelError
from rag_router.models.adapter_settings import AdaptedLayers, AdapterTraining
from rag_router.models.causal import TransformersModel
from rag_router.models.query_adapters import require_peft

if TYPE_CHECKING:
    from rag_router.models.base import CausalModel

__all__ = ["adapted_copy", "as_json", "computing", "let_drop"]

_TARGETS: Final[Mapping[AdaptedLayers, str | list[str]]] = {
    "all": "all-linear",
    "attention": ["q_proj", "k_proj", "v_proj", "o_proj"],
    "queries_and_values": ["q_proj", "v_proj"],
}


def adapted_copy(model: CausalModel, how: AdapterTraining) -> tuple[Any, str]:
    """Return a copy of the model's network with a new adapter, and its precision in training."""
    require_peft()
    from peft import LoraConfig, get_peft_model

    network = _copied(_local(model).network)
    config = LoraConfig(
        r=how.rank,
        lora_alpha=how.alpha,
        lora_dropout=how.dropout,
        target_modules=_TARGETS[how.layers],
        task_type="CAUSAL_LM",
    )
    try:
        with _unwarned():
            adapted = get_peft_model(network, config)
    except ValueError as exc:
        raise ModelError(
            f"{model.name} cannot be adapted: {exc}.", hint="Use layers = 'all'."
        ) from exc
    adapted.eval()
    return adapted, _precision(network, how)


@contextmanager
def _unwarned() -> Iterator[None]:
    """Keep it from people that PEFT asks transformers for something by its older name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _copied(network: Any) -> Any:
    """Copy a network without whoever listens at its layers: they belong to the one in service."""
    memo: dict[int, Any] = {}
    for module in network.modules():
        for name, value in vars(module).items():
            if name.endswith("_hooks") and isinstance(value, dict):
                memo[id(value)] = OrderedDict()
    return copy.deepcopy(network, memo)


def _local(model: CausalModel) -> TransformersModel:
    if not isinstance(model, TransformersModel):
        raise ModelError(
            f"{model.name} cannot be adapted: its weights are not here.",
            hint="Name a local model; `rag-router models list` shows some.",
        )
    return model


def _precision(network: Any, how: AdapterTraining) -> str:
    if how.precision != "auto":
        return how.precision
    if network.dtype == torch.bfloat16:
        return "bfloat16"
    fast = network.device.type == "cpu" and _capabilities().get("avx512_bf16", False)
    return "bfloat16" if fast else "float32"


@contextmanager
def computing(network: Any, precision: str) -> Iterator[None]:
    """Multiply in the precision; sums, losses and learned matrices stay float32."""
    with torch.autocast(network.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        yield


def let_drop(network: Any, *, on: bool) -> None:
    """Switch the adapter's own dropout; the model's layers always compute as they serve."""
    for name, module in network.named_modules():
        if "lora_dropout" in name:
            module.train(on)


def as_json(value: Any) -> Any:
    """Turn what PEFT describes an adapter with into what JSON knows; sets are sorted."""
    if isinstance(value, Mapping):
        return {str(key): as_json(one) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    return getattr(value, "value", value)


def _capabilities() -> Mapping[str, Any]:
    """What the processor can do; older versions of torch do not tell."""
    told = getattr(torch.cpu, "get_capabilities", dict)
    found: Mapping[str, Any] = told()
    return found
