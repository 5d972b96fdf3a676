"""Models from the Hugging Face hub, by name; asked only when somebody says `fetch`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final, Protocol

from rag_router.errors import FetchError, ModelError, UsageError
from rag_router.models.wheels import POLL_S, bytes_under, without_addresses

__all__ = ["Hub", "HubName", "HuggingFaceHub", "Snapshot"]

ALLOWED: Final = (
    *("*.safetensors", "*.json", "*.model", "*.txt", "*.jinja"),
    *("LICENSE*", "NOTICE*", "README.md"),
)
# The same weights over again, for other programs.
IGNORED: Final = ("onnx/*", "openvino/*", "original/*", "consolidated*", "*.onnx", "*.py")
NAME: Final = re.compile(r"hf:(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")


@dataclass(frozen=True, slots=True)
class HubName:
    """`hf:org/name[@revision]`, taken apart."""

    repository: str
    revision: str

    @classmethod
    def parse(cls, name: str) -> HubName:
        """Read a name.

        Raises:
            UsageError: it is not spelt like one.
        """
        match = NAME.fullmatch(name)
        if match is None:
            raise UsageError(
                f"{name!r} is not the name of a model on the hub.",
                hint="Write hf:org/name or hf:org/name@revision.",
            )
        return cls(match["repository"], match["revision"] or "main")

    @property
    def key(self) -> str:
        """Name of its folder in the store."""
        parts = ("hf", *self.repository.split("/"), self.revision.replace("/", "--"))
        return "--".join(parts)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the hub says about one revision.

    Attributes:
        commit: The exact commit the revision means now.
        size_bytes: Of the files that would be fetched.
        licence: As its card says; "not stated" if it does not.
        has_safetensors: Whether there are weights that may be loaded.
    """

    commit: str
    size_bytes: int
    licence: str
    has_safetensors: bool


class Hub(Protocol):
    """Knows repositories of models."""

    def describe(self, name: HubName) -> Snapshot:
        """Say what a name means now.

        Raises:
            ModelError: there is no such repository or revision, or it is closed to us.
            FetchError: the hub cannot be reached.
        """

    def download(
        self, name: HubName, snapshot: Snapshot, folder: Path, on_bytes: Callable[[int], None]
    ) -> None:
        """Put the snapshot's files into `folder`; what is already there is not fetched again.

        Raises:
            FetchError: the hub cannot be reached.
        """


@dataclass(frozen=True, slots=True)
class HuggingFaceHub:
    """The hub that huggingface_hub is set up to use."""

    def describe(self, name: HubName) -> Snapshot:
        from huggingface_hub import HfApi

        try:
            found = HfApi().model_info(name.repository, revision=name.revision, files_metadata=True)
        except Exception as exc:
            raise _translated(name, exc) from exc
        wanted = [s for s in found.siblings or [] if _is_wanted(s.rfilename)]
        card: Any = found.card_data or {}
        return Snapshot(
            commit=str(found.sha),
            size_bytes=sum(sibling.size or 0 for sibling in wanted),
            licence=str(card.get("license_name") or card.get("license") or "not stated"),
            has_safetensors=any(s.rfilename.endswith(".safetensors") for s in wanted),
        )

    def download(
        self, name: HubName, snapshot: Snapshot, folder: Path, on_bytes: Callable[[int], None]
    ) -> None:
        from huggingface_hub import snapshot_download, utils

        bars: Any = utils  # whose exports are not declared
        bars.disable_progress_bars()  # ours is shown instead
        try:
            with ThreadPoolExecutor(max_workers=1) as pool:
                running = pool.submit(
                    snapshot_download,
                    name.repository,
                    revision=snapshot.commit,
                    local_dir=folder,
                    allow_patterns=list(ALLOWED),
                    ignore_patterns=list(IGNORED),
                )
                while wait_for([running], timeout=POLL_S).not_done:
                    on_bytes(min(bytes_under(folder), snapshot.size_bytes))
                running.result()
        except Exception as exc:
            raise _translated(name, exc) from exc
        finally:
            bars.enable_progress_bars()
        shutil.rmtree(folder / ".cache", ignore_errors=True)


def _is_wanted(path: str) -> bool:
    """As huggingface_hub reads the patterns, whose stars cross folders."""
    return any(fnmatch(path, p) for p in ALLOWED) and not any(fnmatch(path, p) for p in IGNORED)


def _translated(name: HubName, exc: Exception) -> ModelError:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
    from huggingface_hub.errors import RevisionNotFoundError as NoRevisionError

    what = f"{name.repository}@{name.revision}"
    if isinstance(exc, GatedRepoError):
        return ModelError(
            f"{what} is closed to us.",
            hint="Accept its terms on the hub and log in with `hf auth login`.",
        )
    if isinstance(exc, RepositoryNotFoundError | NoRevisionError):
        return ModelError(f"the hub has no {what}.", hint="Check its name and revision.")
    said = without_addresses(str(exc), lines=1)
    return FetchError(f"{what} could not be fetched ({type(exc).__name__}): {said}")
