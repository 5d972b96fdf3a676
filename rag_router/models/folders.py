"""Model folders that others made: whether they may be loaded, what they are, their fingerprint."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from rag_router.artefacts import fingerprint_of
from rag_router.errors import ModelError
from rag_router.models.catalogue import ModelKind
from rag_router.models.manifest import MANIFEST, Manifest
from rag_router.models.wheels import file_sha256

__all__ = ["LOADED_SUFFIXES", "content_fingerprint", "folder_fingerprint", "kind_of", "require"]

LOADED_SUFFIXES: Final = (".safetensors", ".json", ".model", ".txt", ".jinja")
"""What loading a model may read; nothing of it can hold code."""


def require(folder: Path) -> None:
    """Check that a folder holds a model that may be loaded.

    Raises:
        ModelError: it does not; pickled weights alone are refused, for they can run code.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder} is not a folder.", hint="Name a folder that holds a model.")
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{folder} holds no config.json.",
            hint="A model's folder holds config.json, a tokenizer and *.safetensors.",
        )
    if not any(folder.glob("*.safetensors")):
        pickled = sorted(p.name for p in folder.iterdir() if p.suffix in {".bin", ".pt", ".pth"})
        seen = f", only {pickled[0]}, which could run code when read" if pickled else ""
        raise ModelError(
            f"{folder} holds no *.safetensors{seen}.",
            hint="Save the model again with save_pretrained, which writes safetensors.",
        )


def kind_of(folder: Path) -> ModelKind:
    """Tell from its settings what the model in a folder computes."""
    architecture = " ".join(_read_json(folder / "config.json").get("architectures") or ())
    if "SequenceClassification" in architecture:
        return "cross_encoder"
    if (folder / "modules.json").is_file():
        return "embedder"
    if "CausalLM" in architecture or "ConditionalGeneration" in architecture:
        return "causal"
    return "embedder"


def content_fingerprint(hashes: Mapping[str, str]) -> str:
    """Hash of what loading may read, given path -> sha256 of a folder's files."""
    read = sorted((name, h) for name, h in hashes.items() if name.endswith(LOADED_SUFFIXES))
    return fingerprint_of("folder", *(part for pair in read for part in pair))


def folder_fingerprint(folder: Path, notes: Path) -> str:
    """Fingerprint of a folder that is used where it stands.

    Hashes are remembered by size and time of change, so that only the first call reads it all.
    A copy of a folder of the store, unchanged, keeps the fingerprint it was published with.

    Args:
        folder: The model.
        notes: Folder in which hashes are remembered; one that cannot be written is done without.
    """
    note = notes / f"{sha256(str(folder).encode()).hexdigest()[:32]}.json"
    known = _read_json(note)
    seen = {name: _state(folder / name) for name in _loaded_names(folder)}
    records = {
        name: known[name]
        if isinstance(known.get(name), list) and known[name][:2] == state
        else [*state, file_sha256(folder / name)]
        for name, state in seen.items()
    }
    if records != known:
        _remember(note, records)
    hashes = {name: str(record[2]) for name, record in records.items()}
    with suppress(ModelError):
        published = Manifest.read(folder)
        loaded = {n: r.sha256 for n, r in published.files.items() if n.endswith(LOADED_SUFFIXES)}
        if loaded == hashes:
            return published.fingerprint
    return content_fingerprint(hashes)


def _loaded_names(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix in LOADED_SUFFIXES
        and path.is_file()
        and path.name != MANIFEST
        and not path.name.startswith(".")
    )


def _state(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(note: Path, records: Mapping[str, list[Any]]) -> None:
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=note.parent, prefix=".note-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(records, file, sort_keys=True)
        Path(name).replace(note)
