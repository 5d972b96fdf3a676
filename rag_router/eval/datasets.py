"""Question sets as lists: read, sampled, split and hashed.

What a file may look like is the business of `rag_router.eval.readers`; ours is
{"id", "question", "answers": [..], "contexts": [{"id","title","text","is_gold"?}], "meta": {}},
one a line.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from rag_router.errors import DataError
from rag_router.eval.readers import read_source
from rag_router.types import Question

__all__ = ["data_hash", "is_held_out", "read_questions", "require_answers", "sample"]


def read_questions(
    paths: Sequence[Path | str],
    *,
    limit: int | None = None,
    answers: bool = False,
    format: str = "auto",
) -> list[Question]:
    """Read question sets one after another.

    Args:
        paths: Files, folders of files, or sets named `hf:org/name[:config][@split]`.
        limit: Most questions of each path, taken in the order of a hash of their ids, so that a
            limit is a fair sample and a larger limit holds every smaller one.
        answers: Whether a question without answers is left out.
        format: The layout of the files; "auto" tells by how each begins.

    Raises:
        DataError: something is broken or of no known layout, or an id stands twice in a path.
        UnknownNameError: there is no such format.
        UnavailableError: a named set or the library for it is not to be had.
    """
    found: list[Question] = []
    for path in paths:
        kept = (q for q in read_source(path, format) if q.answers or not answers)
        found += kept if limit is None else sample(kept, limit)
    return found


def require_answers(questions: Sequence[Question]) -> None:
    """Check that all questions have accepted answers, for measures that compare with them.

    Raises:
        DataError: some have none; says how many, and which are the first.
    """
    bare = [question.id for question in questions if not question.answers]
    if bare:
        shown = ", ".join(map(repr, bare[:5])) + (", …" if len(bare) > 5 else "")
        raise DataError(
            f"{len(bare)} of {len(questions)} questions have no accepted answers: {shown}.",
            hint="Give a set with answers, or leave those questions out.",
        )


def is_held_out(question_id: str, *, share: float = 0.5, seed: int = 0) -> bool:
    """Whether a question belongs to the held-out part, decided by its id alone.

    Args:
        question_id: Any text.
        share: Size of the held-out part, in [0, 1].
        seed: Another seed gives another split.
    """
    return _hash(f"{seed}:{question_id}") < share


def data_hash(questions: Sequence[Question]) -> str:
    """sha256 over ids, questions and answers: what a fit or figure was made from."""
    digest = sha256()
    for q in questions:
        digest.update(json.dumps([q.id, q.text, q.answers], ensure_ascii=False).encode())
    return digest.hexdigest()


def sample(questions: Iterable[Question], limit: int) -> list[Question]:
    """Return the `limit` questions with the lowest hashes, in the order they came in."""
    chosen = heapq.nsmallest(limit, enumerate(questions), key=lambda pair: _hash(pair[1].id))
    return [question for _, question in sorted(chosen, key=lambda pair: pair[0])]


def _hash(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big") / 2**64
