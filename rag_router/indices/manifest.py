"""What a generation of an index is: checked before a byte of its other files is parsed.

The manifest carries a checksum of itself and the size and sha256 of every other file.
"""

from __future__ import annotations

import json
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from rag_router.errors import IndexCorruptError, IndexUnavailableError

__all__ = [
    "FILES",
    "MANIFEST",
    "PASSAGES",
    "VECTORS",
    "Contents",
    "EncoderCard",
    "FileRecord",
    "Manifest",
    "check_files",
    "read_manifest",
    "record_of",
    "write_manifest",
]

FORMAT: Final = 1
MANIFEST, PASSAGES, VECTORS = "manifest.json", "passages.sqlite", "vectors.faiss"
FILES = (PASSAGES, VECTORS)
"""The files that a manifest speaks for."""

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class EncoderCard(BaseModel):
    """The embedder that made the vectors."""

    model_config = _FROZEN

    name: str
    fingerprint: str


class FileRecord(BaseModel):
    """Size in bytes and sha256 of one file."""

    model_config = _FROZEN

    size: int
    sha256: str


class Contents(BaseModel):
    """What whoever builds a generation says about it.

    Attributes:
        documents: How many.
        passages: How many; also the number of vectors.
        dimension: Of the vectors.
        metric: Vectors are of unit length, so that the inner product is the cosine.
        encoder: The embedder.
        chunker: Settings of the chunker that the last addition used.
    """

    model_config = _FROZEN

    documents: int
    passages: int
    dimension: int
    metric: Literal["inner_product"] = "inner_product"
    encoder: EncoderCard
    chunker: dict[str, Any]


class Manifest(Contents):
    """The whole manifest; `created` is an ISO 8601 time in UTC."""

    format: Literal[1] = FORMAT
    name: str
    generation: int
    created: str
    files: dict[str, FileRecord]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest` into a folder."""
    body = manifest.model_dump()
    text = json.dumps(body | {"checksum": _checksum(body)}, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a generation.

    Raises:
        IndexCorruptError: it is missing, truncated or edited.
        IndexUnavailableError: a newer version of this program wrote it.
    """
    path = folder / MANIFEST
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        version, checksum = body["format"], body.pop("checksum")
    except OSError as exc:
        raise IndexCorruptError(f"{path} cannot be read: {exc}.") from exc
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
        raise IndexCorruptError(f"{path} is not a manifest: it was truncated or edited.") from exc
    if checksum != _checksum(body):
        raise IndexCorruptError(f"{path} is not what was published: it was edited.")
    if version != FORMAT:
        raise IndexUnavailableError(
            f"{path} has format {version}, and this version reads format {FORMAT}.",
            hint="Use the version that wrote it, or build the index again.",
        )
    try:
        manifest = Manifest.model_validate(body)
    except ValidationError as exc:
        raise IndexCorruptError(f"{path} is not a manifest: {exc.errors()[0]['msg']}.") from exc
    if set(manifest.files) != set(FILES):
        raise IndexCorruptError(f"{path} names other files than {', '.join(FILES)}.")
    return manifest


def check_files(folder: Path, manifest: Manifest) -> None:
    """Compare size and sha256 of every file with the manifest.

    Raises:
        IndexCorruptError: one of them differs; names it.
    """
    for name, published in manifest.files.items():
        path = folder / name
        try:
            size = path.stat().st_size
            # The size is looked at first: it costs nothing, and tells most truncations.
            seen = record_of(path) if size == published.size else None
        except OSError as exc:
            raise IndexCorruptError(f"{path} cannot be read: {exc}.") from exc
        if seen is None:
            raise IndexCorruptError(f"{path} has {size} bytes instead of {published.size}.")
        if seen != published:
            raise IndexCorruptError(f"{path} is not what was published: its sha256 differs.")


def record_of(path: Path) -> FileRecord:
    """Measure a file."""
    with path.open("rb") as file:
        return FileRecord(size=path.stat().st_size, sha256=file_digest(file, "sha256").hexdigest())


def _checksum(body: dict[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()
