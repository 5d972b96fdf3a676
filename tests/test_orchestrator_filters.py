"""Filters that cut, ask and lack, in whole answers."""

from __future__ import annotations

import pytest
from little_router import TIBER, UNKNOWN, answer, notes
from stand_ins import ListIndex

from rag_router.filters.cross_encoder import CrossEncoderFilter
from rag_router.filters.filco import FilcoLexicalFilter
from rag_router.filters.notes import NotesFilter
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.types import Passage, Question


def test_an_answer_tells_which_sentences_of_a_passage_were_read():
    text = f"It rains. {TIBER} It snows."
    said = answer(
        UNKNOWN,
        indices={"wiki": ListIndex([text], name="wiki")},
        filters=(FilcoLexicalFilter(),),
    )
    (shown,) = said.to_json()["passages"]
    assert shown["text"] == TIBER
    assert shown["spans"] == [[10, 10 + len(TIBER)]]
    citation = said.citations[0]
    assert shown["text"][citation.start : citation.end] == TIBER


def test_a_filter_without_its_model_keeps_what_was_found_and_says_so():
    said = answer(UNKNOWN, filters=(CrossEncoderFilter(),))
    assert said.text == "Tiber"
    assert [what for stage, what in notes(said) if stage == "filter"] == [
        "CrossEncoderFilter: passages are not judged, the cross-encoder is not there "
        "(rag-router models fetch hf:cross-encoder/ms-marco-MiniLM-L6-v2)"
    ]


def test_what_a_filter_spends_on_the_model_is_in_the_usage():
    without, asked = answer(UNKNOWN), answer(UNKNOWN, filters=(NotesFilter(),))
    assert asked.usage.prompt_tokens > without.usage.prompt_tokens
    assert asked.usage.lm_forward_passes > without.usage.lm_forward_passes
    assert all(one.why.startswith("note: ") for one in asked.evidence.judged)
    assert [what for stage, what in notes(asked) if stage == "filter"] == [
        "NotesFilter is not fitted for this generator: support is not calibrated"
    ]


def test_the_title_of_a_given_passage_counts_for_what_it_is_about():
    embedder = HashingEmbedder()
    title, text = "The river of Rome", "It rises on Monte Fumaiolo."
    question = Question(id="q", text=UNKNOWN, contexts=(Passage(id="a", title=title, text=text),))
    (judged,) = answer(question, embedder=embedder, indices={}, filters=()).evidence.judged
    ((one,), (titled,)) = (
        embedder.encode_queries([UNKNOWN]),
        embedder.encode_passages([f"{title}\n{text}"]),
    )
    assert judged.hit.similarity == pytest.approx(float(one @ titled))
