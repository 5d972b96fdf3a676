from __future__ import annotations

import json

import pytest

from rag_router.errors import DataError
from rag_router.eval.relevance import missing_documents, qrels_of, read_relevance
from rag_router.indices import Library
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.types import Passage, Question

EMBEDDER = HashingEmbedder()


def lines(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path):
    """Queries 1 to 4; nobody judged 3, and nothing is relevant to 4."""
    made = tmp_path / "set"
    made.mkdir()
    lines(made / "queries.jsonl", *({"id": str(n), "text": f"query {n}"} for n in range(1, 5)))
    judged = [("1", "a", 1), ("1", "b", 0), ("2", "c", 2), ("4", "a", 0)]
    lines(
        made / "qrels.jsonl",
        *({"query_id": q, "doc_id": d, "relevance": r} for q, d, r in judged),
    )
    lines(made / "corpus.jsonl", {"id": "a", "title": "A", "text": "About a."})
    return made


def test_a_folder_gives_the_queries_with_something_to_find(folder):
    given = read_relevance(folder)
    assert given.queries == {"1": "query 1", "2": "query 2"}
    assert given.qrels == {"1": {"a": 1, "b": 0}, "2": {"c": 2}}
    assert given.unjudged == ("3", "4")


@pytest.mark.parametrize("data", ["", "queries.jsonl"])
def test_judgements_may_stand_in_a_file_of_their_own(folder, data):
    other = lines(folder.parent / "j.jsonl", {"query_id": "3", "doc_id": "z", "relevance": 1})
    given = read_relevance(folder / data, other)
    assert given.qrels == {"3": {"z": 1}}
    assert given.unjudged == ("1", "2", "4")


def test_questions_bring_their_gold_passages(tmp_path):
    contexts = [{"id": "w1", "text": "x", "is_gold": True}, {"id": "w2", "text": "y"}]
    path = lines(
        tmp_path / "questions.jsonl",
        {"id": "1", "question": "What?", "answers": ["x"], "contexts": contexts},
        {"id": "2", "question": "Who?", "answers": ["y"], "contexts": contexts[1:]},
    )
    given = read_relevance(path)
    assert (given.queries, given.qrels) == ({"1": "What?"}, {"1": {"w1": 1}})
    assert given.unjudged == ("2",)


def test_only_gold_passages_are_relevant():
    gold, other = (
        Passage(id=id_, title="", text="", meta={"is_gold": is_gold})
        for id_, is_gold in (("g", True), ("o", None))
    )
    questions = [
        Question(id="1", text="?", contexts=(gold, other)),
        Question(id="2", text="?", contexts=(other,)),
        Question(id="3", text="?"),
    ]
    assert qrels_of(questions) == {"1": {"g": 1}}


def test_a_larger_limit_holds_every_smaller_one(folder):
    one, two = (set(read_relevance(folder, limit=n).queries) for n in (1, 2))
    assert (len(one), len(two)) == (1, 2)
    assert one < two
    assert read_relevance(folder, limit=1).qrels.keys() == one


def test_a_set_in_which_nothing_is_relevant_is_a_data_error(tmp_path, folder):
    none = lines(tmp_path / "none.jsonl", {"query_id": "1", "doc_id": "a", "relevance": 0})
    with pytest.raises(DataError, match="relevant to any of 1 queries") as caught:
        read_relevance(folder, none)
    assert "is_gold" in caught.value.hint


def test_a_folder_of_something_else_cannot_be_judged(tmp_path, folder):
    with pytest.raises(DataError, match="holds 0 files called queries"):
        read_relevance(tmp_path, folder / "qrels.jsonl")
    with pytest.raises(DataError):
        read_relevance(tmp_path / "nowhere")


@pytest.fixture
def opened(tmp_path, folder):
    library = Library(tmp_path / "home")
    library.add("a", [folder / "corpus.jsonl"], EMBEDDER)
    return library.open("a", EMBEDDER)


def test_relevant_documents_that_no_index_holds_are_counted(opened, folder):
    # a is there, c is not; b is judged and not relevant.
    assert missing_documents([opened], read_relevance(folder).qrels) == 1
    assert missing_documents([opened], {"1": {"a": 1}}) == 0


def test_an_index_of_other_documents_is_a_data_error_that_says_what_to_do(opened):
    with pytest.raises(DataError, match=r"none of 2 relevant documents, such as 'x', is in 'a'"):
        missing_documents([opened], {"1": {"x": 1, "a": 0}, "2": {"y": 1}})
    with pytest.raises(DataError) as caught:
        missing_documents([], {"1": {"x": 1}})
    assert "rag-router index add NAME corpus.jsonl.gz" in caught.value.hint
