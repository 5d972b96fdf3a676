"""What indexes cost: lexical search, a graph of a million vectors, adding, and serving.

    python -m benchmarks.indices --data DIR [--questions FILE] [--part NAME]...

`DIR` holds the passages (`passages_*.jsonl.gz`); the questions are those of nq_gold beside it, and
the questions that are remembered those of nq_open and webquestions. The index `wiki` of the home
gives the vectors that the graph is made of, and is what is served.

Other processes share the machine, so that seconds are of processor time wherever one thread does
the work, and whatever is compared takes turns, question by question; the best of several rounds
counts.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_router.indices import Library
from rag_router.indices.contents import searchable
from rag_router.indices.lexical import LexicalIndex
from rag_router.indices.pairs import read_pairs
from rag_router.indices.postings import DELTA, K1, B
from rag_router.indices.qa_memory import QaMemory, fit_thresholds
from rag_router.indices.terms import terms_of
from rag_router.indices.vectors import Sizes, build_vectors, read_vectors, write_vectors
from rag_router.indices.vectors.base import VectorCard, exact_search
from rag_router.models.base import Embedder
from rag_router.models.embedder import load_embedder
from rag_router.models.store import ModelStore
from rag_router.settings import default_home

K = 10
ROUNDS = 5
QUESTIONS = 200
GRAPH = 1_000_000
NOISE = 0.02
"""Standard deviation in each of 384 dimensions: a copy's cosine to its original is about 0.93."""

LABELLED = 640
ENCODED = 1_500
"""Passages that the encoder really reads; what it costs for all is worked out from them."""


