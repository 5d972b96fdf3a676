"""How pages are put together, and what a reader is said to see of what was found."""

from __future__ import annotations

import gzip
import json

import pytest

from benchmarks.granular_corpora import (
    document_of,
    gold_of,
    pages_of,
    read_asked,
    write_documents,
)
from benchmarks.granular_figures import measured
from benchmarks.granular_table import markdown
from rag_router.eval.datasets import is_held_out
from rag_router.indices import Library
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.retrievers import RETRIEVERS, make_queries

EMBEDDER = HashingEmbedder()
TIBER, OSLO = "Rome lies on the Tiber.", "Oslo lies on a fjord."


def row(number, text, title, answer):
    return {
        "id": f"{title}-{number}",
        "question": f"What of {title} {number}?",
        "answers": [answer],
        "contexts": [{"id": f"w{number}", "title": title, "text": text, "is_gold": True}],
    }


@pytest.fixture
def data(tmp_path):
    sets = {
        "squad1/train_sample": [row(n, TIBER, "Rome", "Tiber") for n in range(20)],
        "nq_gold/dev": [row(n, OSLO, "Oslo", "fjord") for n in range(20)],
        "wiki_passages/passages_0": [
            {"id": "w1", "title": "Rome", "text": TIBER, "source": "squad_train"},
            {"id": "w2", "title": "Rome", "text": "It is old.", "source": "squad_train"},
            {"id": "w3", "title": "Rome", "text": "A snippet.", "source": "popqa_web"},
            {"id": "w4", "title": "Bergen", "text": "It rains.", "source": "nq_gold"},
        ],
    }
    for name, rows in sets.items():
        path = tmp_path / f"{name}.jsonl.gz"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress("".join(json.dumps(r) + "\n" for r in rows).encode()))
    return tmp_path


def test_pages_hold_their_own_paragraphs_and_what_answers(data):
    asked = read_asked(data, pages=1, limit=3)
    pages = pages_of(data, [*asked.taught, *asked.held])
    assert sorted(pages.values()) == [("Oslo", [OSLO]), ("Rome", [TIBER, "It is old."])]


def test_what_is_learned_from_is_not_judged(data):
    asked = read_asked(data, pages=1, limit=3)
    assert {is_held_out(q.id) for q in asked.taught} == {False}
    assert {is_held_out(q.id) for q in asked.held} == {True}
    assert len(asked.taught) == len(asked.held) == 6
    assert {gold_of(q).title for q in read_asked(data, pages=0, limit=3).held} == {"Oslo"}


def test_an_answer_counts_where_a_reader_sees_it_on_the_right_page(data, tmp_path):
    asked = read_asked(data, pages=1, limit=3)
    pages = pages_of(data, asked.held)
    library = Library(tmp_path / "home")
    library.add("pages", [write_documents(pages, tmp_path / "pages.jsonl")], EMBEDDER)
    index = library.open("pages", EMBEDDER)
    queries = make_queries(["Rome Tiber"] * 6, EMBEDDER)
    found = measured(RETRIEVERS.build("sparse", k=10), index, EMBEDDER, asked.held, queries)
    # Only the page of Rome is found, which is the right one for three of six.
    assert [document_of(q) for q in asked.held].count(document_of(asked.held[0])) == 3
    assert (found["ndcg@10"], found["recall@10"], found["answer@1"]) == (0.5, 0.5, 0.5)
    assert found["answer@256 tokens"] == 0.5
    table = markdown({"retrievers": {"sparse": found}, **ABOUT})
    assert table.startswith("| retriever | nDCG@10 |")
    assert "| sparse | 0.500 (" in table
    assert "of 2 more it names the best level of 50%" in table


ABOUT = {
    "pages": 2,
    "held_out": 6,
    "passages": {"usual": 2, "fine": 3},
    "router": {"train": 4, "held_out": 2, "agreement": 0.5, "most_frequent": 1.0},
}
