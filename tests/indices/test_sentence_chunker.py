from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rag_router.indices import SentenceChunker
from rag_router.models.scripted_embedder import HashingEmbedder

words = HashingEmbedder().count_tokens


def quarters(texts: Sequence[str]) -> list[int]:
    """A tokeniser whose counts do not add up: four characters a token, rounded up, and one."""
    return [1 + -(-len(text) // 4) for text in texts]


def cut(text: str, count=words, **settings: int) -> list[str]:
    return [c.text for c in SentenceChunker(**settings).chunk([text], count)[0]]


def test_sentences_are_packed_up_to_the_limit():
    # Four tokens each ("One two three" and the full stop): two fit into 8, three do not.
    text = "One two three. Four five six. Seven eight nine."
    assert cut(text, max_tokens=8, overlap_tokens=0) == [
        "One two three. Four five six.",
        "Seven eight nine.",
    ]


def test_the_last_sentences_are_repeated_as_far_as_the_overlap_allows():
    text = "One two three. Four five six. Seven eight nine."
    assert cut(text, max_tokens=8, overlap_tokens=4) == [
        "One two three. Four five six.",
        "Four five six. Seven eight nine.",
    ]
    # Three tokens of overlap hold no whole sentence of four.
    assert cut(text, max_tokens=8, overlap_tokens=3)[1] == "Seven eight nine."


def test_a_sentence_that_is_too_long_is_cut_at_spaces():
    text = " ".join(f"word{n}" for n in range(20))
    chunks = cut(text, max_tokens=8, overlap_tokens=0)
    assert " ".join(chunks) == text
    assert max(words(chunks)) <= 8


def test_a_word_that_is_too_long_is_cut_between_characters():
    # 8 tokens are 7 quarters, hence 28 characters; 80 are halved to 40 and then to 20.
    assert cut("x" * 80, quarters, max_tokens=8, overlap_tokens=0) == ["x" * 20] * 4


def test_abbreviations_and_decimals_do_not_end_a_sentence():
    text = "Dr. Smith paid 3.50 dollars to J. Jones. He left."
    # The first sentence has 13 tokens, so that a limit of 13 separates it from the second.
    assert cut(text, max_tokens=13, overlap_tokens=0)[-1] == "He left."


def test_blank_texts_give_no_chunk_and_texts_keep_their_places():
    chunks = SentenceChunker().chunk(["", "One.", " \n "], words)
    assert [[c.text for c in of_text] for of_text in chunks] == [[], ["One."], []]


def test_tokens_are_counted_for_all_texts_at_once():
    calls = []

    def count(texts: Sequence[str]) -> list[int]:
        calls.append(len(texts))
        return words(texts)

    SentenceChunker().chunk(["One. Two."] * 100, count)
    assert calls == [200, 100]  # all sentences, then all chunks


def test_impossible_settings_are_refused():
    with pytest.raises(
        ValidationError, match=r"overlap_tokens \(8\) must be below max_tokens \(8\)"
    ):
        SentenceChunker(max_tokens=8, overlap_tokens=8)
    with pytest.raises(ValidationError, match="max_tokens"):
        SentenceChunker(max_tokens=7, overlap_tokens=0)


texts = st.text(
    alphabet=st.one_of(st.sampled_from("ab .!?\n\t-é。字\u2028"), st.characters(codec="utf-8")),
    max_size=300,
)


@settings(deadline=None)
@given(
    text=texts,
    max_tokens=st.integers(8, 20),
    overlap_tokens=st.integers(0, 7),
    count=st.sampled_from([words, quarters]),
)
def test_chunks_cover_the_text_in_order_and_fit(text, max_tokens, overlap_tokens, count):
    chunker = SentenceChunker(max_tokens=max_tokens, overlap_tokens=overlap_tokens)
    chunks = chunker.chunk([text], count)[0]
    assert all(text[c.start : c.end] == c.text for c in chunks)
    assert all(tokens <= max_tokens for tokens in count([c.text for c in chunks]))
    covered = {at for c in chunks for at in range(c.start, c.end)}
    assert all(at in covered for at, character in enumerate(text) if not character.isspace())
    starts, ends = [c.start for c in chunks], [c.end for c in chunks]
    assert starts == sorted(set(starts))
    assert ends == sorted(set(ends))
    assert all(c.text == c.text.strip() for c in chunks)


@settings(deadline=None)
@given(text=texts)
def test_a_text_is_cut_the_same_alone_and_in_company(text):
    chunker = SentenceChunker(max_tokens=8, overlap_tokens=2)
    assert chunker.chunk(["Other text.", text], words)[1] == chunker.chunk([text], words)[0]
