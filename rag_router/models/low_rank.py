"""LoRA adapters as they are kept in files: two thin matrices for each layer that they change.

A layer that maps x to W x maps it to W x + s B A x under an adapter, where A is (rank, in),
B is (out, rank) and s = alpha / rank (Hu et al. 2021, "LoRA", arXiv 2106.09685), or alpha / sqrt
of the rank where the adapter says that it is rank-stabilised (Kalajdzievski 2023,
arXiv 2312.03732).

The layout is PEFT's: a folder with `adapter_config.json` and `adapter_model.safetensors`. What
would be more than these sums, such as weights replaced whole, is refused by name. Where our own
`card.json` lies beside them it says for which base and prompt the adapter was made, and no others
are served.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from rag_router.errors import ArtefactError

__all__ = ["CONFIG", "WEIGHTS", "LowRank", "read_low_rank"]

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_CARD: Final = "card.json"
_PREFIX: Final = "base_model.model."
_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"
_MORE: Final = (
    "alora_invocation_tokens",
    "arrow_config",
    "fan_in_fan_out",
    "layer_replication",
    "lora_bias",
    "modules_to_save",
    "target_parameters",
    "trainable_token_indices",
    "use_dora",
    "use_qalora",
)
"""What an adapter of PEFT may ask for that is more than a sum of two matrices' product."""


@dataclass(frozen=True, slots=True, eq=False)
class LowRank:
    """An adapter in memory.

    Attributes:
        name: What it is called in errors.
        fingerprint: sha256 of its two files; what is read with it is kept under that name.
        matrices: For each layer that it changes, by the layer's place in the network: A, (rank,
            in), and s B, (out, rank).
        base: Fingerprint of the model that it was made for; empty where nobody says so.
        prompt: Fingerprint of the prompt that it was trained on, likewise.
    """

    name: str
    fingerprint: str
    matrices: Mapping[str, tuple[Tensor, Tensor]] = field(repr=False)
    base: str = ""
    prompt: str = ""

    @property
    def nbytes(self) -> int:
        """Bytes of all its matrices."""
        return sum(down.nbytes + up.nbytes for down, up in self.matrices.values())

    @property
    def parameters(self) -> int:
        """Number of its weights."""
        return sum(down.numel() + up.numel() for down, up in self.matrices.values())

    def on(self, device: torch.device, dtype: torch.dtype) -> LowRank:
        """Return it where, and as precise as, the network computes."""
        moved = {
            layer: (down.to(device, dtype), up.to(device, dtype))
            for layer, (down, up) in self.matrices.items()
        }
        return replace(self, matrices=moved)


def read_low_rank(folder: Path, *, name: str = "") -> LowRank:
    """Read an adapter; nothing but safetensors is read.

    Args:
        folder: In PEFT's layout.
        name: What it is called; by default as its folder.

    Raises:
        ArtefactError: the folder holds no such adapter, one that is broken, or one that is more
            than two matrices a layer.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    name = name or folder.name
    config = _config(folder)
    path = folder / WEIGHTS
    if not path.is_file():
        raise ArtefactError(
            f"{folder} holds no {WEIGHTS}.",
            hint="Save the adapter as safetensors; other formats can hold code and are not read.",
        )
    payload = path.read_bytes()
    try:
        tensors = load(payload)
    except SafetensorError as exc:
        raise ArtefactError(f"{path} is broken: {exc}.", hint="Copy it again.") from exc
    digest = sha256(payload)
    digest.update((folder / CONFIG).read_bytes())
    base, prompt = _made_for(folder)
    return LowRank(
        name=name,
        fingerprint=digest.hexdigest(),
        matrices=_matrices(folder, config, tensors),
        base=base,
        prompt=prompt,
    )


def _config(folder: Path) -> Mapping[str, Any]:
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ArtefactError(
            f"{folder} is no adapter: {CONFIG} cannot be read: {exc}.",
            hint="Name a folder in PEFT's layout; `rag-router expert fit` writes one.",
        ) from exc
    kind = config.get("peft_type") if isinstance(config, dict) else None
    if kind != "LORA":
        raise ArtefactError(
            f"{folder} holds an adapter of the kind {kind!r}.", hint="LoRA adapters are served."
        )
    more = [key for key in _MORE if config.get(key)]
    if config.get("bias", "none") != "none":
        more.append("bias")
    if more:
        raise ArtefactError(
            f"{folder} asks for {', '.join(more)}, which is not served.",
            hint="Train a LoRA adapter without that.",
        )
    found: Mapping[str, Any] = config
    return found


def _matrices(
    folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> dict[str, tuple[Tensor, Tensor]]:
    layers: dict[str, tuple[Tensor, Tensor]] = {}
    for key in sorted(tensors):
        if key.endswith(_UP) and key.removesuffix(_UP) + _DOWN in tensors:
            continue
        layer = key.removesuffix(_DOWN)
        up = tensors.get(layer + _UP)
        if layer == key or up is None:
            raise ArtefactError(
                f"{folder} holds {key}, which is no half of a pair of matrices.",
                hint="Train a LoRA adapter of linear layers only.",
            )
        layers[layer.removeprefix(_PREFIX)] = _pair(folder, config, layer, tensors[key], up)
    if not layers:
        raise ArtefactError(f"{folder} holds no matrices at all.", hint="Train it again.")
    return layers


def _pair(
    folder: Path, config: Mapping[str, Any], layer: str, down: Tensor, up: Tensor
) -> tuple[Tensor, Tensor]:
    if down.dim() != 2 or up.dim() != 2 or down.shape[0] != up.shape[1] or not down.shape[0]:
        raise ArtefactError(
            f"{folder}: the matrices of {layer} are {tuple(down.shape)} and {tuple(up.shape)}, "
            "which cannot be multiplied.",
            hint="Copy the adapter again.",
        )
    if not (down.isfinite().all() and up.isfinite().all()):
        # A row of another adapter must never be touched by what overflowed in this one.
        raise ArtefactError(f"{folder}: {layer} holds what is no number.", hint="Train it again.")
    try:
        alpha = float(_of_layer(config.get("alpha_pattern") or {}, layer, config["lora_alpha"]))
    except (KeyError, TypeError, ValueError) as exc:
        raise ArtefactError(
            f"{folder / CONFIG} does not say what lora_alpha is.", hint="Train it again."
        ) from exc
    rank = int(down.shape[0])
    scale = alpha / (rank**0.5 if config.get("use_rslora") else rank)
    return down, up * scale


def _of_layer(patterns: Mapping[str, Any], layer: str, otherwise: Any) -> Any:
    """Return what holds for a layer: that of the first pattern that its name ends with."""
    matching = (key for key in patterns if re.match(rf"(.*\.)?({key})$", layer))
    return patterns.get(next(matching, ""), otherwise)


def _made_for(folder: Path) -> tuple[str, str]:
    """Fingerprints of the model and of the prompt; empty where nobody says so."""
    path = folder / _CARD
    if not path.is_file():
        return "", ""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        return str(card["model_fingerprint"]), str(card.get("prompt_hash", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ArtefactError(
            f"{path} does not say for which model the adapter was made.", hint="Train it again."
        ) from exc
