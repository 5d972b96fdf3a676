from __future__ import annotations

import pytest
from pydantic import ValidationError

from rag_router.errors import SettingsError, UnknownNameError
from rag_router.retrievers import RETRIEVERS
from rag_router.retrievers.dense import DenseRetriever
from rag_router.retrievers.fused import FusedRetriever
from rag_router.retrievers.sparse import SparseRetriever
from rag_router.types import Finding


def fuse(query, *members, **options):
    return FusedRetriever(members=members, **options).retrieve([query()], [])[0]


def test_a_passage_found_twice_outranks_one_found_once(query, returns):
    hits = fuse(query, returns(["a", "b"]), returns(["b"]), smoothing=60)
    assert [(h.passage.id, h.score, h.rank) for h in hits] == [
        ("b", 1 / (60 + 2) + 1 / (60 + 1), 1),
        ("a", 1 / (60 + 1), 2),
    ]


def test_smoothing_says_how_much_the_first_ranks_matter(query, returns):
    members = (returns(["a", "b", "c"]), returns(["d", "b", "c"]))
    assert [h.passage.id for h in fuse(query, *members, smoothing=60)] == ["b", "c", "a", "d"]
    # Smoothing 1: b has 2 / (1 + 2) = 0.67, and so outranks c with 2 / (1 + 3) = a = d = 0.5.
    assert [h.score for h in fuse(query, *members, smoothing=1)] == [2 / 3, 0.5, 0.5, 0.5]


def test_the_order_of_the_members_does_not_matter(query, returns):
    members = [returns(list(ids)) for ids in ("abc", "cab", "bca", "acb")]
    scores = {
        tuple((h.passage.id, h.score) for h in fuse(query, *members[n:], *members[:n]))
        for n in range(4)
    }
    assert len(scores) == 1


def test_the_cosine_is_kept_from_the_member_that_has_it(query, returns):
    hits = fuse(query, returns(["a"]), returns(["a", "b"], similarity=0.5), returns(["c"]))
    assert {h.passage.id: h.similarity for h in hits} == {"a": 0.5, "b": 0.5, "c": None}


def test_it_is_told_who_found_a_passage_at_which_rank(query, returns):
    hits = fuse(query, returns(["b", "a"], name="one"), returns(["a"], name="two"))
    assert hits[0].why == "one rank 2 (said so); two rank 1 (said so)"
    assert hits[0].retriever == "fused"
    assert hits[0].found_by == (
        Finding(retriever="one", rank=2, score=1 / 2),
        Finding(retriever="two", rank=1, score=1.0),
    )


def test_passages_of_two_indices_with_one_id_are_two(list_index, query):
    one = list_index([("a", "rome", (1, 0))], name="one")
    two = list_index([("a", "rome", (0.6, 0.8))], name="two")
    hits = FusedRetriever().retrieve([query("rome")], [one, two])[0]
    assert [(h.passage.index, h.passage.id) for h in hits] == [("one", "a"), ("two", "a")]


def test_members_may_have_options_of_their_own():
    tables = [{"name": "sparse"}, {"name": "qa_memory", "serve": 0.9, "k": 3}]
    sparse, memory = RETRIEVERS.build("fused", members=tables, depth=7).members
    assert (sparse.k, memory.k, memory.serve) == (7, 3, 0.9)


def test_members_given_by_name_bring_as_many_hits_as_depth_says():
    fused = RETRIEVERS.build("fused", members=["dense", "sparse"], depth=7)
    assert fused.members == (DenseRetriever(k=7), SparseRetriever(k=7))
    assert fused.calls == 2
    assert FusedRetriever().members == (SparseRetriever(k=50), DenseRetriever(k=50))


def test_a_fused_retriever_counts_the_calls_of_its_members(returns):
    inner = FusedRetriever(members=(returns(["a"]), returns(["b"])))
    assert FusedRetriever(members=(inner, returns(["c"]))).calls == 3


def test_members_that_are_none_are_refused():
    with pytest.raises(UnknownNameError, match="Did you mean 'sparse'"):
        RETRIEVERS.build("fused", members=["spars"])
    with pytest.raises(SettingsError, match="members"):
        RETRIEVERS.build("fused", members=[])
    with pytest.raises(ValidationError, match="members"):
        FusedRetriever(members=(5,))
