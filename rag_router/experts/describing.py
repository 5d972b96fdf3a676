"""Cards of experts whose weights are here, read off their files without loading them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import Any, Final

from rag_router.errors import ModelError, UsageError
from rag_router.experts.card import Card
from rag_router.experts.remote import remote_card
from rag_router.models.base import Ability
from rag_router.models.store import LocalModel, ModelStore
from rag_router.settings import ExpertSettings

__all__ = ["SHOWN_HERE", "describe", "missing", "parameters_in"]

SHOWN_HERE: Final[frozenset[Ability]] = frozenset(
    {"adapters", "hidden_states", "logits", "streams"}
)
"""What every model shows whose weights are here."""

_LENGTH_BYTES: Final = 8
_LONGEST_HEADER: Final = 100_000_000


def describe(one: ExpertSettings) -> Card:
    """Describe an expert as far as its settings and files tell; nothing is loaded or asked.

    Raises:
        UsageError: nothing goes by its model's name, or its address cannot be used.
    """
    if one.url is not None:
        return remote_card(one)
    found = _found(one)
    config = {} if found is None else _config(found.path)
    told = config.get("text_config", config)
    parameters = 0 if found is None else parameters_in(found.path)
    if one.adapter is not None:
        parameters += parameters_in(one.adapter.expanduser())
    return Card(
        name=one.name,
        kind="local" if one.adapter is None else "adapter",
        model=one.model,
        abilities=SHOWN_HERE,
        context_tokens=one.context_tokens or int(told.get("max_position_embeddings") or 0),
        parameters=parameters if one.parameters is None else one.parameters,
        price_prompt=one.price_prompt,
        price_completion=one.price_completion,
        tokens_per_second=one.tokens_per_second,
        licence=one.licence or ("" if found is None else found.licence),
        tenants=None if one.tenants is None else frozenset(one.tenants),
        about=one.about,
    )


def missing(one: ExpertSettings) -> str:
    """Say what of an expert's files is not here; empty where nothing is missing."""
    if one.url is not None:
        return ""
    try:
        ModelStore().resolve(one.model)
    except ModelError as exc:
        return str(exc)
    if one.adapter is not None and not one.adapter.expanduser().is_dir():
        return f"there is no folder {one.adapter}"
    return ""


def parameters_in(folder: Path) -> int:
    """Count the weights in the safetensors of a folder by what their headers say."""
    return sum(prod(shape) for path in sorted(folder.glob("*.safetensors")) for shape in _in(path))


def _found(one: ExpertSettings) -> LocalModel | None:
    try:
        return ModelStore().resolve(one.model)
    except UsageError:
        raise
    except ModelError:
        return None


def _in(path: Path) -> Iterable[list[int]]:
    """Shapes of a file's tensors; none where it is not whole, which loading it will tell."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
            header = json.loads(file.read(min(length, _LONGEST_HEADER)))
        return [one["shape"] for name, one in header.items() if name != "__metadata__"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _config(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
