from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import DataError
from rag_router.eval.readers import (
    KiltPage,
    KiltPrediction,
    kilt_prediction,
    read_kilt_predictions,
    write_kilt,
)
from rag_router.eval.readers.formats import find_format
from rag_router.eval.readers.kilt import read_kilt
from rag_router.types import (
    Answer,
    Conflict,
    Evidence,
    ExpertChoice,
    Hit,
    Judged,
    Knowledge,
    Passage,
    Route,
    Usage,
)

GOLD = {
    "id": "5b",
    "input": "who won?",
    "output": [
        {"answer": "Röntgen", "provenance": [{"wikipedia_id": "77", "title": "X-ray"}]},
        {"answer": "Röntgen"},
        {"provenance": [{"wikipedia_id": 78, "title": "Y", "start_paragraph_id": 1}]},
    ],
    "meta": {"left_context": ""},
}

words = st.text(st.characters(codec="utf-8")).filter(lambda text: text.strip())
pages = st.builds(
    KiltPage, wikipedia_id=words, title=st.text(st.characters(codec="utf-8"), max_size=20)
)
predictions = st.lists(
    st.builds(
        KiltPrediction,
        id=words,
        answer=words,
        pages=st.lists(pages, max_size=3).map(tuple),
        input=st.text(st.characters(codec="utf-8")),
    ),
    unique_by=lambda one: one.id.strip(),
    max_size=5,
)


def test_each_output_gives_an_answer_and_a_set_of_places(tmp_path):
    path = tmp_path / "nq-dev-kilt.jsonl"
    path.write_text(json.dumps(GOLD) + '\n{"id": "6", "input": "test without answers"}\n')
    assert find_format(path) == "kilt"
    first, second = read_kilt(path)
    assert (first.id, first.text, first.answers) == ("5b", "who won?", ("Röntgen",))
    assert first.meta == {
        "left_context": "",
        "provenance": [
            [{"wikipedia_id": "77", "title": "X-ray"}],
            [{"wikipedia_id": "78", "title": "Y", "start_paragraph_id": 1}],
        ],
    }
    assert (second.answers, second.meta) == ((), {})


def test_predictions_are_written_as_the_scorer_reads_them(tmp_path):
    path = tmp_path / "new" / "guess.jsonl"
    page = KiltPage(wikipedia_id="77", title="X-ray")
    write_kilt(path, [KiltPrediction(id="5b", answer="Röntgen", pages=(page,), input="who won?")])
    assert path.read_bytes() == (
        b'{"id": "5b", "input": "who won?", "output": [{"answer": "R\\u00f6ntgen", '
        b'"provenance": [{"wikipedia_id": "77", "title": "X-ray"}]}]}\n'
    )


@given(written=predictions)
def test_predictions_are_read_back_as_they_were_written(tmp_path_factory, written):
    path = tmp_path_factory.getbasetemp() / "guess.jsonl"
    write_kilt(path, written)
    assert list(read_kilt_predictions(path)) == written


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (KiltPrediction(id="1 ", answer="b"), "the id '1 ' is blank or stands twice"),
        (KiltPrediction(id=" ", answer="b"), "the id ' ' is blank"),
        (KiltPrediction(id="2", answer=" "), "the answer to '2' is blank"),
        (KiltPrediction(id="2", answer="\ud800"), "half a character"),
    ],
)
def test_what_the_scorer_refuses_is_not_written_and_the_file_stays(tmp_path, bad, said):
    path = tmp_path / "guess.jsonl"
    path.write_text("before")
    with pytest.raises(DataError, match=said):
        write_kilt(path, [KiltPrediction(id="1", answer="a"), bad])
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def judged(id_: str, rank: int, *, kept: bool, **meta: object) -> Judged:
    passage = Passage(id=id_, title=f"T{id_}", text="t", document_id=f"d{id_}", meta=meta)
    return Judged(hit=Hit(passage=passage, retriever="r", score=1.0, rank=rank), kept=kept)


def an_answer(text: str | None) -> Answer:
    found = (
        judged("1", 1, kept=False, wikipedia_id=77),
        judged("2", 2, kept=True),
        judged("3", 3, kept=True, wikipedia_id=77),
    )
    return Answer(
        id="5b",
        question="who won?",
        text=text,
        abstained=text is None,
        reason="contextual",
        confidence=0.5,
        knowledge=Knowledge(gate="g", p_know=0.5, threshold=None, retrieve=True, reason=""),
        route=Route(expert=ExpertChoice(name="e")),
        evidence=Evidence(judged=found),
        conflict=Conflict(closed_book_answer=None, divergence=None, strategy="plain"),
        usage=Usage(),
        timings_ms={},
        message="I do not know.",
    )


def test_an_answer_becomes_a_prediction_with_each_page_once_in_the_order_of_rank():
    assert kilt_prediction(an_answer("Röntgen")) == KiltPrediction(
        id="5b",
        answer="Röntgen",
        pages=(KiltPage(wikipedia_id="77", title="T1"), KiltPage(wikipedia_id="d2", title="T2")),
        input="who won?",
    )


def test_an_abstention_says_its_message_since_the_scorer_wants_words():
    assert kilt_prediction(an_answer(None)).answer == "I do not know."
    silent = replace(an_answer(None), message="")
    assert kilt_prediction(silent).answer == "I don't know."
