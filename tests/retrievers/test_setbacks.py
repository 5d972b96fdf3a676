"""What retrievers do without where a part fails, and who hears of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from rag_router.errors import ModelError, SettingsError
from rag_router.models.cross_encoder import Relevance
from rag_router.retrievers import Query
from rag_router.retrievers.convex import ConvexRetriever
from rag_router.retrievers.dense import DenseRetriever
from rag_router.retrievers.fused import FusedRetriever
from rag_router.retrievers.reranked import RerankedRetriever
from rag_router.retrievers.setbacks import Setback, hearing, told
from rag_router.retrievers.sparse import SparseRetriever

ROWS = [("a", "rome is large", (1, 0)), ("b", "oslo fjord", (0, 1))]


@dataclass(frozen=True)
class Broken:
    name: str = "broken"
    calls: int = 1
    error: Exception | None = None

    def retrieve(self, queries, indices):
        raise self.error or RuntimeError("no")


def test_a_member_that_fails_adds_nothing_and_is_told(list_index, query):
    fused = FusedRetriever(members=(Broken(), DenseRetriever()))
    with hearing() as heard:
        hits = fused.retrieve([query("rome")], [list_index(ROWS)])[0]
    # Alone, the first of dense has 1 / (60 + 1).
    assert (hits[0].passage.id, hits[0].score) == ("a", 1 / 61)
    assert heard == {"rome": [Setback("retriever", "broken was left out: RuntimeError")]}


def test_where_all_members_fail_the_last_error_is_raised(list_index, query):
    fused = FusedRetriever(members=(Broken(), Broken(error=ModelError("gone."))))
    with hearing() as heard, pytest.raises(ModelError, match="gone"):
        fused.retrieve([query("rome")], [list_index(ROWS)])
    assert heard == {}


def test_what_makes_no_sense_is_no_setback(list_index, query):
    fused = FusedRetriever(members=(Broken(error=SettingsError("wrong.")), DenseRetriever()))
    with pytest.raises(SettingsError):
        fused.retrieve([query("rome")], [list_index(ROWS)])


def test_what_was_not_embedded_is_found_by_its_words_without_a_cosine(list_index):
    asked = Query.unembedded("rome")
    assert not asked.embedded
    (hits,) = SparseRetriever().retrieve([asked], [list_index(ROWS)])
    assert [(hit.passage.id, hit.similarity) for hit in hits] == [("a", None)]
    with pytest.raises(ModelError, match="could not be embedded"):
        DenseRetriever().retrieve([asked], [list_index(ROWS)])


def test_scores_of_words_alone_are_those_of_the_convex_sum_without_meaning(list_index):
    with hearing() as heard:
        (hits,) = ConvexRetriever(weight=0.8).retrieve(
            [Query.unembedded("rome")], [list_index(ROWS)]
        )
    # 0.8 x 0 for meaning, and 0.2 x 1 for the best of words.
    assert [(hit.passage.id, hit.score) for hit in hits] == [("a", pytest.approx(0.2))]
    assert heard["rome"] == [Setback("dense", "dense was left out: ModelError")]


class Down:
    """An embedder of an index of its own, which is down."""

    fingerprint = "down"

    def encode_queries(self, texts):
        raise OSError("no device")


def test_an_index_whose_own_embedder_is_down_is_searched_for_words(list_index, query):
    index = list_index(ROWS, encoder=Down())
    with hearing() as heard:
        (hits,) = SparseRetriever().retrieve([query("rome")], [index])
    assert [(hit.passage.id, hit.similarity) for hit in hits] == [("a", None)]
    assert heard == {"rome": [Setback("dense", "no cosines in list: OSError")]}


class Slow:
    """A cross-encoder for which each piece takes some time; likes the second passage best."""

    name = "slow"

    def __init__(self, seconds=0.0, broken=""):
        self.seconds, self.broken, self.now = seconds, broken, 0.0

    def clock(self):
        return self.now

    def judge(self, pairs):
        self.now += self.seconds
        if any(question == self.broken for question, _ in pairs):
            raise RuntimeError("out of memory")
        return [Relevance(float("oslo" in passage), 3, 3) for _, passage in pairs]


def test_questions_whose_candidates_come_too_late_stand_as_they_were_found(list_index):
    # 5 questions of 2 candidates are 10 pairs: a piece of 8, which are four whole questions,
    # and one of 2. All have 5 x 1 s together.
    slow = Slow(5.0)
    reranked = RerankedRetriever(
        member=DenseRetriever(k=2), encoder=slow, seconds=1.0, clock=slow.clock
    )
    queries = [Query(f"q{n}", np.asarray((1.0, 0.0), np.float32)) for n in range(5)]
    with hearing() as heard:
        found = reranked.retrieve(queries, [list_index(ROWS)])
    ids = ["".join(hit.passage.id for hit in hits) for hits in found]
    assert ids == ["ba"] * 4 + ["ab"]
    late = "reranked: not reranked, the cross-encoder took longer than 1 s"
    assert heard == {"q4": [Setback("reranker", late)]}
    assert slow.now == 5.0  # nobody began with the second piece


def test_a_question_that_the_cross_encoder_fails_at_takes_no_other_along(list_index, query):
    reranked = RerankedRetriever(member=DenseRetriever(k=2), encoder=Slow(broken="rome"))
    queries = [query("rome"), Query("bergen", query("rome").vector)]
    with hearing() as heard:
        found = reranked.retrieve(queries, [list_index(ROWS)])
    assert [[hit.passage.id for hit in hits] for hits in found] == [["a", "b"], ["b", "a"]]
    failed = "reranked: not reranked, the cross-encoder failed: RuntimeError"
    assert heard == {"rome": [Setback("reranker", failed)]}


def test_what_nobody_listens_for_is_in_the_log(query, caplog):
    told([query("rome")], "dense", "the embedder is down")
    assert "the embedder is down" in caplog.text


def test_listeners_hear_what_happens_while_they_listen_and_once(query):
    with hearing() as outer:
        told([query("a")], "dense", "one")
        with hearing() as inner:
            told([query("a"), query("a")], "dense", "two")
        told([query("a")], "dense", "one")
    assert outer == {"a": [Setback("dense", "one")]}
    assert inner == {"a": [Setback("dense", "two")]}
