"""Learned parts on disk: a folder with `weights.safetensors` and `card.json`, never a pickle.

The card says what the weights were learned from and for. An artefact speaks only about the
model and prompt it was fitted on; loading it for another is an error that names both.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import ArtefactError

__all__ = ["Artefact", "Card", "fingerprint_of", "identity_of"]

CARD, WEIGHTS = "card.json", "weights.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What an artefact is.

    Attributes:
        method: Name of the component it belongs to.
        model: Name of the model it speaks about.
        model_fingerprint: That model's fingerprint.
        prompt_hash: sha256 of the prompt's fixed text; empty where no prompt is involved.
        data_hash: sha256 of the training rows.
        date: ISO day of fitting.
        metrics: Figures on held-out data, by name.
        threshold: The operating point, if there is one.
        threshold_goal: What the threshold was chosen for.
        notes: Anything else, such as sizes of the splits and the seed.
        weights_sha256: Of the weights file; filled in by `Artefact.save`.
    """

    method: str
    model: str
    model_fingerprint: str
    prompt_hash: str = ""
    data_hash: str = ""
    date: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    threshold: float | None = None
    threshold_goal: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)
    weights_sha256: str = ""

    def require(
        self, folder: Path, *, model_fingerprint: str | None = None, prompt_hash: str | None = None
    ) -> None:
        """Make sure that it speaks about this model and prompt; None does not check.

        Args:
            folder: Where it was read, for the error.
            model_fingerprint: What the model must be.
            prompt_hash: What the prompt must be.

        Raises:
            ArtefactError: it belongs to another model or prompt.
        """
        for what, wanted, seen in (
            ("model", model_fingerprint, self.model_fingerprint),
            ("prompt", prompt_hash, self.prompt_hash),
        ):
            if wanted is not None and wanted != seen:
                raise ArtefactError(
                    f"{folder} was fitted on {what} {seen[:12]} ({self.model}), "
                    f"but the {what} in use is {wanted[:12]}.",
                    hint="Fit it for this model, or name another artefact.",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """A card and the arrays that belong to it."""

    card: Card
    weights: Mapping[str, NDArray[np.float64]]

    def save(self, folder: Path) -> None:
        """Write the artefact; the folder appears whole or not at all.

        Raises:
            ArtefactError: something that is not an artefact stands in the way.
        """
        from safetensors.numpy import save

        if folder.exists() and not (folder / CARD).is_file():
            raise ArtefactError(
                f"{folder} exists and is not an artefact.", hint="Choose another folder."
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        payload = save({k: np.ascontiguousarray(v) for k, v in self.weights.items()})
        card = asdict(self.card) | {"weights_sha256": sha256(payload).hexdigest()}
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        try:
            _write(temporary / WEIGHTS, payload)
            text = json.dumps(card, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
            _write(temporary / CARD, text.encode())
            temporary.chmod(0o755)
            if folder.exists():
                shutil.rmtree(folder)
            temporary.replace(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    @classmethod
    def load(
        cls, folder: Path, *, model_fingerprint: str | None = None, prompt_hash: str | None = None
    ) -> Artefact:
        """Read an artefact back, and check that it is whole and speaks about this model.

        Args:
            folder: Where it was saved.
            model_fingerprint: What the model must be; None does not check.
            prompt_hash: What the prompt must be; None does not check.

        Raises:
            ArtefactError: files are missing or edited, or it belongs to another model or prompt.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            card = Card(**json.loads((folder / CARD).read_text(encoding="utf-8")))
            payload = (folder / WEIGHTS).read_bytes()
        except (OSError, ValueError, TypeError) as exc:
            raise ArtefactError(
                f"{folder} is not a readable artefact: {exc}.", hint="Fit it again."
            ) from exc
        if sha256(payload).hexdigest() != card.weights_sha256:
            raise ArtefactError(
                f"{folder / WEIGHTS} is not what the card says it is.", hint="Fit it again."
            )
        card.require(folder, model_fingerprint=model_fingerprint, prompt_hash=prompt_hash)
        try:
            return cls(card=card, weights=load(payload))
        except SafetensorError as exc:
            raise ArtefactError(f"{folder / WEIGHTS}: {exc}.", hint="Fit it again.") from exc


def fingerprint_of(*parts: str | bytes) -> str:
    """sha256 over parts, each with its length, so that ("ab","c") and ("a","bc") differ."""
    digest = sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.hexdigest()


def identity_of(value: Any) -> str:
    """sha256 over all that a frozen value consists of: its type, its fields, its arrays.

    Two components that would judge differently differ in it; `repr` would not do, since it
    shortens long arrays.

    Raises:
        TypeError: the value holds something whose identity cannot be told.
    """
    if is_dataclass(value) and not isinstance(value, type):
        # What does not count where two are compared, such as a clock, does not tell them apart.
        counting = [f.name for f in fields(value) if f.compare]
        parts = (part for name in counting for part in (name, identity_of(getattr(value, name))))
        # The class alone would not do: two plug-ins may call theirs the same.
        return fingerprint_of(type(value).__module__, type(value).__qualname__, *parts)
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return fingerprint_of(
            "array", str(value.dtype), str(value.shape), np.ascontiguousarray(value).tobytes()
        )
    if isinstance(value, Mapping):
        pairs = sorted((identity_of(key), identity_of(item)) for key, item in value.items())
        return fingerprint_of("mapping", *(part for pair in pairs for part in pair))
    if isinstance(value, tuple | list | frozenset):
        items = [identity_of(item) for item in value]
        if isinstance(value, frozenset):
            items = ["set", *sorted(items)]
        return fingerprint_of("items", *items)
    if value is None or isinstance(value, str | bytes | bool | int | float):
        return fingerprint_of(type(value).__name__, repr(value))
    if hasattr(value, "fingerprint"):
        return fingerprint_of(type(value).__qualname__, str(value.fingerprint))
    raise TypeError(f"the identity of a {type(value).__name__} cannot be told.")


def _write(path: Path, payload: bytes) -> None:
    with path.open("wb") as file:
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())
