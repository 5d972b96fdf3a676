from __future__ import annotations

import pytest

from rag_router.errors import SettingsError
from rag_router.models.cross_encoder import Relevance
from rag_router.retrievers import RETRIEVERS
from rag_router.retrievers.dense import DenseRetriever
from rag_router.retrievers.equipment import Equipment, equipped, lacking
from rag_router.retrievers.fused import FusedRetriever
from rag_router.retrievers.reranked import RerankedRetriever
from rag_router.types import Finding


class ByLength:
    """Finds short passages relevant: 1 / words, of which it reads four."""

    name = "by-length"

    def __init__(self):
        self.asked = []

    def judge(self, pairs):
        self.asked.append(len(pairs))
        lengths = [len(passage.split()) for _, passage in pairs]
        return [Relevance(1 / length, length, min(length, 4)) for length in lengths]


ROWS = [("a", "rome is a large town", (1, 0)), ("b", "rome", (0.6, 0.8)), ("c", "x y", (0, 1))]


def test_candidates_are_put_in_the_order_of_their_relevance(list_index, query):
    judge = ByLength()
    reranked = RerankedRetriever(k=2, member=DenseRetriever(k=3), encoder=judge)
    hits = reranked.retrieve([query("rome"), query("oslo")], [list_index(ROWS)])
    assert [(h.passage.id, h.score, h.rank) for h in hits[0]] == [("b", 1.0, 1), ("c", 0.5, 2)]
    assert hits[0][0].why == "relevance 1.000; dense rank 2 (cosine 0.600)"
    assert hits[0][0].found_by == (
        Finding(retriever="dense", rank=2, score=pytest.approx(0.6, abs=1e-6)),
    )
    assert judge.asked == [6]  # all questions in one batch


def test_a_passage_that_was_not_read_to_its_end_says_so(list_index, query):
    reranked = RerankedRetriever(k=3, member=DenseRetriever(k=3), encoder=ByLength())
    hits = reranked.retrieve([query("rome")], [list_index(ROWS)])[0]
    assert hits[2].why.startswith("relevance 0.200, read 4 of 5 tokens; dense rank 1")


def test_without_its_model_hits_stand_as_they_were_found_and_it_says_so(list_index, query):
    reranked = RerankedRetriever(k=2, member=DenseRetriever(k=3))
    hits = reranked.retrieve([query("rome")], [list_index(ROWS)])[0]
    assert [h.passage.id for h in hits] == ["a", "b"]
    assert hits[0].why == "not reranked; dense rank 1 (cosine 1.000)"
    assert hits[0].retriever == "reranked"
    (said,) = lacking(FusedRetriever(members=(reranked,)))
    assert "not reranked" in said
    assert "rag-router models fetch hf:cross-encoder/ms-marco-MiniLM-L6-v2" in said


def test_equipping_loads_the_model_however_deep_it_stands():
    judge = ByLength()
    asked = []

    def load(name):
        asked.append(name)
        return judge

    inner = RerankedRetriever(model="path:/mine")
    whole = equipped(
        FusedRetriever(members=(inner, DenseRetriever())),
        Equipment(embedder=None, cross_encoder=load),
    )
    assert whole.members[0].encoder is judge
    assert (asked, lacking(whole)) == (["path:/mine"], [])
    # What was never fetched is done without.
    bare = equipped(inner, Equipment(embedder=None, cross_encoder=lambda name: None))
    assert bare.encoder is None


def test_the_member_may_be_named_alone_or_with_options():
    assert RETRIEVERS.build("reranked", member="dense", depth=7).member == DenseRetriever(k=7)
    table = {"name": "dense", "k": 9}
    assert RETRIEVERS.build("reranked", member=table, depth=7).member == DenseRetriever(k=9)
    assert RETRIEVERS.build("reranked").calls == 2
    with pytest.raises(SettingsError, match="member"):
        RETRIEVERS.build("reranked", member=5)
