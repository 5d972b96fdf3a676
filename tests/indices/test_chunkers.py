from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import SettingsError, UnknownNameError
from rag_router.indices import CHUNKERS, Chunker, Library, SentenceChunker
from rag_router.indices.chunkers import chunker_for
from rag_router.indices.granularity import LEVELS, GranularChunker, aligned
from rag_router.indices.heading_chunker import HeadingChunker
from rag_router.models.scripted_embedder import HashingEmbedder

words = HashingEmbedder().count_tokens

texts = st.text(
    alphabet=st.one_of(st.sampled_from("ab .!?\n\t-é。字\u2028"), st.characters(codec="utf-8")),
    max_size=300,
)


@pytest.mark.parametrize("name", list(CHUNKERS))
class TestAnyChunker:
    def test_it_can_be_built_again_from_its_settings(self, name):
        chunker = CHUNKERS.build(name, max_tokens=50)
        assert isinstance(chunker, Chunker)
        options = dict(chunker.settings)
        assert CHUNKERS.build(options.pop("kind"), **options) == chunker
        assert chunker.settings["max_tokens"] == chunker.max_tokens == 50

    @given(text=texts, max_tokens=st.integers(8, 20))
    def test_chunks_cover_the_text_in_order_and_fit(self, name, text, max_tokens):
        options = {"overlap_tokens": 3} if name == "sentence" else {}
        chunker = CHUNKERS.build(name, max_tokens=max_tokens, **options)
        chunks = chunker.chunk(["Other text.", text], words)[1]
        assert chunks == chunker.chunk([text], words)[0]
        assert all(text[c.start : c.end] == c.text for c in chunks)
        assert all(tokens <= max_tokens for tokens in words([c.text for c in chunks]))
        covered = {at for c in chunks for at in range(c.start, c.end)}
        assert all(at in covered for at, letter in enumerate(text) if not letter.isspace())
        starts = [c.start for c in chunks]
        assert starts == sorted(set(starts))

    def test_a_long_text_without_an_end_is_cut_in_few_looks(self, name):
        counted = []

        def count(pieces):
            counted.append(sum(map(len, pieces)))
            return [len(piece) // 4 for piece in pieces]

        chunker = CHUNKERS.build(name)
        for text in ("word " * 20_000, "x" * 10**5, "." * 10**5 + "x", "-\n" * 50_000):
            counted.clear()
            chunks = chunker.chunk([text], count)[0]
            assert all(len(c.text) // 4 <= chunker.max_tokens for c in chunks)
            assert len("".join(re.findall(r"\S", text))) <= sum(len(c.text) for c in chunks)
            # Divided from 8 to 4 characters a token and packed: a handful of looks at the text.
            assert sum(counted) < 6 * len(text)


def test_a_section_is_one_passage_where_it_fits_and_else_cut_at_paragraphs():
    # Four tokens each ("One two three" and the full stop).
    text = "One two three.\n\nFour five six. Seven eight nine.\n \nTen eleven twelve."
    cut = [c.text for c in HeadingChunker(max_tokens=8).chunk([text], words)[0]]
    assert cut == ["One two three.", "Four five six. Seven eight nine.", "Ten eleven twelve."]
    whole = HeadingChunker(max_tokens=16).chunk([text], words)[0]
    assert [c.text for c in whole] == [text]


def test_a_paragraph_that_is_too_long_is_cut_at_sentences():
    text = "One two three. Four five six. Seven eight nine."
    cut = [c.text for c in HeadingChunker(max_tokens=9).chunk([text], words)[0]]
    assert cut == ["One two three. Four five six.", "Seven eight nine."]


def test_the_finest_granularity_repeats_nothing():
    text = " ".join(f"Sentence number {n}." for n in range(40))
    chunks = GranularChunker(max_tokens=8).chunk([text], words)[0]
    assert " ".join(c.text for c in chunks) == text


def test_a_chunk_is_two_chunks_of_the_level_below():
    assert aligned(5, 0) == [range(n, n + 1) for n in range(5)]
    assert aligned(5, 1) == [range(0, 2), range(2, 4), range(4, 5)]
    assert aligned(5, 2) == [range(0, 4), range(4, 5)]
    assert aligned(5, 3) == [range(0, 5)]
    assert aligned(0, 3) == []


@given(count=st.integers(0, 70), level=st.integers(1, LEVELS - 1))
def test_levels_are_aligned_and_an_odd_last_chunk_is_its_own_parent(count, level):
    below, above = aligned(count, level - 1), aligned(count, level)
    pairs = [below[at : at + 2] for at in range(0, len(below), 2)]
    assert above == [range(pair[0].start, pair[-1].stop) for pair in pairs]


def test_an_index_keeps_its_chunker_unless_another_is_named(tmp_path):
    library = Library(tmp_path / "home")
    embedder = HashingEmbedder()
    (tmp_path / "a.txt").write_text("One two three. Four five six. Seven eight nine.")
    library.add("world", [tmp_path / "a.txt"], embedder, GranularChunker(max_tokens=8))
    assert len(library.documents("world")[0].passages) == 2
    again = library.add("world", [tmp_path / "a.txt"], embedder)
    assert (again.unchanged, again.generation) == (1, 1)
    other = library.add("world", [tmp_path / "a.txt"], embedder, SentenceChunker())
    assert (other.replaced, library.manifest("world").chunker["kind"]) == (1, "sentence")


def test_the_usual_chunker_fits_its_embedder_and_others_must():
    small = HashingEmbedder(max_tokens=100)
    assert chunker_for(small) == SentenceChunker(max_tokens=100)
    with pytest.raises(SettingsError, match="passages of 220 tokens do not fit"):
        chunker_for(small, HeadingChunker())
    with pytest.raises(UnknownNameError, match="Did you mean 'heading'"):
        CHUNKERS.build("headings")
