"""What each model answered to what: kept, so that nothing is asked twice.

One SQLite file. The key is (model fingerprint, prompt hash, decoding settings, question), so an
outcome can never be taken for that of another model or prompt. Every batch is committed before
the next one starts: a run that is killed loses at most one batch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from rag_router.artefacts import fingerprint_of
from rag_router.outcomes.database import CHUNK, Database, OutcomeRow

__all__ = ["Outcome", "OutcomeCache", "OutcomeKey"]


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


class OutcomeCache:
    """A persistent map from key to outcome. Several processes may use one file.

    Args:
        path: The SQLite file; made if it is not there.

    Raises:
        UnavailableError: the file cannot be opened or is not such a cache.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path)

    def get(self, keys: Sequence[OutcomeKey]) -> dict[OutcomeKey, Outcome]:
        """Return the outcomes that are known."""
        by_digest = {key.digest: key for key in keys}
        digests = list(by_digest)
        found: dict[OutcomeKey, Outcome] = {}
        with self._database.session() as session:
            for start in range(0, len(digests), CHUNK):
                chunk = digests[start : start + CHUNK]
                for row in session.scalars(select(OutcomeRow).where(OutcomeRow.digest.in_(chunk))):
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
        with self._database.session() as session:
            session.execute(insert(OutcomeRow).on_conflict_do_nothing(), rows)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
