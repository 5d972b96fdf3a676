"""What a published model's folder holds, and whether it still does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from rag_router.errors import ModelError
from rag_router.models.catalogue import ModelKind
from rag_router.models.wheels import file_sha256

__all__ = ["MANIFEST", "FileRecord", "Manifest", "record_files"]

MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file as it was published."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The record that is published with a model, as `manifest.json`.

    Attributes:
        name: The name it is asked for by.
        kind: What it computes.
        fingerprint: Of the source files and the recipe; what is learned about it is bound to it.
        licence: Terms of its weights.
        attribution: Who made it.
        sources: File name or repository it came from -> sha256 or commit.
        recipe: Version of how it was put together.
        libraries: Versions of the libraries it was put together with.
        date: ISO day of publishing.
        files: Path inside the folder, with slashes -> what it was when published.
    """

    name: str
    kind: ModelKind
    fingerprint: str
    licence: str
    attribution: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    recipe: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    date: str = ""
    files: Mapping[str, FileRecord] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        return sum(record.size for record in self.files.values())

    def write(self, folder: Path) -> None:
        """Write it into the folder it describes."""
        text = json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        (folder / MANIFEST).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest of a folder.

        Raises:
            ModelError: it is missing or not readable.
        """
        try:
            return TypeAdapter(cls).validate_json((folder / MANIFEST).read_bytes())
        except (OSError, ValidationError) as exc:
            raise ModelError(f"{folder / MANIFEST} is missing or not readable.") from exc

    def misfit(self, folder: Path) -> str:
        """Say which file is missing or of another size; empty if none. Reads no contents."""
        for name, record in self.files.items():
            try:
                size = (folder / name).stat().st_size
            except OSError:
                return f"{folder / name} is missing"
            if size != record.size:
                return f"{folder / name} has {size} bytes instead of {record.size}"
        return ""

    def damage(self, folder: Path, on_bytes: Callable[[int], None] = lambda count: None) -> str:
        """Say which file is not what was published; empty if none. Reads everything."""
        if misfit := self.misfit(folder):
            return misfit
        done = 0
        for name, record in self.files.items():
            if file_sha256(folder / name) != record.sha256:
                return f"{folder / name} has the right size but other contents"
            done += record.size
            on_bytes(done)
        foreign = sorted(_names(folder) - self.files.keys())
        return f"{folder / foreign[0]} was added to the model" if foreign else ""


def record_files(folder: Path) -> dict[str, FileRecord]:
    """Size and hash of every file of a folder, ready for its manifest."""
    return {
        name: FileRecord((folder / name).stat().st_size, file_sha256(folder / name))
        for name in sorted(_names(folder))
    }


def _names(folder: Path) -> set[str]:
    # Desktops leave dot files in any folder they have shown.
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MANIFEST and not path.name.startswith(".")
    }
