"""The newest evaluation of each model's answers, kept in the home for whoever reckons with it.

What is kept says of each question what the gate thought, whether it was looked up, and whether
the answers without and with looking it up were right; neither questions nor answers. The same is
read from the folder of any report of `rag-router eval answers`.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rag_router.errors import DataError

if TYPE_CHECKING:
    from rag_router.eval.policy_report import PolicyRun

__all__ = ["Evaluated", "evaluated", "keep_evaluation", "kept_evaluation", "reported"]

_FOLDER: Final = "evaluations"
_AGAIN: Final = "Run `rag-router eval answers` again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What an evaluation said of each question, in columns of one length.

    Attributes:
        source: Where it is from, in words.
        gate: The gate; empty where nobody says.
        p_know: What the gate said, in [0, 1].
        retrieved: Whether the gate had it looked up.
        never: Whether the answer was right without looking it up.
        always: Whether it was right with.
        of: Fingerprint of who answered; empty where nobody says.
    """

    source: str
    gate: str
    p_know: tuple[float, ...]
    retrieved: tuple[bool, ...]
    never: tuple[bool, ...]
    always: tuple[bool, ...]
    of: str = ""

    @property
    def n(self) -> int:
        return len(self.never)


def evaluated(run: PolicyRun, *, source: str, of: str = "") -> Evaluated:
    """Take what a run came to, as its first gate decides.

    Args:
        run: What was answered.
        source: Where it is from, in words.
        of: Fingerprint of who answered.
    """
    columns, _ = run.columns()
    gate = run.gates[0]
    return Evaluated(
        source=source,
        gate=gate,
        p_know=tuple(run.p_know(gate).tolist()),
        retrieved=tuple(run.retrieves(gate).tolist()),
        never=tuple((columns["never"].outcomes.right > 0).tolist()),
        always=tuple((columns["always"].outcomes.right > 0).tolist()),
        of=of,
    )


def keep_evaluation(home: Path, model: str, found: Evaluated) -> None:
    """Keep an evaluation of a model, or of an expert by its name, in the place of its last one."""
    path = _path(home, model)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".evaluation-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"model": model, **asdict(found)}, file)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def kept_evaluation(home: Path, model: str) -> Evaluated | None:
    """Return the newest evaluation of a model; None where there is none.

    Raises:
        DataError: it cannot be read.
    """
    path = _path(home, model)
    if not path.is_file():
        return None
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        day = datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()
        return _from_columns(
            {key: kept[key] for key in ("p_know", "retrieved", "never", "always")},
            source=f"{kept['source']}, {day}",
            gate=str(kept["gate"]),
            of=str(kept.get("of", "")),
        )
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise DataError(f"{path} cannot be read: {exc}.", hint=_AGAIN) from exc


def reported(folder: Path) -> Evaluated:
    """Read the report of an evaluation of answers.

    Args:
        folder: Of the report, or its `report.json`.

    Raises:
        DataError: it is no such report, or has no row for each question.
    """
    path = folder / "report.json" if folder.is_dir() else folder
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        rows = report["questions"]
        columns = {
            "p_know": [row["p_know"] for row in rows],
            "retrieved": [row["looked up"] for row in rows],
            "never": [row["never right"] for row in rows],
            "always": [row["always right"] for row in rows],
        }
        gate = str(report["summary"].get("gate", ""))
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise DataError(
            f"{path} is no report of answers: {exc!r}.",
            hint="Make one: rag-router eval answers --data FILE --out FOLDER.",
        ) from exc
    if not rows:
        raise DataError(f"{path} has no row for each question.", hint=_AGAIN)
    return _from_columns(columns, source=str(report.get("title", path)), gate=gate)


def _from_columns(
    columns: Mapping[str, Sequence[Any]], *, source: str, gate: str, of: str = ""
) -> Evaluated:
    if len({len(column) for column in columns.values()}) != 1:
        raise ValueError("its columns are not of one length")
    return Evaluated(
        source=source,
        gate=gate,
        p_know=tuple(map(float, columns["p_know"])),
        retrieved=tuple(map(bool, columns["retrieved"])),
        never=tuple(map(bool, columns["never"])),
        always=tuple(map(bool, columns["always"])),
        of=of,
    )


def _path(home: Path, model: str) -> Path:
    return home / _FOLDER / f"answers-{sha256(model.encode()).hexdigest()[:16]}.json"
