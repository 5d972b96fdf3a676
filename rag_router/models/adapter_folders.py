"""An adapter on disk: PEFT's layout, so that others can load it, and a card that binds it.

    adapter_model.safetensors    its matrices
    adapter_config.json          what PEFT has to know of them
    card.json                    the base model, prompt and data it was trained on, and its figures

The card is that of any artefact (`rag_router.artefacts.Card`), of the method "adapter".
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rag_router.artefacts import CARD, Card
from rag_router.errors import ArtefactError
from rag_router.models.publishing import sync

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "ADAPTER_CONFIG",
    "ADAPTER_METHOD",
    "ADAPTER_WEIGHTS",
    "put_adapter",
    "read_adapter_card",
    "require_empty",
    "write_adapter",
]

ADAPTER_METHOD: Final = "adapter"
ADAPTER_WEIGHTS: Final = "adapter_model.safetensors"
ADAPTER_CONFIG: Final = "adapter_config.json"


def write_adapter(
    folder: Path, card: Card, weights: Mapping[str, Tensor], config: Mapping[str, Any]
) -> Card:
    """Write an adapter; the folder appears whole or not at all. Returns the card as written.

    Args:
        folder: Where to; an empty folder that stands there is replaced.
        card: What it is; the hash of its weights is filled in.
        weights: Its matrices, by their names in PEFT's layout.
        config: PEFT's description of it.

    Raises:
        ArtefactError: something stands in the way.
    """
    require_empty(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        written = replace(card, weights_sha256=put_adapter(temporary, weights, config))
        (temporary / CARD).write_text(_json(asdict(written)), encoding="utf-8")
        sync(temporary)
        if folder.exists():
            folder.rmdir()
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return written


def put_adapter(folder: Path, weights: Mapping[str, Tensor], config: Mapping[str, Any]) -> str:
    """Put an adapter's own two files in a folder; returns the sha256 of its weights."""
    from safetensors.torch import save

    payload = save({name: one.contiguous() for name, one in weights.items()}, {"format": "pt"})
    (folder / ADAPTER_WEIGHTS).write_bytes(payload)
    (folder / ADAPTER_CONFIG).write_text(_json(config), encoding="utf-8")
    return sha256(payload).hexdigest()


def require_empty(folder: Path) -> None:
    """Make sure that an adapter can be written.

    Raises:
        ArtefactError: something stands in the way.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArtefactError(
            f"{folder} is not empty.", hint="Choose another folder, or remove what is in it."
        )


def read_adapter_card(folder: Path) -> Card:
    """Read the card of an adapter, and check that its weights are those it speaks of.

    Raises:
        ArtefactError: there is no adapter, it is broken, or the card is of something else.
    """
    try:
        card = Card(**json.loads((folder / CARD).read_text(encoding="utf-8")))
        payload = (folder / ADAPTER_WEIGHTS).read_bytes()
    except (OSError, ValueError, TypeError) as exc:
        raise ArtefactError(
            f"{folder} is not a readable adapter: {exc}.", hint="Train it: rag-router expert fit."
        ) from exc
    if card.method != ADAPTER_METHOD:
        raise ArtefactError(
            f"{folder} holds {card.method}, which is no adapter of a generator.",
            hint="Train one: rag-router expert fit.",
        )
    if sha256(payload).hexdigest() != card.weights_sha256:
        raise ArtefactError(
            f"{folder / ADAPTER_WEIGHTS} is not what the card says it is.", hint="Train it again."
        )
    return card


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
