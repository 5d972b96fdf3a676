"""What each model answered to what: kept, so that nothing is asked twice.

One SQLite file. The key is (model fingerprint, prompt hash, decoding settings, question), so an
outcome can never be taken for that of another model or prompt. Every batch is committed before
the next one starts: a run that is killed loses at most one batch.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, String, create_engine, event, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from rag_router.artefacts import fingerprint_of
from rag_router.errors import UnavailableError

__all__ = ["Outcome", "OutcomeCache", "OutcomeKey"]

_CHUNK = 500
"""Keys in one query; SQLite allows 32,766 variables, older builds 999."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a model said.

    Attributes:
        answer: The text.
        logprobs: Log-probability of each of its tokens, in nats.
    """

    answer: str
    logprobs: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeKey:
    """What an outcome depends on.

    Attributes:
        model: Fingerprint of the model.
        prompt: sha256 of the whole prompt, passages included.
        decoding: Fingerprint of decoder and its settings.
    """

    model: str
    prompt: str
    decoding: str

    @property
    def digest(self) -> str:
        return fingerprint_of(self.model, self.prompt, self.decoding)


class _Tables(DeclarativeBase):
    pass


class _Row(_Tables):
    __tablename__ = "outcomes"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    model: Mapped[str] = mapped_column(String(64), index=True)
    answer: Mapped[str]
    logprobs: Mapped[str]


class OutcomeCache:
    """A persistent map from key to outcome. Several processes may use one file.

    Args:
        path: The SQLite file; made if it is not there.

    Raises:
        UnavailableError: the file cannot be opened or is not such a cache.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = _engine(path)
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            _Tables.metadata.create_all(self._engine)

    def get(self, keys: Sequence[OutcomeKey]) -> dict[OutcomeKey, Outcome]:
        """Return the outcomes that are known."""
        by_digest = {key.digest: key for key in keys}
        digests = list(by_digest)
        found: dict[OutcomeKey, Outcome] = {}
        with self._translated(), Session(self._engine) as session:
            for start in range(0, len(digests), _CHUNK):
                chunk = digests[start : start + _CHUNK]
                for row in session.scalars(select(_Row).where(_Row.digest.in_(chunk))):
                    outcome = Outcome(row.answer, tuple(json.loads(row.logprobs)))
                    found[by_digest[row.digest]] = outcome
        return found

    def put(self, outcomes: Mapping[OutcomeKey, Outcome]) -> None:
        """Keep outcomes; one that is there already stays as it is."""
        if not outcomes:
            return
        rows = [
            {
                "digest": key.digest,
                "model": key.model,
                "answer": outcome.answer,
                "logprobs": json.dumps(outcome.logprobs),
            }
            for key, outcome in outcomes.items()
        ]
        with self._translated(), Session(self._engine) as session, session.begin():
            session.execute(insert(_Row).on_conflict_do_nothing(), rows)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, OSError) as exc:
            # SQLAlchemy's own text adds the statement and a link; the cause alone is readable.
            cause = getattr(exc, "orig", None) or exc
            raise UnavailableError(
                f"the outcome cache {self._path} cannot be used: {cause}.",
                hint="Delete the file to start afresh, or name another one.",
            ) from exc


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 60})

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _: object) -> None:
        # Write-ahead logging lets an evaluation read while another one writes.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine
