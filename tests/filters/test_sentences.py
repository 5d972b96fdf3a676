from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_ins import judged

from rag_router.filters.sentences import cut_short, cut_to, sentences_of
from rag_router.types import Judged

TEXT = "One is here.  Two is there.\nThree is not. Four."


def one(text: str = TEXT) -> Judged:
    return judged(text)[0]


def found(cut: Judged, text: str = TEXT) -> list[str]:
    """What stands at the spans in the text as it was found."""
    return [text[start:end] for start, end in cut.spans]


def test_a_passage_is_taken_apart_into_its_sentences():
    assert sentences_of(one()) == ["One is here.", "Two is there.", "Three is not.", "Four."]
    assert sentences_of(one("")) == []


def test_sentences_stay_in_the_order_of_the_document_with_one_space_for_what_is_gone():
    cut = cut_to(one(), [2, 0], "two of four")
    assert cut.hit.passage.text == "One is here. Three is not."
    assert cut.spans == ((0, 12), (28, 41))  # "One is here." has 12 characters
    assert found(cut) == ["One is here.", "Three is not."]
    assert (cut.kept, cut.why) == (True, "two of four")


def test_neighbours_keep_what_stood_between_them():
    cut = cut_to(one(), [0, 1], "the first two")
    assert cut.hit.passage.text == "One is here.  Two is there."
    assert cut.spans == ((0, 27),)


def test_all_sentences_are_the_whole_passage():
    whole = cut_to(one(), [0, 1, 2, 3], "all")
    assert whole.hit == one().hit
    assert (whole.spans, whole.why) == ((), "all")


def test_no_sentence_drops_the_passage_and_leaves_its_text():
    dropped = cut_to(one(), [], "none")
    assert (dropped.kept, dropped.why) == (False, "none")
    assert dropped.hit == one().hit


def test_a_cut_that_would_make_more_tokens_is_not_made():
    def count(text):
        return 9 if text == "One is here. Four." else 8

    left = cut_to(one(), [0, 3], "two", count_tokens=count)
    assert (left.hit, left.spans, left.why) == (one().hit, (), "two")
    assert cut_to(one(), [0], "one", count_tokens=count).spans == ((0, 12),)


def test_what_is_dropped_already_stays_as_it_is():
    dropped = cut_to(one(), [], "first")
    assert cut_to(dropped, [1], "second") == dropped


def test_a_script_without_spaces_is_joined_without_them():
    text = "東京は首都。雨が降る。京都は古い。"
    cut = cut_to(one(text), [0, 2], "two")
    assert cut.hit.passage.text == "東京は首都。京都は古い。"
    assert cut.spans == ((0, 6), (11, 17))


def test_a_passage_that_is_cut_twice_still_says_where_its_pieces_were_found():
    once = cut_to(one(), [0, 2, 3], "three")
    assert once.hit.passage.text == "One is here. Three is not. Four."
    assert once.spans == ((0, 12), (28, 47))
    assert sentences_of(once) == ["One is here.", "Three is not.", "Four."]
    twice = cut_to(once, [0, 2], "two")
    assert twice.hit.passage.text == "One is here. Four."
    assert found(twice) == ["One is here.", "Four."]
    across = cut_to(once, [0, 1], "two others")
    assert across.hit.passage.text == "One is here. Three is not."
    assert found(across) == ["One is here.", "Three is not."]


def test_sentences_do_not_grow_together_where_something_was_left_out():
    cut = cut_to(one("Go on.\n\nIt rained.\n\nlower case begins."), [0, 2], "two")
    assert cut.hit.passage.text == "Go on. lower case begins."  # by itself, one sentence
    assert sentences_of(cut) == ["Go on.", "lower case begins."]


def test_cutting_short_keeps_the_beginning_and_says_so():
    short = cut_short(one(), 12, "short")
    assert (short.hit.passage.text, short.spans, short.why) == ("One is here.", ((0, 12),), "short")
    assert cut_short(one(), len(TEXT), "whole").spans == ()


def test_cutting_short_what_was_cut_to_sentences():
    once = cut_to(one(), [0, 2], "two")  # "One is here. Three is not."
    short = cut_short(once, 18, "short")
    assert short.hit.passage.text == "One is here. Three"
    assert found(short) == ["One is here.", "Three"]
    assert found(cut_short(once, 5, "short")) == ["One i"]


PIECES = st.lists(
    st.sampled_from(
        ["Rome is old. ", "No. ", "雨が降る。", "\n\n", "a b ", "What? ", "- x\n", "3.5 "]
    ),
    max_size=8,
).map("".join)


@given(PIECES, st.lists(st.sets(st.integers(0, 12)), min_size=1, max_size=3), st.integers(0, 60))
def test_whatever_is_cut_never_grows_and_is_found_where_it_says(text, choices, end):
    now = one(text)
    for numbers in choices:
        units = sentences_of(now)
        some = [n for n in numbers if n < len(units)]
        if not some:
            continue
        after = cut_to(now, some, "cut")
        assert len(after.hit.passage.text) <= len(now.hit.passage.text)
        assert sentences_of(after) == [units[n] for n in sorted(some)]
        now = after
    now = cut_short(now, end, "short")
    if now.spans:
        said = "".join(found(now, text)).split()
        assert "".join(said) == "".join(now.hit.passage.text.split())
        assert list(now.spans) == sorted(now.spans)


@pytest.mark.parametrize("text", ["word " * 10_000, "." * 50_000, "7 8 9", "?" * 9])
def test_long_and_odd_texts_are_cut_too(text):
    units = sentences_of(one(text))
    assert cut_to(one(text), range(len(units)), "all").spans == ()
