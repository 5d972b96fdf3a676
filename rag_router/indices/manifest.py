"""What a generation of an index is: checked before a byte of its other files is parsed.

The manifest carries a checksum of itself and the size and sha256 of every other file. Formats:

    1   passages, and flat vectors
    2   also the terms of lexical search, and vectors of any kind

All formats are read; what is written is of the newest. A generation is never changed: an index
comes into a newer format with the next addition, or with `index compact`.
"""

from __future__ import annotations

import json
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from rag_router.errors import IndexCorruptError, IndexUnavailableError
from rag_router.indices.contents import Searched
from rag_router.indices.vectors.base import VectorCard
from rag_router.indices.vectors.files import ORIGINALS, SLOTS, VECTORS

__all__ = [
    "FORMAT",
    "MANIFEST",
    "PASSAGES",
    "TERMS_FILE",
    "Contents",
    "EncoderCard",
    "FileRecord",
    "Manifest",
    "check_files",
    "read_manifest",
    "record_of",
    "write_manifest",
]

FORMAT: Final = 2
MANIFEST, PASSAGES, TERMS_FILE = "manifest.json", "passages.sqlite", "terms.safetensors"

_NEEDED: Final = frozenset({PASSAGES, VECTORS})
_KNOWN: Final = _NEEDED | {TERMS_FILE, SLOTS, ORIGINALS}

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
        passages: How many; also the number of vectors that can be found.
        dimension: Of the vectors.
        metric: Vectors are of unit length, so that the inner product is the cosine.
        encoder: The embedder.
        chunker: Settings of the chunker that the last addition used.
        searched: What passages are found by.
        terms: What the terms in their file are; empty where there is no such file.
        vectors: How the vectors are searched.
        erasure: Whether nothing older may be left: something was erased.
        uploaded: Whether anything in it, or in a generation before it, came over the API.
    """

    model_config = _FROZEN

    documents: int = 0
    passages: int = 0
    dimension: int
    metric: Literal["inner_product"] = "inner_product"
    encoder: EncoderCard
    chunker: dict[str, Any]
    searched: Searched = "text"
    terms: str = ""
    vectors: VectorCard = VectorCard()
    erasure: bool = False
    uploaded: bool = False


class Manifest(Contents):
    """The whole manifest; `created` is an ISO 8601 time in UTC."""

    format: Literal[1, 2] = FORMAT
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
    if version not in range(1, FORMAT + 1):
        raise IndexUnavailableError(
            f"{path} has format {version}, and this version reads formats 1 to {FORMAT}.",
            hint="Use the version that wrote it, or build the index again.",
        )
    try:
        manifest = Manifest.model_validate(body)
    except ValidationError as exc:
        raise IndexCorruptError(f"{path} is not a manifest: {exc.errors()[0]['msg']}.") from exc
    named = set(manifest.files)
    if not named.issuperset(_NEEDED) or not named.issubset(_KNOWN):
        raise IndexCorruptError(f"{path} names the wrong files: {', '.join(sorted(named))}.")
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
