"""Six fields with an index each, a seventh that no router has seen, and all of them in one pool."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_router.eval.route_fields import RouteField, read_fields
from rag_router.indices.contents import searchable
from rag_router.indices.index import Index
from rag_router.indices.lexical import LexicalIndex, TermHit
from rag_router.indices.reach import Reach
from rag_router.types import Passage

__all__ = ["FIELDS", "NEW", "Pool", "index_fields", "read_new", "read_six"]

FIELDS = {
    "cranfield": ("cranfield", "cranfield/corpus.jsonl.gz"),
    "cacm": ("cacm", "cacm/corpus.jsonl.gz"),
    "cisi": ("cisi", "cisi/corpus.jsonl.gz"),
    "tatqa": ("tatqa", "tatqa/corpus.jsonl.gz"),
    "pubmedqa": ("pubmedqa", "pubmedqa/corpus.jsonl.gz"),
    "wiki": ("nq_gold/dev.jsonl.gz", "wiki_passages"),
}
"""Index -> where its questions are, and its corpus."""

NEW = "gsm8k"
"""The seventh: mathematical questions, and worked solutions for a corpus."""

_MARKS = re.compile(r"<<[^>]*>>")


def index_fields(data: Path, home: Path) -> None:
    """Index what is not indexed yet."""
    wanted = {name: data / corpus for name, (_, corpus) in FIELDS.items()}
    wanted[NEW] = home / "routing" / f"{NEW}.jsonl"
    for name, corpus in wanted.items():
        if (home / "indices" / name / "CURRENT").is_file():
            continue
        if name == NEW:
            _write_new(data, corpus)
        command = [sys.executable, "-m", "rag_router.cli.main", "index", "add", name, str(corpus)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def read_six(data: Path) -> list[RouteField]:
    """Read the questions of the six fields."""
    return read_fields([f"{name}={data / questions}" for name, (questions, _) in FIELDS.items()])


def read_new(data: Path) -> RouteField:
    """Read the questions of the seventh field; to each its own solution is relevant."""
    queries = {row["id"]: row["question"] for row in _new_rows(data)}
    return RouteField(expert=NEW, queries=queries, qrels={id_: {id_: 1} for id_ in queries})


def _new_rows(data: Path) -> list[dict[str, object]]:
    text = (data / NEW / "train_sample.jsonl").read_text(encoding="utf-8")
    # Not splitlines: questions hold separators that end no line here.
    return [json.loads(line) for line in text.split("\n") if line]


def _write_new(data: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for row in _new_rows(data):
        worked = _MARKS.sub("", str(row["meta"]["solution"])).split("####")[0].strip()  # type: ignore[index]
        lines.append(json.dumps({"id": row["id"], "title": "", "text": worked}) + "\n")
    path.write_text("".join(lines), encoding="utf-8")


class Pool:
    """One index of all passages that several hold, over their vectors: nothing is encoded anew.

    Its terms are counted in all passages together, as in any single index.

    Args:
        indices: What it is made of.
    """

    name = "pool"

    def __init__(self, indices: Sequence[Index]) -> None:
        self._indices = list(indices)
        self._begins = np.cumsum([0, *(len(index) for index in indices)])
        self._vectors = np.concatenate([i.vectors_of(range(len(i))) for i in self._indices])

    def __len__(self) -> int:
        return len(self._vectors)

    def passages(self, rows: Sequence[int]) -> list[Passage]:
        found: dict[int, Passage] = {}
        for place, index in enumerate(self._indices):
            begin, end = int(self._begins[place]), int(self._begins[place + 1])
            some = sorted({int(row) for row in rows if begin <= row < end})
            found |= zip(some, index.passages([row - begin for row in some]), strict=True)
        return [found[int(row)] for row in rows]

    def search_vectors(
        self, vectors: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        cosines = vectors @ self._vectors.T
        rows = np.argpartition(-cosines, min(k, len(self)) - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(cosines, rows, axis=1), axis=1, kind="stable")
        rows = np.take_along_axis(rows, order, axis=1).astype(np.int64)
        return np.take_along_axis(cosines, rows, axis=1), rows

    def search_terms(self, texts: Sequence[str], k: int) -> list[list[TermHit]]:
        return [self._lexical.search(text, k) for text in texts]

    def reach(self, text: str) -> Reach:
        return self._lexical.reach(text)

    def vectors_of(self, rows: Sequence[int]) -> NDArray[np.float32]:
        return self._vectors[np.asarray(rows, dtype=np.int64)]

    @cached_property
    def _lexical(self) -> LexicalIndex:
        texts = []
        for index in self._indices:
            for passage in index.passages(range(len(index))):
                texts.append(searchable(passage.title, passage.text))
        return LexicalIndex(texts)