def main() -> None:
    """Measure the parts that are asked for, and record them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--part", action="append", choices=sorted(_PARTS))
    parser.add_argument("--served", metavar="INDEX", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.served:
        print(json.dumps(_serve(arguments.served)))
        return
    named = arguments.questions or arguments.data.parent / "nq_gold" / "dev.jsonl.gz"
    work = Work(data=arguments.data, questions=named)
    figures = {part: _PARTS[part](work) for part in arguments.part or _PARTS}
    from benchmarks.record import record

    record("indices", figures, k=K, rounds=ROUNDS, noise=NOISE)


@dataclass
class Work:
    """What is measured with; read when it is first needed."""

    data: Path
    questions: Path
    home: Path = field(default_factory=default_home)

    def passages(self) -> list[dict[str, str]]:
        files = sorted(self.data.glob("passages_*.jsonl.gz"))
        return [json.loads(line) for file in files for line in gzip.open(file, "rt")]

    def asked(self) -> list[str]:
        with gzip.open(self.questions, "rt") as file:
            rows = [json.loads(line)["question"] for line in islice(file, QUESTIONS)]
        return [str(row) for row in rows]

    def embedder(self) -> Embedder:
        return load_embedder(ModelStore().resolve("all-minilm-l6-v2"))


def lexical(work: Work) -> dict[str, float]:
    """BM25 over all passages: ours against bm25s, the same tokens, rows and scores of ten."""
    from bm25s import BM25

    texts = [searchable(row["title"], row["text"]) for row in work.passages()]
    begin = time.thread_time()
    tokenised = [terms_of(text) for text in texts]
    cut_s = time.thread_time() - begin
    begin = time.thread_time()
    ours = LexicalIndex(texts)
    built_s = time.thread_time() - begin
    theirs = BM25(method="bm25+", k1=K1, b=B, delta=DELTA)
    theirs.index(tokenised, show_progress=False)
    asked = [[t for t in terms_of(q) if t in ours.postings.numbers] for q in work.asked()]
    asked = [terms for terms in asked if terms]

    def alone(terms: Sequence[str]) -> object:
        return theirs.retrieve([list(terms)], k=K, show_progress=False)

    ms = _in_turn(asked, {"ours": lambda terms: ours.best(terms, K), "bm25s": alone})
    return {
        "passages": len(texts),
        "terms_s": round(cut_s, 2),
        "build_with_terms_s": round(built_s, 2),
        "ours_ms": round(float(ms["ours"].mean()), 4),
        "bm25s_ms": round(float(ms["bm25s"].mean()), 4),
        "ratio": round(float(ms["ours"].mean() / ms["bm25s"].mean()), 3),
    }


def graph(work: Work) -> dict[str, float]:
    """HNSW over a million vectors: recall against looking at all, and time against faiss alone."""
    folder = work.home / f"hnsw-{GRAPH}"
    if not (folder / "card.json").exists():
        _build_graph(work, folder)
    built = json.loads((folder / "card.json").read_text())
    card = VectorCard(**built["card"])
    vectors = read_vectors(folder, card, 384)
    queries = work.embedder().encode_queries(work.asked())
    _, true = exact_search(vectors, queries, K, np.arange(len(vectors)))
    found = vectors.search(queries, K)[1]
    shared = [len(set(a) & set(b)) / K for a, b in zip(true.tolist(), found.tolist(), strict=True)]
    parameters = vectors.kind.parameters(card.effort, None)
    ms = _in_turn(
        [query[None] for query in queries],
        {
            "ours": lambda query: vectors.search(query, K),
            "faiss": lambda query: vectors.index.search(query, K, params=parameters),
        },
    )
    p95 = {name: float(np.percentile(taken, 95)) for name, taken in ms.items()}
    return {
        "vectors": len(vectors),
        "build_s": round(built["cpu_s"], 1),
        "ef_search": card.effort,
        "recall_at_10_recorded": card.recall_at_10,
        "recall_at_10_of_questions": round(float(np.mean(shared)), 4),
        "ours_p95_ms": round(p95["ours"], 3),
        "faiss_p95_ms": round(p95["faiss"], 3),
        "ratio": round(p95["ours"] / p95["faiss"], 3),
    }


def _build_graph(work: Work, folder: Path) -> None:
    index = Library(work.home).open("wiki")
    base = index.vectors_of(range(len(index)))
    draw = np.random.default_rng(0)
    many = np.empty((GRAPH, base.shape[1]), dtype=np.float32)
    for begin in range(0, GRAPH, len(base)):
        part = base[: GRAPH - begin]
        if begin:  # the first copy is the vectors as they are
            part = part + np.float32(NOISE) * draw.standard_normal(part.shape, dtype=np.float32)
        many[begin : begin + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True)
    start = time.process_time()
    built = build_vectors(many, Sizes())
    card = {"cpu_s": time.process_time() - start, "card": built.card.model_dump()}
    folder.mkdir(parents=True, exist_ok=True)
    write_vectors(folder, built)
    (folder / "card.json").write_text(json.dumps(card))


def adding(work: Work) -> dict[str, float]:
    """`index add` of all passages: how much of the time is not the encoder's.

    The encoder reads some of them for real; for all of them a stand-in gives vectors, which counts
    tokens as the encoder does and costs next to nothing, so that all else is done in full.
    """
    embedder = work.embedder()
    passages = work.passages()
    step = len(passages) // ENCODED
    sample = [searchable(r["title"], r["text"]) for r in passages[::step]]
    sample = sorted(sample, key=len)  # as the library does
    embedder.encode_passages(sample[:64])
    begin = time.process_time()
    for at in range(0, len(sample), 64):
        embedder.encode_passages(sample[at : at + 64])
    per_passage = (time.process_time() - begin) / len(sample)
    stand_in = Quick(embedder)
    with tempfile.TemporaryDirectory() as home:
        begin = time.process_time()
        files = sorted(work.data.glob("passages_*.jsonl.gz"))
        report = Library(Path(home)).add("wiki", files, stand_in)
        other_s = time.process_time() - begin - stand_in.spent_s
    encoder_s = per_passage * report.encoded
    return {
        "passages": report.passages,
        "encoder_read": len(sample),
        "encoder_s": round(encoder_s, 1),
        "other_s": round(other_s, 1),
        "other_share": round(other_s / (other_s + encoder_s), 4),
    }


class Quick:
    """Counts tokens as an embedder does, and embeds at random."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._draw = np.random.default_rng(0)
        self.name, self.fingerprint = "quick", "quick"
        self.dimension, self.max_tokens = embedder.dimension, embedder.max_tokens
        self.spent_s = 0.0

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._embedder.count_tokens(texts)

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.encode_passages(texts)

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        begin = time.process_time()
        made = self._draw.standard_normal((len(texts), self.dimension), dtype=np.float32)
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        self.spent_s += time.process_time() - begin
        return made


