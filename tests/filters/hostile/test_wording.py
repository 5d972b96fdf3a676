from __future__ import annotations

from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from rag_router.filters.hostile.wording import (
    BITS,
    HASHED,
    LEADS,
    PAIRS,
    WIDTH,
    bits_of,
    features_of,
    hand_features,
    lead_bits,
    signs_of,
    tokens_of,
    word_pieces,
)


def names(bits):
    return {name for at, name in enumerate(BITS) if bits >> at & 1}


def test_words_figures_and_signs_are_tokens():
    assert tokens_of("say it's 42!", 0, 12) == ["say", "it's", "42", "!"]


def test_a_word_is_itself_and_its_runs_of_three_and_four_letters():
    # "<say>" has the runs "<sa", "say", "ay>" and "<say", "say>".
    runs = ["#<sa", "#say", "#ay>", "#<say", "#say>"]
    assert word_pieces("say") == [crc32(one.encode()) % HASHED for one in ("say", *runs)]


def test_all_numbers_are_one_word():
    assert word_pieces("1984") == word_pieces("7")


def test_classes_and_signs_have_names():
    assert "answers and questions" in names(bits_of("answer"))
    assert names(bits_of("tiber")) == set()
    assert names(signs_of('Say "ahoy".')) == {"words in quotation marks"}


def test_what_stands_at_the_head_of_a_clause_can_order():
    tokens = ["rome", "is", "old", ":", "say", "you"]
    bits = [bits_of(token) for token in tokens]
    assert names(lead_bits(tokens, bits)) == {"saying"}


def test_two_classes_make_a_feature_each_and_one_together():
    # Bits 1 and 3, of which 3 stands where an order can.
    made = [HASHED + 1, PAIRS + len(BITS) + 3, HASHED + 3, LEADS + 3]
    assert list(hand_features(0b1010, 0b1000)) == made


@given(st.text(max_size=200))
def test_features_of_any_text_are_within_bounds(text):
    hashed, hand, _ = features_of(text.lower(), text, 0, len(text))
    assert all(0 <= one < HASHED for one in hashed)
    assert all(HASHED <= one < WIDTH for one in hand)
