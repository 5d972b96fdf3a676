"""Where a training stands, on disk: whole or not at all, whoever dies meanwhile.

A checkpoint is a folder with `state.json` and `tensors.safetensors` (no pickle, which `torch.save`
would be). It is written beside the older one, synced, renamed into place, and only then the older
one goes: whenever a process is killed, the newest folder that bears a step's name is whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rag_router.errors import ArtefactError, BusyError
from rag_router.models.publishing import publish

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Checkpoint", "checkpoint_lock", "load_checkpoint", "save_checkpoint"]

_STATE: Final = "state.json"
_TENSORS: Final = "tensors.safetensors"
_STEP: Final = "step-"
_TEMPORARY: Final = ".tmp-"
_ANEW: Final = "Begin anew: --fresh."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """Where a training stands.

    Attributes:
        step: Steps done.
        identity: What the training depends on, in words; it goes on with the same alone.
        state: Numbers that it goes on from, as JSON has them.
        tensors: Matrices that it goes on from, by name.
    """

    step: int
    identity: Mapping[str, str]
    state: Mapping[str, Any]
    tensors: Mapping[str, Tensor]


@contextmanager
def checkpoint_lock(folder: Path) -> Iterator[None]:
    """Keep a folder of checkpoints to one process; the system frees it when that one dies.

    Raises:
        BusyError: another process trains there.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock").acquire(timeout=0):
            yield
    except Timeout as exc:
        raise BusyError(
            f"another process trains in {folder}.",
            hint="Wait until it is done, or write to another folder.",
        ) from exc


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, and then let go of older ones."""
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    payload = save({name: one.detach().contiguous() for name, one in checkpoint.tensors.items()})
    text = json.dumps(
        {
            "step": checkpoint.step,
            "identity": dict(checkpoint.identity),
            "state": dict(checkpoint.state),
            "tensors_sha256": sha256(payload).hexdigest(),
        }
    )
    final = folder / f"{_STEP}{checkpoint.step:08d}"
    made = folder / f"{_TEMPORARY}{checkpoint.step:08d}"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    (made / _TENSORS).write_bytes(payload)
    (made / _STATE).write_text(text, encoding="utf-8")
    publish(made, final, folder)
    for old in folder.iterdir():
        if old != final and old.name.startswith((_STEP, _TEMPORARY)):
            shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(folder: Path, identity: Mapping[str, str]) -> Checkpoint | None:
    """Read the newest checkpoint; None where there is none.

    Args:
        folder: Where checkpoints are kept.
        identity: What the training that is to go on depends on.

    Raises:
        ArtefactError: it is broken, or of a training that depends on something else.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    found = sorted(folder.glob(f"{_STEP}*")) if folder.is_dir() else []
    if not found:
        return None
    newest = found[-1]
    try:
        text = json.loads((newest / _STATE).read_text(encoding="utf-8"))
        payload = (newest / _TENSORS).read_bytes()
        step, state, begun = int(text["step"]), text["state"], text["identity"]
        if sha256(payload).hexdigest() != text["tensors_sha256"]:
            raise ArtefactError(f"{newest / _TENSORS} is not what was written.", hint=_ANEW)
        tensors = load(payload)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as exc:
        raise ArtefactError(f"{newest} is no readable checkpoint: {exc}.", hint=_ANEW) from exc
    for what, wanted in identity.items():
        if begun.get(what) != wanted:
            raise ArtefactError(
                f"the training in {folder} was begun with {what} {_short(begun.get(what))}, "
                f"and is to go on with {_short(wanted)}.",
                hint=f"Go on as it was begun. {_ANEW}",
            )
    return Checkpoint(step=step, identity=begun, state=state, tensors=tensors)


def _short(value: Any) -> str:
    """Shorten a hash; other values are told whole."""
    said = str(value)
    return f"{said[:12]}…" if len(said) == sha256().digest_size * 2 else said