def memory(work: Work) -> dict[str, Any]:
    """How often the answer of the nearest question that people asked is right, and fit to serve.

    Labelled questions are halved: one half chooses the thresholds, the other judges them.
    """
    embedder = work.embedder()
    near = work.questions.parent.parent
    files = [near / "nq_open" / "train_sample.jsonl", near / "webquestions" / "train.jsonl"]
    pairs = [pair for file in files for pair in read_pairs(file)]
    labelled = read_pairs(work.questions)[:LABELLED]
    with tempfile.TemporaryDirectory() as home:
        library = Library(Path(home))
        held = library.remember("known", pairs, embedder).passages
        recalled = QaMemory(library.open("known", embedder))
        vectors = embedder.encode_queries([pair.question for pair in labelled])
        similar, right = recalled.judged(vectors, [pair.answers for pair in labelled])
    fits = np.arange(len(similar)) % 2 == 0
    chosen = fit_thresholds(similar[fits], right[fits])
    rows: dict[str, Any] = {}
    for name, threshold, of in (
        ("at_0.95", 0.95, np.ones(len(similar), dtype=bool)),
        ("served", chosen.serve, ~fits),
        ("passed_on", chosen.pass_on, ~fits),
    ):
        above = of & (similar >= threshold)
        rows[name] = {
            "threshold": round(threshold, 4),
            "questions": int(above.sum()),
            "of": int(of.sum()),
            "right": int(right[above].sum()),
        }
    return {"pairs": held, **rows}


def serving(work: Work) -> dict[str, Any]:
    """Memory of a process that serves the index of these passages, without any model."""
    command = [sys.executable, "-m", "benchmarks.indices", "--data", ".", "--served", "wiki"]
    environment = os.environ | {"RAG_ROUTER_HOME": str(work.home)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _serve(name: str) -> dict[str, float]:
    from rag_router.retrievers import RETRIEVERS, Query

    index = Library(default_home()).open(name)
    empty = _resident_mb()
    retriever = RETRIEVERS.build("fused")
    passages = index.passages(range(0, len(index), max(len(index) // QUESTIONS, 1)))
    begin = time.process_time()
    for row, passage in enumerate(passages):
        vector = index.vectors_of([row * max(len(index) // QUESTIONS, 1)])[0]
        retriever.retrieve([Query(" ".join(passage.text.split()[:12]), vector)], [index])
    ms = 1000 * (time.process_time() - begin) / len(passages)
    return {
        "passages": len(index),
        "format": index.manifest.format,
        "opened_mb": round(empty, 1),
        "serving_mb": round(_resident_mb(), 1),
        "peak_mb": round(_resident_mb("VmHWM"), 1),
        "fused_search_ms": round(ms, 2),
        "torch_loaded": "torch" in sys.modules,
    }


def _resident_mb(key: str = "VmRSS") -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell how much memory a process holds")


def _in_turn(
    asked: Sequence[Any], contestants: dict[str, Callable[[Any], object]]
) -> dict[str, NDArray[np.float64]]:
    """Ask all the same, in turn; return milliseconds of each question, the best of the rounds."""
    best = {name: np.full(len(asked), np.inf) for name in contestants}
    for number in range(ROUNDS + 1):
        names = list(contestants)
        if number % 2:
            names.reverse()  # who comes second finds the caches warm
        for row, one in enumerate(asked):
            for name in names:
                begin = time.thread_time()
                contestants[name](one)
                taken = 1000 * (time.thread_time() - begin)
                if number:
                    best[name][row] = min(best[name][row], taken)
    return best


_PARTS: dict[str, Callable[[Work], dict[str, Any]]] = {
    "lexical": lexical,
    "graph": graph,
    "adding": adding,
    "serving": serving,
    "memory": memory,
}


if __name__ == "__main__":
    main()
