"""Conditions on metadata: what they mean, and that searches apply them while they search."""

from __future__ import annotations

import numpy as np
import pytest

from rag_router.errors import SettingsError, UnknownNameError
from rag_router.indices.narrowing import narrowed
from rag_router.indices.where import Where
from rag_router.retrievers import RETRIEVERS, make_queries

ROWS = [
    {"id": "moon", "text": "The moon landing.", "meta": {"topic": "space", "year": 1969}},
    {"id": "mars", "text": "The mars landing.", "meta": {"topic": ["space", "nasa"], "year": 1976}},
    {"id": "city", "text": "The city landing.", "meta": {"topic": "towns", "year": "1976"}},
    {"id": "jazz", "text": "A jazz record.", "meta": {"loud": True, 'a"b': 1, "a.b": "dotted"}},
    {"id": "bare", "text": "A bare landing."},
]


@pytest.fixture
def index(library, embedder, write_jsonl):
    library.add("things", [write_jsonl(*ROWS)], embedder)
    return library.open("things", embedder)


def met(index, where):
    view = index.where(where)
    rows = np.flatnonzero(view.allowed).tolist()
    return [passage.document_id for passage in index.passages(rows)]


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        (["topic=space"], ["moon", "mars"]),
        (["topic = towns"], ["city"]),
        (["topic!=space"], ["city"]),  # what has no topic at all is not told to be another
        (["year=1976"], ["mars", "city"]),  # written as text, it finds the number and the text
        (["year>1969"], ["mars", "city"]),
        (["year>=1969", "year<1976"], ["moon"]),
        (["year<=1969"], ["moon"]),
        (["topic in towns, nasa"], ["mars", "city"]),
        (["loud=true"], ["jazz"]),
        (["loud=false"], []),
        (["a.b=dotted"], ["jazz"]),
        (["topic=' OR 1=1 --"], []),
        (["document=bare"], ["bare"]),
        (["document in moon,bare"], ["moon", "bare"]),
        (["title!=x"], ["moon", "mars", "city", "jazz", "bare"]),
    ],
)
def test_conditions_mean_what_they_say(index, written, ids):
    assert met(index, Where.written(written)) == ids


@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        ({"topic": "space", "year": {"gte": 1970}}, ["mars"]),
        ({"topic": ["towns", "nasa"]}, ["mars", "city"]),
        ({"topic": {"in": ["towns"], "ne": "space"}}, ["city"]),
        ({"year": 1976}, ["mars"]),  # JSON has types: the text "1976" is another value
        ({"year": "1976"}, ["city"]),
        ({"year": 1976.0}, ["mars"]),
        ({"loud": True}, ["jazz"]),
        ({"loud": 1}, []),
        ({"year": {"lt": 1976}}, ["moon"]),
    ],
)
def test_conditions_come_as_json_too(index, fields, ids):
    assert met(index, Where.of(fields)) == ids


@pytest.mark.parametrize("text", ["", "topic", "=x", "topic in", "!", "in a,b"])
def test_what_is_no_condition_is_an_error_that_shows_one(text):
    with pytest.raises(SettingsError) as caught:
        Where.written([text])
    assert "FIELD=VALUE" in caught.value.hint or "1 to 1000" in caught.value.hint


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"a": None}, "cannot be compared with null"),
        ({"a": {"near": 1}}, "no comparison is called 'near'"),
        ({"a": {}}, "says nothing"),
        ({"a": []}, "with 0 values"),
        ({"a": {"gt": True}}, "cannot be > True"),
        ({'a"b': 1}, "cannot be asked for"),
        ({"a": [[1]]}, "cannot be compared with"),
    ],
)
def test_what_cannot_be_compared_with_is_an_error(fields, message):
    with pytest.raises(SettingsError, match=message):
        Where.of(fields)


def test_a_field_that_nothing_has_is_an_error_that_names_the_nearest(index):
    with pytest.raises(UnknownNameError, match="Did you mean 'topic'"):
        index.where(Where.written(["topics=space"]))


def test_a_passage_s_own_field_comes_before_that_of_its_document(library, embedder, tmp_path):
    (tmp_path / "notes.md").write_text("# Notes\n\nOne.\n")
    library.add("notes", [tmp_path / "notes.md"], embedder)
    index = library.open("notes", embedder)
    assert met(index, Where.written(["source!=x"])) == ["notes.md"]


@pytest.mark.parametrize("retriever", ["sparse", "dense", "fused"])
def test_as_many_are_found_as_asked_for_though_better_ones_are_not_allowed(
    library, embedder, write_jsonl, retriever
):
    rows = [{"id": f"n{n}", "text": "rome rome rome", "meta": {"kind": "near"}} for n in range(80)]
    rows += [{"id": f"f{n}", "text": f"rome and {n}", "meta": {"kind": "far"}} for n in range(5)]
    library.add("many", [write_jsonl(*rows)], embedder)
    view = library.open("many", embedder).where(Where.written(["kind=far"]))
    assert len(view) == 5
    built = RETRIEVERS.build(retriever, k=5)
    hits = built.retrieve(make_queries(["rome rome rome"], embedder), [view])[0]
    assert sorted(hit.passage.document_id for hit in hits) == ["f0", "f1", "f2", "f3", "f4"]
    assert hits[0].passage.meta == {"kind": "far"}


def test_nothing_allowed_is_nothing_found(index, embedder):
    view = index.where(Where.written(["year>3000"]))
    for name in ("sparse", "dense", "fused"):
        built = RETRIEVERS.build(name, k=3)
        assert built.retrieve(make_queries(["landing"], embedder), [view]) == [[]]


def test_of_several_indices_one_may_lack_the_field(library, embedder, write_jsonl, index):
    library.add("other", [write_jsonl({"id": "x", "text": "landing"}, name="o.jsonl")], embedder)
    both = {"things": index, "other": library.open("other", embedder)}
    views = narrowed(both, Where.written(["topic=space"]))
    assert [len(view) for view in views.values()] == [2, 0]
    with pytest.raises(UnknownNameError, match="no field named 'tpic'"):
        narrowed(both, Where.written(["tpic=space"]))
    assert narrowed(both, None) is both


def test_an_index_without_fields_cannot_be_asked_for_conditions():
    with pytest.raises(SettingsError, match="index 'list' knows no fields"):
        narrowed({"list": object()}, Where.written(["a=b"]))


def test_the_rows_of_a_filter_are_looked_up_once(index):
    where = Where.written(["topic=space"])
    assert index.where(where).allowed is index.where(where).allowed
    assert len(index.where(Where.of({"loud": True}))) == 1
    assert len(index.where(Where.of({"loud": 1}))) == 0
