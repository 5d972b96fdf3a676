"""What else was computed about questions: features of gates, verdicts, answers with passages.

A record's key is a digest of everything that it depends on (model, prompt, component, passages,
question), so that a record is never taken for that of something else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from rag_router.outcomes.database import CHUNK, Database, RecordRow

__all__ = ["RecordCache"]


class RecordCache:
    """A persistent map from digest to bytes. Several processes may use one file.

    Args:
        path: The SQLite file; made if it is not there. It may be the one of the outcomes.

    Raises:
        UnavailableError: the file cannot be opened or is not such a cache.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path)

    def get(self, digests: Sequence[str]) -> dict[str, bytes]:
        """Return the records that are known."""
        found: dict[str, bytes] = {}
        wanted = list(dict.fromkeys(digests))
        with self._database.session() as session:
            for start in range(0, len(wanted), CHUNK):
                chunk = wanted[start : start + CHUNK]
                rows = session.scalars(select(RecordRow).where(RecordRow.digest.in_(chunk)))
                found.update((row.digest, row.body) for row in rows)
        return found

    def put(self, kind: str, records: Mapping[str, bytes]) -> None:
        """Keep records; one that is there already stays as it is."""
        if records:
            rows = [{"digest": d, "kind": kind, "body": body} for d, body in records.items()]
            with self._database.session() as session:
                session.execute(insert(RecordRow).on_conflict_do_nothing(), rows)

    def get_json(self, digests: Sequence[str]) -> dict[str, Any]:
        """Return the records that are known, read as JSON."""
        return {digest: json.loads(body) for digest, body in self.get(digests).items()}

    def put_json(self, kind: str, records: Mapping[str, Any]) -> None:
        """Keep records that JSON can hold."""
        self.put(kind, {d: json.dumps(r, ensure_ascii=False).encode() for d, r in records.items()})

    def get_arrays(self, digests: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the records that are known, read as rows of numbers."""
        return {d: np.frombuffer(body, dtype="<f4") for d, body in self.get(digests).items()}

    def put_arrays(self, kind: str, records: Mapping[str, NDArray[Any]]) -> None:
        """Keep rows of numbers, as 32-bit floats."""
        self.put(kind, {d: np.asarray(row, dtype="<f4").tobytes() for d, row in records.items()})

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
