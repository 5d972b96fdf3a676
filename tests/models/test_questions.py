from __future__ import annotations

from rag_router.models.questions import write_questions
from rag_router.models.scripted import Reply, ScriptedModel

MODEL = ScriptedModel(
    {
        "Passage: Bern\nQuestions": Reply(" Where does Bern lie?\n2. Is Bern old?\n\nPassage: x"),
        "Passage: rambling\nQuestions": Reply(" it is\nso\n3) What is it about?\n4. No"),
        "Passage: repeated\nQuestions": Reply(" Is it so at all?\n2. Is it so at all?"),
    },
    otherwise=Reply(" nothing"),
)


def test_lines_that_are_questions_are_kept():
    written = write_questions(MODEL, ["Bern", "rambling", "repeated", "silent"])
    assert written == [
        ["Where does Bern lie?", "Is Bern old?"],
        ["What is it about?"],
        ["Is it so at all?"],
        [],
    ]
    assert write_questions(MODEL, ["Bern"], each=1) == [["Where does Bern lie?"]]
    assert write_questions(MODEL, []) == []


def test_a_passage_cannot_end_the_prompt_by_a_blank_line():
    assert write_questions(MODEL, ["Bern\n\n"]) == [["Where does Bern lie?", "Is Bern old?"]]


def test_passages_are_read_alone_and_in_company_alike():
    passages = ["Bern", "rambling", "silent"] * 4
    together = write_questions(MODEL, passages)
    assert together == [write_questions(MODEL, [one])[0] for one in passages]
