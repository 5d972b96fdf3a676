from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_ins import judged

from rag_router.filters import cite
from rag_router.filters.citations import uncited


def cited(answer, *texts):
    return [
        (c.passage_id, texts["abcdef".index(c.passage_id)][c.start : c.end])
        for c in cite(answer, judged(*texts))
    ]


def test_a_citation_is_the_sentence_that_holds_the_answer_with_its_offsets():
    text = "Rome is old. It lies on the Tiber. It is large."
    citation = cite("Tiber", judged(text))[0]
    assert (citation.start, citation.end) == (13, 34)
    assert text[13:34] == "It lies on the Tiber."
    assert (citation.answer_start, citation.answer_end) == (0, len("Tiber"))
    assert citation.passage_id == "a"


def test_every_passage_that_holds_the_answer_is_cited_once_best_first():
    texts = ("Tiber. Tiber again.", "No river.", "The Tiber flows.")
    assert cited("Tiber", *texts) == [("a", "Tiber."), ("c", "The Tiber flows.")]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("the Beatles", "Beatles played."),
        ("TIBER", "the tiber flows"),
        ("New York", "in New\n York City"),
        ("rock n roll", "He loved rock 'n' roll."),
        ("John Smith", "John the Smith was there."),
        ("1000", "It cost 1,000 euros."),
        ("U.S.", "They went to the US."),
        ("US", "They went to the U.S. in May."),
        ("São Paulo", "Largest is São Paulo."),
    ],
)
def test_what_normalisation_drops_may_stand_between(answer, text):
    assert cited(answer, text)


@pytest.mark.parametrize(("answer", "text"), [("Rome", "Romeo loved."), ("8", "In 1984 or 18.")])
def test_only_whole_words_count(answer, text):
    assert cited(answer, text) == []


def test_without_the_whole_answer_the_closest_sentence_is_cited():
    # "pierre curie shared" shares 2 of 3 words with the second sentence, and 1 of 3 with the first.
    texts = ("Pierre was there. Later Pierre Curie won.", "Nobody knows Curie.")
    assert cited("Pierre Curie shared", *texts) == [("a", "Later Pierre Curie won.")]


def test_less_than_half_of_the_words_is_no_citation():
    assert cited("one two three four five", "one two.") == []
    assert cited("one two three four", "one two.") == [("a", "one two.")]


@pytest.mark.parametrize("answer", ["", "?", "the"])
def test_an_answer_of_nothing_cites_nothing(answer):
    assert cited(answer, "The text? Is here.") == []


def test_an_answer_of_regular_expressions_is_only_text():
    assert cited("(a|b)* [x] \\d $", "nothing of it") == []


def test_without_passages_there_is_nothing_to_cite():
    assert cite("Rome", []) == ()


def test_each_claim_has_citations_of_its_own_and_the_uncited_one_is_told():
    answer = "Rome is old. Bern has a moon."
    citations = cite(answer, judged("They say Rome is old. It is large.", "Oslo is cold."))
    assert [(c.passage_id, c.answer_start, c.answer_end) for c in citations] == [("a", 0, 12)]
    assert uncited(answer, citations) == ((13, 29),)


@pytest.mark.parametrize(
    ("claim", "text", "holds"),
    [
        ("Taxes rose by 5 percent", "Taxes rose by 5 percent that year", True),
        ("Taxes had risen 5 percent", "In 1990 the tax rose by 5 percent", True),
        ("Taxes had risen 6 percent", "In 1990 the tax rose by 5 percent", False),
        ("He died in March 1901 in Rome", "In April 1901 he died in Rome", False),
        ("The bridge was not finished", "They finished the bridge early", False),
        ("The bridge was never finished", "They did not finish the bridge", True),
    ],
)
def test_a_paraphrase_has_the_same_numbers_months_and_negation(claim, text, holds):
    assert bool(cited(claim, text)) is holds


def test_of_sentences_that_hold_a_short_answer_the_one_that_was_asked_about_is_cited():
    text = "Paris hosted games. The capital of France is Paris."
    other = "A horse called Paris won."
    found = cite("Paris", judged(text, other), question="what is the capital of France")
    assert [(c.passage_id, text[c.start : c.end]) for c in found] == [
        ("a", "The capital of France is Paris.")
    ]


def test_what_was_dropped_is_never_cited():
    line = [replace(one, kept=False) for one in judged("Rome is old.")]
    assert cite("Rome", line) == ()


def test_a_model_of_inference_has_the_last_word():
    asked = []

    def entails(pairs):
        asked.extend(pairs)
        return [0.9 if "Tiber" in premise else 0.1 for premise, _ in pairs]

    found = cite(
        "Rome", judged("Rome fell.", "Rome has the Tiber."), question="where", entails=entails
    )
    assert [c.passage_id for c in found] == ["b"]
    assert asked[0] == ("Rome fell.", "where Rome")


@given(st.text(max_size=30), st.lists(st.text(max_size=60), max_size=3))
def test_offsets_lie_within_the_passage_and_the_answer(answer, texts):
    for citation in cite(answer, judged(*texts)):
        text = texts["abc".index(citation.passage_id)]
        assert 0 <= citation.start < citation.end <= len(text)
        assert 0 <= citation.answer_start < citation.answer_end <= len(answer)


def test_an_answer_in_a_sentence_of_its_own_is_cited_by_what_it_says():
    text = "Rome is old. It lies on the Tiber."
    citation = cite("The answer is the Tiber.", judged(text))[0]
    assert text[citation.start : citation.end] == "It lies on the Tiber."
    assert (citation.answer_start, citation.answer_end) == (0, 24)


def test_what_was_asked_need_not_be_said_again_where_the_passage_speaks_of_it():
    # The sentence has 1 of the 4 words "first mayor Harlow Reed", but all that is new.
    text = "Harlow had its first mayor in 1880. Reed held office until 1891."
    (citation,) = cite(
        "The first mayor of Harlow was Reed.",
        judged(text),
        question="Who was Harlow's first mayor?",
    )
    assert text[citation.start : citation.end] == "Reed held office until 1891."
