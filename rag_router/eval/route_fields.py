"""Labelled questions of several fields, as routers are fitted and measured on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rag_router.errors import DataError
from rag_router.eval.datasets import read_questions, sample
from rag_router.eval.readers import read_retrieval_set
from rag_router.eval.readers.retrieval import is_retrieval_set
from rag_router.eval.relevance import qrels_of
from rag_router.eval.sets import set_name
from rag_router.types import Question

__all__ = ["RouteField", "read_fields", "split_name"]

_NAMED = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]{0,63})=(?P<path>.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteField:
    """Questions that belong to one expert.

    Attributes:
        expert: Its name.
        queries: Text of each question, by id.
        qrels: Relevance of documents, where somebody judged them.
    """

    expert: str
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def split_name(given: str) -> tuple[str, Path]:
    """Split `NAME=PATH`; a path alone is named after its set."""
    if (found := _NAMED.fullmatch(given)) is not None:
        return found["name"], Path(found["path"])
    return set_name(Path(given)), Path(given)


def read_fields(given: Sequence[str], *, limit: int | None = None) -> list[RouteField]:
    """Read the questions of each expert.

    Args:
        given: `NAME=PATH` each; files or folders in any layout that is known. A name may be given
            several times.
        limit: Most questions of each path; a fair sample.

    Raises:
        DataError: a set cannot be read or is empty, or two questions of one field share an id.
    """
    fields: dict[str, RouteField] = {}
    for one in given:
        name, path = split_name(one)
        read = _read(name, path, limit)
        if name in fields:
            before = fields[name]
            if twice := before.queries.keys() & read.queries.keys():
                raise DataError(f"two questions of {name!r} have the id {min(twice)!r}.")
            read = RouteField(
                expert=name,
                queries={**before.queries, **read.queries},
                qrels={**before.qrels, **read.qrels},
            )
        fields[name] = read
    return list(fields.values())


def _read(name: str, path: Path, limit: int | None) -> RouteField:
    if path.is_dir() and is_retrieval_set(path):
        found = read_retrieval_set(path)
        queries, qrels = dict(found.queries), dict(found.qrels)
    else:
        questions = read_questions([path])
        queries = {question.id: question.text for question in questions}
        qrels = dict(qrels_of(questions))
    if limit is not None:
        kept = sample([Question(id=i, text=t) for i, t in queries.items()], limit)
        queries = {question.id: question.text for question in kept}
    if not queries:
        raise DataError(f"{path} holds no questions.", hint="Give a set of questions.")
    return RouteField(
        expert=name,
        queries=queries,
        qrels={id_: judged for id_, judged in qrels.items() if id_ in queries},
    )
