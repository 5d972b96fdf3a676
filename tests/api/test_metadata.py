"""Conditions on a list of documents mean what they mean in a search."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_router.api.metadata import meets
from rag_router.indices.library import Library
from rag_router.indices.where import Where
from rag_router.models.scripted_embedder import HashingEmbedder

META = {"topic": "valves", "year": 1969, "tags": ["a", "b"], "current": True, "none": []}


@pytest.mark.parametrize(
    ("wanted", "met"),
    [
        ({"topic": "valves"}, True),
        ({"topic": ["pumps", "valves"]}, True),
        ({"topic": {"ne": "valves"}}, False),
        ({"topic": {"ne": "pumps"}}, True),
        ({"missing": {"ne": "pumps"}}, False),
        ({"year": {"gte": 1969, "lt": 1970}}, True),
        ({"year": "1969"}, False),
        ({"tags": "b"}, True),
        ({"tags": {"ne": "b"}}, False),
        ({"current": True}, True),
        ({"current": 1}, False),
        ({"year": True}, False),
        ({"none": {"ne": "x"}}, False),
        ({}, True),
    ],
)
def test_a_condition_is_met_or_not(wanted, met):
    assert meets(META, Where.of(wanted)) is met


def test_what_is_written_as_text_finds_numbers_too():
    assert meets(META, Where.written(["year=1969", "current=true", "year>1968"]))


VALUES = st.one_of(st.sampled_from(["a", "b", "1", "true"]), st.integers(0, 2), st.booleans())
METAS = st.dictionaries(
    st.sampled_from(["x", "y"]), st.one_of(VALUES, st.lists(VALUES, max_size=2))
)
TESTS = st.sampled_from(["x=a", "x!=a", "x=1", "x=true", "x in a,1", "x>0", "x<=b", "y!=1", "x!=b"])


@settings(max_examples=15)
@given(st.lists(METAS, min_size=1, max_size=4), st.lists(TESTS, min_size=1, max_size=2))
def test_a_list_and_a_search_agree(tmp_path_factory, metas, tests):
    folder = tmp_path_factory.mktemp("agree")
    rows = [
        {"id": f"d{n}", "text": f"Text {n}.", "meta": meta}
        for n, meta in enumerate([*metas, {"x": 0, "y": 0}])
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    library = Library(folder / "home")
    library.add("all", [folder / "rows.jsonl"], HashingEmbedder())
    index = library.open("all")
    where = Where.written(tests)
    allowed = index.where(where).allowed
    found = {p.document_id for p in index.passages([int(row) for row in np.flatnonzero(allowed)])}
    index.close()
    assert found == {row["id"] for row in rows if meets(row["meta"], where)}
