"""The parts of the routing benchmark that figures rest on."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.routing import Kept, Remembering
from benchmarks.routing_corpora import Pool
from benchmarks.routing_table import markdown
from rag_router.indices import Library
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.retrievers import RETRIEVERS, make_queries

EMBEDDER = HashingEmbedder()


@pytest.fixture(scope="module")
def indices(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    library = Library(home)
    for name, texts in {"law": ("court judge", "judge statute"), "sport": ("goal match",)}.items():
        path = home / f"{name}.jsonl"
        rows = [{"id": f"{name}{n}", "text": text} for n, text in enumerate(texts)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        library.add(name, [path], EMBEDDER)
    return [library.open(name, EMBEDDER) for name in ("law", "sport")]


@pytest.mark.parametrize("name", ["sparse", "dense", "fused"])
def test_a_pool_is_searched_as_one_index(indices, name):
    pool = Pool(indices)
    assert len(pool) == 3
    query = make_queries(["goal of the judge"], EMBEDDER)
    found = RETRIEVERS.build(name, k=2).retrieve(query, [pool])[0]
    assert len(found) == 2
    cosines = EMBEDDER.encode_passages(["court judge", "judge statute", "goal match"])
    assert pool.vectors_of([0, 1, 2]) == pytest.approx(cosines, abs=1e-6)
    if name == "sparse":
        # Goal stands in one passage of three and judge in two: the rarer word counts more.
        assert found[0].passage.document_id == "sport0"


def test_what_was_found_once_is_not_searched_for_again(indices):
    kept = Kept(member=RETRIEVERS.build("sparse", k=5), k=1)
    queries = make_queries(["judge", "goal", "judge"], EMBEDDER)
    first = kept.retrieve(queries, indices[:1])
    assert [len(hits) for hits in first] == [1, 0, 1]
    assert len(kept.found) == 2
    assert kept.retrieve(queries, indices[:1]) == first
    kept.retrieve(queries[:1], indices[1:])
    assert len(kept.found) == 3


def test_what_was_embedded_once_is_not_embedded_again():
    remembering = Remembering(EMBEDDER)
    vectors = remembering.encode_queries(["a", "b", "a"])
    assert set(remembering.known) == {"a", "b"}
    assert np.array_equal(vectors[0], vectors[2])


def test_a_result_without_routing_is_a_table_of_adapters():
    row = {
        "ndcg@10_base": 0.5,
        "ndcg@10": 0.56,
        "gain": 0.06,
        "gain_low": 0.04,
        "gain_high": 0.08,
        "learned_from": 533,
        "held_out": 540,
        "epoch": 2,
        "minutes": 3.0,
    }
    assert markdown({"adapters": {"tatqa": row}}).splitlines()[2] == (
        "| tatqa | 533 | 540 | 0.500 → 0.560 | +0.060 [+0.040, +0.080] | 2 | 3.0 |"
    )
