from __future__ import annotations

import json

import numpy as np
import pytest

from rag_router.indices import Library
from rag_router.indices.scenarios import (
    given_questions,
    open_scenarios,
    scenario_library,
    write_scenarios,
)
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.retrievers import make_queries
from rag_router.retrievers.dense import DenseRetriever
from rag_router.retrievers.scenario import ScenarioRetriever

EMBEDDER = HashingEmbedder()
ROWS = [
    {"id": "v", "text": "It sheds steam above six bar.", "questions": ["Why is the valve loud?"]},
    {"id": "o", "text": "Oslo lies on a fjord."},
    {"id": "p", "text": "Paris lies on the Seine.", "questions": ["Where is Paris?", "Seine?"]},
]


@pytest.fixture
def library(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    made = Library(tmp_path / "home")
    made.add("works", [path], EMBEDDER)
    return made


@pytest.fixture
def index(library):
    opened = library.open("works", EMBEDDER)
    passages = {p.id: p for p in opened.passages(range(len(opened)))}
    write_scenarios(library, "works", given_questions(opened, EMBEDDER), passages, EMBEDDER)
    opened.scenarios = open_scenarios(library, "works", EMBEDDER)
    return opened


def cosine(one, other):
    first, second = EMBEDDER.encode_passages([one, other]).astype(np.float64)
    return float(first @ second)


def test_the_nearest_question_of_a_passage_counts_beside_its_text(index):
    text = "why is the valve so loud"
    hits = ScenarioRetriever(k=3, weight=0.5).retrieve(make_queries([text], EMBEDDER), [index])[0]
    near = cosine(text, "Why is the valve loud?")
    own = cosine(text, "It sheds steam above six bar.")
    assert hits[0].passage.id == "v#0"
    assert hits[0].score == pytest.approx(0.5 * own + 0.5 * near, abs=1e-6)
    assert hits[0].similarity == pytest.approx(own, abs=1e-6)
    assert hits[0].why == f"cosine {own:.3f}; answers 'Why is the valve loud?', cosine {near:.3f}"
    # A passage without questions is scored by its text.
    oslo = next(h for h in hits if h.passage.id == "o#0")
    assert oslo.score == oslo.similarity


def test_of_several_questions_the_nearest_counts(index):
    hits = ScenarioRetriever(weight=1.0).retrieve(make_queries(["Seine?"], EMBEDDER), [index])[0]
    assert (hits[0].passage.id, hits[0].score) == ("p#0", pytest.approx(1.0, abs=1e-6))


def test_a_passage_is_found_by_its_question_alone(index):
    # Only the passage nearest by its text is looked at, and the valve is not that one.
    query = make_queries(["why is the valve loud in Paris on the Seine"], EMBEDDER)
    assert DenseRetriever(k=1).retrieve(query, [index])[0][0].passage.id == "p#0"
    hits = ScenarioRetriever(k=2, depth=1, weight=1.0).retrieve(query, [index])[0]
    assert "v#0" in [hit.passage.id for hit in hits]


def test_without_weight_or_questions_it_is_dense(index, library):
    queries = make_queries(["the Seine in Paris", "steam"], EMBEDDER)
    dense = [
        [(h.passage.id, h.score) for h in hits]
        for hits in DenseRetriever().retrieve(queries, [index])
    ]
    bare = library.open("works", EMBEDDER)
    for retriever, where in ((ScenarioRetriever(weight=0), index), (ScenarioRetriever(), bare)):
        found = retriever.retrieve(queries, [where])
        assert [[(h.passage.id, h.score) for h in hits] for hits in found] == dense


def test_a_question_finds_the_same_alone_and_in_company(index):
    queries = make_queries(["Where is Paris?", "loud valve", "fjord"], EMBEDDER)
    together = ScenarioRetriever().retrieve(queries, [index])
    assert together == [ScenarioRetriever().retrieve([query], [index])[0] for query in queries]


def test_questions_of_a_text_that_has_changed_are_not_used(index, library, tmp_path):
    (tmp_path / "c.jsonl").write_text('{"id": "p", "text": "Paris is a town."}\n')
    library.add("works", [tmp_path / "c.jsonl"], EMBEDDER)
    fresh = library.open("works", EMBEDDER)
    fresh.scenarios = open_scenarios(library, "works", EMBEDDER)
    hits = ScenarioRetriever().retrieve(make_queries(["Seine?"], EMBEDDER), [fresh])[0]
    paris = next(h for h in hits if h.passage.id == "p#0")
    assert paris.score == paris.similarity


def test_a_question_of_a_long_document_goes_to_the_passage_it_is_nearest_to(tmp_path):
    text = "Rome lies on the Tiber. " * 20 + "\n\n" + "The fjord is deep. " * 40
    row = {"id": "d", "text": text, "questions": ["Is the fjord deep?"]}
    (tmp_path / "c.jsonl").write_text(json.dumps(row) + "\n")
    library = Library(tmp_path / "home")
    library.add("long", [tmp_path / "c.jsonl"], EMBEDDER)
    index = library.open("long", EMBEDDER)
    assert len(index) > 1
    ((id_, said),) = given_questions(index, EMBEDDER).items()
    assert said == ["Is the fjord deep?"]
    assert "fjord" in index.find([id_])[0].text


def test_erasing_a_document_erases_its_questions_and_removing_an_index_all(index, library):
    beside = scenario_library(library)
    assert {d.title for d in beside.documents("works")} == {
        *("Why is the valve loud?", "Where is Paris?", "Seine?")
    }
    index.close()
    index.scenarios.close()
    library.erase("works", ["p"])
    assert [d.title for d in beside.documents("works")] == ["Why is the valve loud?"]
    left = list(beside.folder.rglob("*.sqlite"))
    assert left
    assert not any(b"Seine?" in path.read_bytes() for path in left)
    library.remove("works")
    assert beside.names() == []


def test_questions_are_replaced_by_those_that_are_written_next(index, library):
    passages = {p.id: p for p in index.passages(range(len(index)))}
    beside = scenario_library(library)
    for said in ({"o#0": ["A fjord?"]}, {"o#0": ["A fjord?", "Where is Oslo?"]}):
        write_scenarios(library, "works", said, passages, EMBEDDER)
        assert [d.title for d in beside.documents("works")] == said["o#0"]
