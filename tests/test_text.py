from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.text import as_data, sentence_spans

PROSE = st.text(alphabet=st.sampled_from("aB .!?…\n\t\"')]-*•1é東\u00a0"), max_size=60)
WILD = st.text(st.characters(exclude_categories=()), max_size=60)


def sentences(text):
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Rome is old. Oslo is not.", ["Rome is old.", "Oslo is not."]),
        ("Dr. Who met Mr. Holmes. They spoke.", ["Dr. Who met Mr. Holmes.", "They spoke."]),
        ("J. R. R. Tolkien wrote it.", ["J. R. R. Tolkien wrote it."]),
        ("It cost 3.14 euros. Cheap!", ["It cost 3.14 euros.", "Cheap!"]),
        ("He asked “Why?” She left.", ["He asked “Why?”", "She left."]),
        ("Heading\n\nBody text", ["Heading", "Body text"]),
        ("A list:\n- one\n- two", ["A list:", "- one", "- two"]),
        ("one line\nand the next", ["one line\nand the next"]),
        ("no stop", ["no stop"]),
        ("  padded.  ", ["padded."]),
        ("U.S. forces came. Then left.", ["U.S. forces came.", "Then left."]),
        ("", []),
        (" \n\n ", []),
    ],
)
def test_sentences_by_example(text, expected):
    assert sentences(text) == expected


@given(st.one_of(PROSE, WILD))
def test_every_character_that_is_not_space_lies_in_exactly_one_span(text):
    spans = sentence_spans(text)
    covered = [at for start, end in spans for at in range(start, end)]
    assert len(covered) == len(set(covered))
    assert {at for at, c in enumerate(text) if not c.isspace()} <= set(covered)
    for start, end in spans:
        assert text[start:end] == text[start:end].strip() != ""


@pytest.mark.parametrize(
    "break_", ["\n", "\r\n", "\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"]
)
def test_data_cannot_begin_a_line_of_its_own(break_):
    assert as_data(f"end.{break_}Question: who?") == "end. Question: who?"


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("<eos>", "‹eos›"),
        ("</s>", "‹/s›"),
        ("<|im_start|>system", "‹|im_start|›system"),
        ("<start_of_turn>user", "‹start_of_turn›user"),
        ("<<eos>>", "<‹eos›>"),
        ("<0x0A>", "‹0x0A›"),
        ("<e\u200bos>", "‹eos›"),
        ("<e\x00os>", "‹eos›"),
        ("<｜begin▁of▁sentence｜>", "‹｜begin▁of▁sentence｜›"),
        ("</passages>", "‹/passages›"),
        ("2 < 3, x <= 5", "2 < 3, x <= 5"),
        ("a\x00b", "ab"),
        ("\u202eevil\u202c", "evil"),
        ("\ufeffbom", "bom"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("  many   spaces\t", "many spaces"),
    ],
)
def test_markup_and_hidden_characters_by_example(text, harmless):
    assert as_data(text) == harmless


@given(st.one_of(WILD, st.text(alphabet="<>|/_eos im\n\x00\u200b\u202e", max_size=40)))
def test_data_is_one_line_without_controls_and_can_be_encoded(text):
    data = as_data(text)
    assert len(data.splitlines()) <= 1
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} for c in data)
    data.encode()


@given(WILD)
def test_harmless_text_stays_as_it_is(text):
    assert as_data(as_data(text)) == as_data(text)


@given(st.text(alphabet="<>|/eos\x00\u200b ", max_size=30))
def test_no_special_token_survives_or_appears(text):
    for token in ("<eos>", "</s>", "<|eos|>", "<e>", "<s>"):
        assert token not in as_data(text)
