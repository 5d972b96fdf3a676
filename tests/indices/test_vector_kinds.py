"""Flat, HNSW and IVF-PQ: what they find, how they grow, and what they refuse to read."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from rag_router.errors import IndexCorruptError
from rag_router.indices.vectors import (
    Sizes,
    VectorCard,
    build_vectors,
    extend_vectors,
    read_vectors,
    write_vectors,
)
from rag_router.indices.vectors.base import EXACT_UP_TO, exact_search
from rag_router.indices.vectors.recall import Sample, recall_of

FLAT, GRAPH, LISTS = (
    Sizes(),
    Sizes(hnsw_above=100),
    Sizes(hnsw_above=100, ivf_pq_above=500, recall=0.9),
)


def unit(count, dimension=16, seed=0):
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def brute(vectors, queries, k):
    return np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :k]


def test_the_kind_follows_from_how_many_there_are():
    sizes = Sizes()
    kinds = [sizes.kind(n).name for n in (1, 100_000, 100_001, 1_000_000, 1_000_001)]
    assert kinds == ["flat", "flat", "hnsw", "hnsw", "ivf_pq"]


def test_flat_search_is_brute_force():
    vectors, queries = unit(300), unit(5, seed=1)
    scores, rows = build_vectors(vectors, FLAT).search(queries, 7)
    np.testing.assert_array_equal(rows, brute(vectors, queries, 7))
    np.testing.assert_allclose(scores[0], np.sort(vectors @ queries[0])[::-1][:7], rtol=1e-5)


@pytest.mark.parametrize(("sizes", "kind"), [(GRAPH, "hnsw"), (LISTS, "ivf_pq")])
def test_recall_against_flat_is_measured_and_good_enough(sizes, kind):
    vectors = unit(1200)
    built = build_vectors(vectors, sizes)
    assert (built.card.kind, built.card.questions) == (kind, 200)
    assert sizes.recall <= built.card.recall_at_10 <= 1
    queries = unit(50, seed=1)
    _, rows = built.search(queries, 10)
    true = brute(vectors, queries, 10)
    shared = [len(set(a) & set(b)) / 10 for a, b in zip(rows.tolist(), true.tolist(), strict=True)]
    assert np.mean(shared) > 0.8


def test_where_no_effort_is_enough_flat_search_stays():
    built = build_vectors(unit(300), Sizes(hnsw_above=100, recall=1.1))
    assert built.card == VectorCard(kind="flat", effort=0, recall_at_10=1.0, questions=0)


def test_recall_counts_what_is_as_near_as_the_tenth():
    # Ten copies of each of 20 vectors: of the nine others and one more, any will do.
    vectors = np.repeat(unit(20), 10, axis=0)
    built = build_vectors(vectors, FLAT)
    assert recall_of(built, Sample(built)) == 1.0


@pytest.mark.parametrize("sizes", [FLAT, GRAPH, LISTS])
def test_vectors_come_back_as_they_were_and_from_their_files(tmp_path, sizes):
    vectors, queries = unit(600), unit(4, seed=1)
    built = build_vectors(vectors, sizes)
    np.testing.assert_allclose(built.rows(np.array([5, 0])), vectors[[5, 0]], rtol=1e-6)
    write_vectors(tmp_path, built)
    again = read_vectors(tmp_path, built.card, 16)
    np.testing.assert_array_equal(again.search(queries, 9)[1], built.search(queries, 9)[1])
    np.testing.assert_allclose(again.rows(np.array([7])), vectors[[7]], rtol=1e-6)
    assert again.rows(np.zeros(0, dtype=np.int64)).shape == (0, 16)


@pytest.mark.parametrize("sizes", [FLAT, GRAPH, LISTS])
def test_k_larger_than_the_index_finds_everything_once(sizes):
    built = build_vectors(unit(600), sizes)
    scores, rows = built.search(unit(2, seed=1), 5000)
    assert rows.shape == (2, 600)
    assert sorted(rows[0].tolist()) == list(range(600))
    assert (np.diff(scores[0]) <= 1e-6).all()


@pytest.mark.parametrize("sizes", [FLAT, GRAPH, LISTS])
@pytest.mark.parametrize("share", [0.01, 0.5])
def test_only_allowed_rows_are_found_and_none_is_missed(sizes, share):
    vectors, queries = unit(800), unit(3, seed=1)
    allowed = np.random.default_rng(2).random(800) < share
    _, rows = build_vectors(vectors, sizes).search(queries, 8, allowed)
    wanted = np.flatnonzero(allowed)
    np.testing.assert_array_equal(rows, wanted[brute(vectors[wanted], queries, rows.shape[1])])
    assert rows.shape[1] == min(8, len(wanted))


def test_a_large_filter_is_applied_inside_the_walk():
    count = EXACT_UP_TO + 1000
    vectors, queries = unit(count, dimension=4), unit(5, dimension=4, seed=1)
    built = build_vectors(vectors, Sizes(hnsw_above=100, recall=0.9))
    allowed = np.ones(count, dtype=bool)
    allowed[built.search(queries, 10)[1].ravel()] = False
    _, rows = built.search(queries, 10, allowed)
    assert rows.shape == (5, 10)
    assert allowed[rows].all()
    true = np.flatnonzero(allowed)[brute(vectors[allowed], queries, 10)]
    shared = [len(set(a) & set(b)) for a, b in zip(rows.tolist(), true.tolist(), strict=True)]
    assert np.mean(shared) > 8


def test_a_graph_grows_and_what_left_it_is_never_found(tmp_path):
    vectors = unit(600)
    before = build_vectors(vectors[:500], GRAPH)
    first = before.index
    stays = np.ones(500, dtype=bool)
    stays[:50] = False
    grown = extend_vectors(before, stays, vectors[500:], GRAPH)
    assert grown.index is first  # 50 of 600 are dead: not worth building it again
    assert (len(grown), grown.dead, grown.card.kind) == (550, 50, "hnsw")
    now = vectors[50:]
    np.testing.assert_allclose(grown.rows(np.arange(550)), now, rtol=1e-6)
    _, rows = grown.search(vectors[:50], 5)
    assert (rows == brute(now, vectors[:50], 5)).mean() > 0.9
    write_vectors(tmp_path, grown)
    again = read_vectors(tmp_path, grown.card, 16)
    np.testing.assert_array_equal(again.search(vectors[:9], 5)[1], rows[:9])
    allowed = np.arange(550) % 2 == 0
    assert (again.search(vectors[:9], 5, allowed)[1] % 2 == 0).all()


def test_lists_grow_as_well():
    vectors = unit(1000)
    before = build_vectors(vectors[:800], LISTS)
    grown = extend_vectors(before, np.arange(800) >= 20, vectors[800:], LISTS)
    assert (len(grown), grown.dead, grown.card.kind) == (980, 20, "ivf_pq")
    np.testing.assert_allclose(grown.rows(np.arange(980)), vectors[20:], rtol=1e-6)


def test_too_many_dead_slots_make_a_graph_new():
    vectors = unit(600)
    before = build_vectors(vectors, GRAPH)
    stays = np.arange(600) >= 200  # a third is dead
    grown = extend_vectors(before, stays, unit(1, seed=3), GRAPH)
    assert (len(grown), grown.dead, grown.slots) == (401, 0, None)


def test_the_kind_changes_when_the_number_does():
    vectors = unit(150)
    small = build_vectors(vectors[:90], GRAPH)
    assert small.card.kind == "flat"
    grown = extend_vectors(small, np.ones(90, dtype=bool), vectors[90:], GRAPH)
    assert grown.card.kind == "hnsw"
    shrunk = extend_vectors(grown, np.arange(150) < 80, vectors[:0], GRAPH)
    assert shrunk.card.kind == "flat"
    np.testing.assert_allclose(shrunk.rows(np.arange(80)), vectors[:80], rtol=1e-6)


@pytest.mark.parametrize("sizes", [FLAT, GRAPH, LISTS])
def test_many_questions_are_answered_as_each_alone(sizes):
    built, queries = build_vectors(unit(600), sizes), unit(600, seed=4)
    _, rows = built.search(queries, 3)
    for at in (0, 255, 256, 599):
        np.testing.assert_array_equal(rows[at : at + 1], built.search(queries[at : at + 1], 3)[1])


def test_nothing_at_all_can_be_searched():
    empty = build_vectors(np.zeros((0, 16), dtype=np.float32), FLAT)
    scores, rows = empty.search(unit(2), 5)
    assert scores.shape == rows.shape == (2, 0)


def test_equal_vectors_come_in_the_order_of_their_rows_when_all_are_looked_at():
    built = build_vectors(np.repeat(unit(1), 20, axis=0), FLAT)
    _, rows = exact_search(built, unit(1), 3, np.arange(4, 20))
    assert rows.tolist() == [[4, 5, 6]]


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (VectorCard(kind="hnsw", effort=16), "is not a hnsw index"),
        (VectorCard(kind="tree"), "says its vectors are 'tree'"),
    ],
)
def test_files_of_another_kind_than_the_card_says_are_refused(tmp_path, card, message):
    write_vectors(tmp_path, build_vectors(unit(10), FLAT))
    with pytest.raises(IndexCorruptError, match=message):
        read_vectors(tmp_path, card, 16)


@pytest.mark.parametrize(
    "slots", [np.array([0, 99]), np.array([0, 0]), np.array([-1]), np.zeros((2, 2), dtype=np.int64)]
)
def test_slots_that_do_not_fit_are_refused(tmp_path, slots):
    write_vectors(tmp_path, build_vectors(unit(10), FLAT))
    np.save(tmp_path / "slots.npy", slots.astype(np.int64))
    with pytest.raises(IndexCorruptError, match=r"slots\.npy names places"):
        read_vectors(tmp_path, VectorCard(), 16)


def test_vectors_that_should_lie_beside_the_lists_are_missed(tmp_path):
    built = build_vectors(unit(600), LISTS)
    write_vectors(tmp_path, built)
    (tmp_path / "originals.npy").unlink()
    with pytest.raises(IndexCorruptError, match=r"originals\.npy is missing"):
        read_vectors(tmp_path, built.card, 16)


def test_a_file_that_says_it_is_larger_than_it_is_is_refused(tmp_path):
    lists = faiss.IndexIVFFlat(faiss.IndexFlatIP(4), 4, 64, faiss.METRIC_INNER_PRODUCT)
    lists.train(unit(64, dimension=4))
    whole = faiss.serialize_index(lists)
    # The number of lists stands behind the header; say that there are 2**40.
    raw = bytearray(whole.tobytes())
    at = raw.find((64).to_bytes(8, "little"))
    raw[at : at + 8] = (2**40).to_bytes(8, "little")
    (tmp_path / "vectors.faiss").write_bytes(raw)
    with pytest.raises(IndexCorruptError, match="is not a faiss index"):
        read_vectors(tmp_path, VectorCard(kind="ivf_pq", effort=4), 4)
