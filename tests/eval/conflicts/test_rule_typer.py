from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rag_router.eval.conflicts
from rag_router.eval.conflicts import AnswerType, typer_named
from rag_router.eval.conflicts.expectation import expected_type
from rag_router.eval.conflicts.gazetteer import gazetteer
from rag_router.eval.conflicts.names import is_name, names_a_person, type_of_name
from rag_router.eval.conflicts.rules import RuleTyper
from rag_router.eval.conflicts.vocabulary import words


def type_of(answer: str, question: str, before: str = "It was ", after: str = ".") -> str:
    return RuleTyper().type_of(answer, question=question, before=before, after=after).value


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Who wrote it?", "PERSON"),
        ("whose ship was it", "PERSON"),
        ("by whom was it written", "PERSON"),
        ("What actor played him?", "PERSON"),
        ("which president of the united states was a boy scout", "PERSON"),
        ("What is the name of the first queen?", "PERSON"),
        ("actress who plays the mother", "PERSON"),
        ("When did it end?", "DATE"),
        ("Since when is it so?", "DATE"),
        ("In what year was it?", "DATE"),
        ("Where is it?", "LOCATION"),
        ("In which country is it?", "LOCATION"),
        ("what is the capital city of france", "LOCATION"),
        ("Which companies built it?", "ORGANIZATION"),
        ("Which band, who came from Leeds, sang it?", "ORGANIZATION"),
        ("How many are there?", "NUMERIC"),
        ("how old was she", "NUMERIC"),
        ("what is the population of rome", "NUMERIC"),
        ("What percentage of it is water?", "NUMERIC"),
        ("what was the number of dead", "NUMERIC"),
        ("When did a number of banks fail?", "DATE"),
        ("What song did they sing?", "OTHER"),
        ("What type of car is it?", "OTHER"),
        ("What band song was it?", "OTHER"),
        ("Why?", None),
        ("Is it so?", None),
        ("season 2 number one episodes", "OTHER"),
        ("what did the company that owned the city do", None),
    ],
)
def test_a_question_says_what_it_asks_for(question, kind):
    assert expected_type(question) == kind


@pytest.mark.parametrize(
    ("answer", "question", "kind"),
    [
        # By form, which the question must not contradict.
        ("1984", "when was it", "DATE"),
        ("1984", "how many were there", "NUMERIC"),
        ("1984", "who was it", "OTHER"),
        ("March 6, 2018", "when was it", "DATE"),
        ("seven", "how many were there", "NUMERIC"),
        ("seven", "when was it", "OTHER"),
        ("$4.8 million", "what did it make", "NUMERIC"),
        # People.
        ("Marie Curie", "who found it", "PERSON"),
        ("Wilhelm Conrad Röntgen", "what happened", "PERSON"),
        ("Vincent van Gogh", "who painted it", "PERSON"),
        ("Joan of Arc", "who was burned", "PERSON"),
        ("J. K. Rowling", "who wrote it", "PERSON"),
        ("Louis Gossett, Jr.", "who starred in it", "PERSON"),
        ("Charles, Prince of Wales", "who is next", "PERSON"),
        ("Sir Hugh Beaver", "who began it", "PERSON"),
        ("Niketa Calame", "who does the voice of nala", "PERSON"),
        ("Solomon", "who was wise", "PERSON"),
        ("Megan Park", "who plays grace", "PERSON"),
        ("Austin", "who said so", "PERSON"),
        ("Lex Luger", "who won the most titles", "OTHER"),
        ("Real Madrid", "who has the most trophies", "OTHER"),
        ("Marie Curie", "what song is it", "OTHER"),
        ("Duke of Normandy", "what title has she", "OTHER"),
        ("Welsh", "who was it", "OTHER"),
        # Places.
        ("the United States", "who won the war", "LOCATION"),
        ("Rock Island, Illinois", "where is it set", "LOCATION"),
        ("Min River", "what flows there", "LOCATION"),
        ("Bay of Bengal", "what is it", "LOCATION"),
        ("Lake Superior", "which is the largest", "LOCATION"),
        ("Valldemossa", "where did they go", "LOCATION"),
        ("Rome", "what is it", "LOCATION"),
        ("Melvil Dewey", "where did the system come from", "OTHER"),
        ("Acts 1:13", "where in the bible is it", "OTHER"),
        ("Canon 924", "where is it said", "OTHER"),
        ("Wales and Yorkshire", "where is it", "OTHER"),
        # Organisations.
        ("University of Southampton", "where did he study", "ORGANIZATION"),
        ("the Roman Catholic Church", "who forbade it", "ORGANIZATION"),
        ("Siemens", "which company made it", "ORGANIZATION"),
        ("the Rolling Stones", "who sings it", "ORGANIZATION"),
        ("Boston Red Sox", "who won the series", "ORGANIZATION"),
        ("the Mongols", "who came", "OTHER"),
        ("Duke University", "what is it", "ORGANIZATION"),
        # None of the five.
        ("Treaty of Versailles", "what ended the war", "OTHER"),
        ("photosynthesis", "what is it", "OTHER"),
        ("severe drought", "what caused it", "OTHER"),
        ("James Watson and Francis Crick", "who found it", "OTHER"),
        ("Broadway", "when did it open", "OTHER"),
        ("Roentgenium (Rg)", "what is similar", "OTHER"),
        ("東京", "where is it", "OTHER"),
        ("", "where is it", "OTHER"),
    ],
)
def test_types_by_example(answer, question, kind):
    assert type_of(answer, question) == kind


def test_an_article_in_front_makes_no_person():
    assert type_of("Harry Potters", "who sang it", before="sung by the ") == "ORGANIZATION"
    assert type_of("Harry Potters", "who sang it", before="sung by ") == "PERSON"


def test_a_word_that_begins_a_sentence_may_be_no_name():
    assert type_of("Interphase", "where is it", before="in Oslo at ") == "LOCATION"
    assert type_of("Interphase", "where is it", before="So it is. ") == "OTHER"
    assert type_of("Oslo", "where is it", before="So it is. ") == "LOCATION"


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=20))
def test_every_text_has_a_type(answer, question, before):
    assert type_of(answer, question, before=before) in set(AnswerType)


@given(st.text(max_size=40))
def test_every_name_can_be_asked_about(text):
    if is_name(text):
        assert type_of_name(text) in {None, *AnswerType}
        assert names_a_person(text) in {True, False}


def test_the_lists_are_small_and_have_no_entry_twice():
    folder = Path(rag_router.eval.conflicts.__file__).parent
    files = list(folder.glob("*.json"))
    assert {file.name for file in files} == {"gazetteer.json", "vocabulary.json"}
    assert sum(file.stat().st_size for file in files) < 30_000
    for entries in json.loads((folder / "gazetteer.json").read_text(encoding="utf-8")).values():
        assert len(entries) == len(set(entries))
    assert gazetteer().is_given_name("Jean-Paul")
    assert gazetteer().is_place("the Netherlands")
    assert gazetteer().is_people("Romans")
    assert "sir" in words("titles")


def test_rules_are_what_the_name_rules_gives():
    assert typer_named("rules") == RuleTyper()
