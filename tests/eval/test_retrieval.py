from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import DataError
from rag_router.eval.retrieval import (
    RetrievalRun,
    evaluate_retrieval,
    find_documents,
    measure_retrieval,
    retrieval_summary,
)
from rag_router.eval.retrieval_report import retrieval_report
from rag_router.indices import Library
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.retrievers import RETRIEVERS, Query, Searchable, make_queries
from rag_router.types import Hit, Passage

EMBEDDER = HashingEmbedder()


@dataclass(frozen=True)
class Ranking:
    """A retriever that answers each text with passages "document#position", best first."""

    passages: dict[str, str]
    k: int = 8
    name: str = "ranking"
    calls: int = 1

    def retrieve(self, queries: Sequence[Query], indices: Sequence[Searchable]) -> list[list[Hit]]:
        return [self._hits(self.passages.get(q.text, "").split()[: self.k]) for q in queries]

    def _hits(self, ids: Sequence[str]) -> list[Hit]:
        return [
            Hit(
                passage=Passage(id=id_, title="", text="", document_id=id_.partition("#")[0]),
                retriever=self.name,
                score=1.0,
                rank=rank,
            )
            for rank, id_ in enumerate(ids, start=1)
        ]


@dataclass(frozen=True)
class Stubborn:
    """Brings what it brings: nobody can ask it for more."""

    inner: Ranking
    name: str = "stubborn"
    calls: int = 1

    def retrieve(self, queries: Sequence[Query], indices: Sequence[Searchable]) -> list[list[Hit]]:
        return self.inner.retrieve(queries, indices)


def ticking() -> Callable[[], float]:
    """A clock on which every look takes a second."""
    seconds: Iterator[int] = count()
    return lambda: float(next(seconds))


def found(retriever, *texts, k):
    return find_documents(retriever, make_queries(texts, EMBEDDER), [], k=k)


def test_a_document_ranks_where_its_best_passage_does():
    ranking = Ranking({"q": "b#1 a#0 b#0 c#4 a#2 d#0"})
    assert found(ranking, "q", k=3) == [["b", "a", "c"]]


def test_a_retriever_is_asked_deeper_until_there_are_enough_documents():
    long = " ".join(f"long#{n}" for n in range(70))
    ranking = Ranking({"q": f"{long} second#0 third#0", "r": "x#0"}, k=1)
    # Two documents: 5 x 2 passages at first, then 40, then 160, and the 71st is of another one.
    assert found(ranking, "q", "r", k=2) == [["long", "second"], ["x"]]


def test_a_retriever_without_k_brings_what_it_brings():
    assert found(Stubborn(Ranking({"q": "a#0 a#1 b#0"}, k=2)), "q", k=2) == [["a"]]


def test_a_passage_that_belongs_to_no_document_counts_as_one():
    hit = Hit(passage=Passage(id="p", title="", text=""), retriever="x", score=1.0, rank=1)

    @dataclass(frozen=True)
    class Loose(Ranking):
        def retrieve(self, queries, indices):
            return [[hit] for _ in queries]

    assert found(Loose({}), "q", k=1) == [["p"]]


@given(st.lists(st.sampled_from("abcdefg"), max_size=60), st.integers(1, 9))
def test_documents_come_in_the_order_of_their_first_passages(documents, k):
    passages = " ".join(f"{document}#{at}" for at, document in enumerate(documents))
    firsts = sorted(set(documents), key=documents.index)
    assert found(Ranking({"q": passages}), "q", k=k) == [firsts[:k]]


def run_of(**more):
    queries = {"1": "first", "2": "second", "3": "third"}
    ranking = Ranking({"first": "x#0 a#0 y#0 b#1", "second": "c#3"})
    qrels = {"1": {"a": 1, "b": 2}, "2": {"c": 1, "d": 1}, "3": {"e": 0}}
    return measure_retrieval({"it": ranking}, [], EMBEDDER, queries, qrels, **more)


def test_figures_are_means_over_the_queries_that_have_something_to_find():
    summary = retrieval_summary(run_of(clock=ticking()))
    # Query 1 finds a (gain 1) at rank 2 and b (gain 2) at rank 4; best is b, a at ranks 1 and 2.
    first = (1 / log2(3) + 2 / log2(5)) / (2 + 1 / log2(3))
    # Query 2 finds c at rank 1 and never d.
    second = 1 / (1 + 1 / log2(3))
    row = summary["retrievers"]["it"]
    assert row["ndcg@10"] == round((first + second) / 2, 4)
    low, high = row["ndcg@10_95"]
    assert (low, high) == (round(min(first, second), 4), round(max(first, second), 4))
    assert row["recall@10"] == (1 + 1 / 2) / 2
    assert row["mrr@10"] == (1 / 2 + 1) / 2
    # Query 3 has nothing to find.
    assert (summary["n"], summary["left_out"], summary["warm_up_queries"]) == (2, 1, 2)


def test_the_cutoff_names_the_figures():
    row = retrieval_summary(run_of(k=1))["retrievers"]["it"]
    assert (row["recall@1"], row["mrr@1"]) == ((0 + 1 / 2) / 2, (0 + 1) / 2)


def test_the_warm_up_is_not_timed_and_the_embedding_is_told_apart():
    summary = retrieval_summary(run_of(batch_size=1, clock=ticking()))
    # Two batches of one query; a second for each embedding, and one for each search.
    row = summary["retrievers"]["it"]
    assert (row["search_ms_per_query"], row["ms_per_query"]) == (1000, 2000)
    assert summary["warm_up_queries"] == 1


def test_batches_do_not_change_what_is_found_and_progress_reaches_the_end():
    told: list[tuple[int, int]] = []
    one = run_of(batch_size=1, on_progress=lambda done, total: told.append((done, total)))
    assert one.found == run_of().found
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_query_that_finds_nothing_counts_as_nothing():
    run = measure_retrieval({"it": Ranking({})}, [], EMBEDDER, {"1": "x"}, {"1": {"a": 1}})
    row = retrieval_summary(run)["retrievers"]["it"]
    assert (row["ndcg@10"], row["recall@10"], row["mrr@10"]) == (0, 0, 0)


def test_ties_stand_as_the_retriever_left_them():
    # All scores of this retriever are 1; "z" was put before "a".
    run = measure_retrieval(
        {"it": Ranking({"x": "z#0 a#0"})}, [], EMBEDDER, {"1": "x"}, {"1": {"a": 1}}
    )
    assert retrieval_summary(run)["retrievers"]["it"]["mrr@10"] == 1 / 2


@pytest.mark.parametrize(
    ("qrels", "said"),
    [
        ({"1": {"a": 1}, "9": {"a": 1}}, "qrels name 1 queries that are not there, such as '9'"),
        ({"1": {"a": 0}}, "none of 1 queries has a relevant document"),
        ({}, "none of 1 queries has a relevant document"),
    ],
)
def test_queries_and_qrels_that_do_not_fit_are_data_errors(qrels, said):
    with pytest.raises(DataError, match=said) as caught:
        evaluate_retrieval({}, [], EMBEDDER, {"1": "x"}, qrels)
    assert caught.value.hint


def test_the_report_has_a_row_for_each_query_and_flags_those_that_failed():
    run = measure_retrieval(
        {"it": Ranking({"good": "a#0"})},
        [],
        EMBEDDER,
        {"1": "good", "2": "bad"},
        {"1": {"a": 1, "b": 0}, "2": {"a": 1}},
    )
    report = retrieval_report(run, retrieval_summary(run), {}, title="Retrieval on a set")
    assert report.questions == (
        {"id": "1", "question": "good", "relevant": 1}
        | {"ndcg@10 it": 1.0, "it found nothing": False},
        {"id": "2", "question": "bad", "relevant": 1}
        | {"ndcg@10 it": 0.0, "it found nothing": True},
    )
    assert report.flags == ("it found nothing",)
    assert report.tables[0].rows[0][:4] == ("it", (0.5, 0.0, 1.0), 0.5, 0.5)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """An index of three documents; the sentences about cats fill several passages of the first."""
    home = tmp_path_factory.mktemp("home")
    cats = " ".join(f"The cat number {n} sat on the mat and purred." for n in range(120))
    rows = [
        {"id": "cats", "title": "Cats", "text": cats},
        {"id": "dogs", "title": "Dogs", "text": "The dog chased the cat. " + "It barked. " * 5},
        {"id": "rome", "title": "Rome", "text": "The Tiber flows through Rome."},
    ]
    corpus = home / "corpus.jsonl"
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    library = Library(home)
    library.add("pets", [corpus], EMBEDDER)
    return library.open("pets", EMBEDDER)


ELSEWHERE = ("langchain", "qa_memory")
"""Retrievers that do not look in the passages of an index."""


@pytest.mark.parametrize("name", [one for one in RETRIEVERS if one not in ELSEWHERE])
def test_every_retriever_finds_documents_in_an_index(opened, name):
    retriever = RETRIEVERS.build(name)
    out = evaluate_retrieval(
        {name: retriever},
        [opened],
        EMBEDDER,
        {"1": "the Tiber in Rome", "2": "a dog and a cat"},
        {"1": {"rome": 1}, "2": {"dogs": 1, "cats": 1}},
    )
    assert len(opened) > 5
    row = out["retrievers"][name]
    assert (row["recall@10"], row["mrr@10"]) == (1, 1)
    assert 0 < row["search_ms_per_query"] <= row["ms_per_query"]


def test_a_run_is_a_value():
    run = run_of()
    assert isinstance(run, RetrievalRun)
    assert run.by_query("it")["mrr@10"] == {"1": 1 / 2, "2": 1.0}
