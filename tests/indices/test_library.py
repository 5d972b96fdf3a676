from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from filelock import FileLock

from rag_router.errors import (
    BusyError,
    DocumentError,
    IndexUnavailableError,
    ModelError,
    SettingsError,
    UnavailableError,
    UnknownNameError,
)
from rag_router.indices import Library, SentenceChunker
from rag_router.models.scripted_embedder import HashingEmbedder


def texts_of(library: Library, name: str) -> list[str]:
    return [p.text for d in library.documents(name) for p in d.passages]


def test_what_was_added_can_be_read_and_searched(library, corpus, embedder):
    report = library.add("world", [corpus], embedder)
    assert (report.added, report.replaced, report.unchanged) == (2, 0, 0)
    assert (report.passages, report.encoded, report.generation) == (3, 3, 1)
    index = library.open("world", embedder)
    first, last = index.passages([0, 2])
    assert (first.id, first.document_id, first.index) == ("paris.txt#0", "paris.txt", "world")
    assert (last.id, last.title, last.text) == ("rome.md#1", "Rome > River", "Tiber.")
    text = (corpus / "rome.md").read_text()
    assert text[last.start : last.start + len(last.text)] == last.text
    scores, rows = index.search_vectors(embedder.encode_queries(["Rome > River\nTiber."]), 2)
    assert (rows[0][0], round(float(scores[0][0]), 5)) == (2, 1.0)
    assert [hit.row for hit in index.search_terms(["france"], 3)[0]] == [0]
    np.testing.assert_allclose(index.vectors_of([2])[0] @ index.vectors_of([2])[0], 1, rtol=1e-5)
    assert index.find(["rome.md#0"])[0].text == "Rome is the capital of Italy."


def test_adding_the_same_again_writes_nothing_and_embeds_nothing(library, corpus, embedder):
    library.add("world", [corpus], embedder)
    embedder.read.clear()
    report = library.add("world", [corpus], embedder)
    assert (report.unchanged, report.generation, report.encoded) == (2, 1, 0)
    assert (report.passages, embedder.read) == (3, [])


def test_only_what_changed_is_embedded_again(library, corpus, embedder):
    library.add("world", [corpus], embedder)
    before = library.open("world").vectors_of([0])
    embedder.read.clear()
    (corpus / "rome.md").write_text("# Rome\n\nRome fell.\n")
    (corpus / "oslo.txt").write_text("Oslo is the capital of Norway.")
    report = library.add("world", [corpus], embedder)
    assert (report.added, report.replaced, report.unchanged) == (1, 1, 1)
    assert (report.generation, report.passages) == (2, 3)
    assert sorted(embedder.read) == ["Rome\nRome fell.", "oslo\nOslo is the capital of Norway."]
    assert texts_of(library, "world") == [
        "Paris is the capital of France.",
        "Oslo is the capital of Norway.",
        "Rome fell.",
    ]
    index = library.open("world", embedder)
    np.testing.assert_array_equal(index.vectors_of([0]), before)
    np.testing.assert_allclose(
        index.vectors_of([2]), embedder.encode_passages(["Rome\nRome fell."]), rtol=1e-6
    )


def test_a_second_folder_joins_and_takes_nothing_away(library, corpus, embedder, write_jsonl):
    library.add("world", [corpus], embedder)
    report = library.add("world", [write_jsonl({"id": "x", "text": "More."})], embedder)
    assert (report.added, report.unchanged, report.passages) == (1, 0, 4)


def test_other_chunker_settings_replace_the_documents(library, corpus, embedder):
    library.add("world", [corpus], embedder)
    chunker = SentenceChunker(max_tokens=64, overlap_tokens=0)
    assert library.add("world", [corpus], embedder, chunker).replaced == 2
    assert library.manifest("world").chunker["max_tokens"] == 64


def test_meta_of_a_document_reaches_its_passages(library, embedder, write_jsonl):
    row = {"id": "a#1", "title": "T", "text": "Text.", "meta": {"year": 1999}}
    library.add("notes", [write_jsonl(row)], embedder)
    passage = library.open("notes").find(["a#1#0"])[0]
    assert (passage.meta, passage.title) == ({"year": 1999}, "T")


def test_nothing_of_a_batch_with_a_bad_line_is_indexed(library, corpus, embedder, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"id": "good", "text": "good"}\n{"id": \n')
    with pytest.raises(DocumentError, match=r"bad\.jsonl:2: not JSON"):
        library.add("fresh", [bad], embedder)
    assert library.names() == []
    assert not library.folder.exists()
    library.add("world", [corpus], embedder)
    with pytest.raises(DocumentError):
        library.add("world", [corpus, bad], embedder)
    assert library.manifest("world").generation == 1
    assert "good" not in texts_of(library, "world")


def test_an_unknown_index_is_an_error_that_names_the_nearest(library, corpus, embedder):
    with pytest.raises(UnknownNameError, match="Make it: rag-router index add world PATH"):
        library.open("world")
    library.add("world", [corpus], embedder)
    with pytest.raises(UnknownNameError, match=r"no index named 'word'\. Did you mean 'world'"):
        library.open("word")
    for call in (library.verify, library.remove, library.rollback, library.documents):
        with pytest.raises(UnknownNameError):
            call("word")


@pytest.mark.parametrize(
    "name", ["", "..", "../x", "a/b", "Upper", ".hidden", "a" * 65, "a\n", "ü"]
)
def test_an_impossible_name_is_an_error_that_says_what_would_work(library, corpus, embedder, name):
    with pytest.raises(SettingsError, match=r"up to 64 of a-z, 0-9"):
        library.add(name, [corpus], embedder)


def test_an_index_built_with_another_embedder_is_refused_by_name(library, corpus, embedder):
    library.add("world", [corpus], embedder)
    other = HashingEmbedder(name="other", dimension=32)
    for call in (
        lambda: library.open("world", other),
        lambda: library.add("world", [corpus], other),
    ):
        with pytest.raises(IndexUnavailableError) as caught:
            call()
        assert "'hashing'" in caught.value.message
        assert "'other'" in caught.value.message
        assert embedder.fingerprint[:12] in caught.value.message
        assert "Use 'hashing'" in caught.value.hint


def test_a_question_of_another_dimension_is_refused(library, corpus, embedder):
    library.add("world", [corpus], embedder)
    with pytest.raises(IndexUnavailableError, match="holds vectors of 64 dimensions"):
        library.open("world").search_vectors(np.ones((1, 32), dtype=np.float32), 1)


def test_chunks_that_the_embedder_cannot_read_whole_are_refused(library, corpus):
    with pytest.raises(SettingsError, match="passages of 200 tokens do not fit into 'hashing'"):
        library.add("world", [corpus], HashingEmbedder(max_tokens=100), SentenceChunker())


def test_without_a_chunker_passages_are_as_long_as_the_embedder_reads(library, corpus):
    library.add("world", [corpus], HashingEmbedder(max_tokens=100))
    assert library.manifest("world").chunker["max_tokens"] == 100


@pytest.mark.parametrize(
    ("vectors", "said"),
    [(np.full((3, 64), np.nan), "not numbers"), (np.ones((3, 32)), r"shape \(3, 32\)")],
)
def test_vectors_that_are_none_are_refused(library, corpus, vectors, said):
    class Broken(HashingEmbedder):
        def encode_passages(self, texts):
            return vectors

    with pytest.raises(ModelError, match=said):
        library.add("world", [corpus], Broken())
    assert library.names() == []


def test_a_writer_waits_and_then_says_that_the_index_is_busy(library, corpus, embedder):
    library.add("world", [corpus], embedder)
    with FileLock(library.folder / ".locks" / "world.lock"):
        with pytest.raises(BusyError, match="'world' is being written by somebody else") as caught:
            library.remove("world")
        assert caught.value.retryable
        assert len(library.open("world")) == 3  # readers never wait


def test_a_home_that_cannot_be_written_is_an_error_of_ours(corpus, embedder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnavailableError, match="index 'world' cannot be written"):
        Library(tmp_path / "file").add("world", [corpus], embedder)


def test_the_last_two_generations_are_kept(library, corpus, embedder):
    for n in range(4):
        (corpus / "new.txt").write_text(f"text {n}")
        library.add("world", [corpus], embedder)
    generations = library.folder / "world" / "generations"
    assert sorted(p.name for p in generations.iterdir()) == ["3", "4"]
    assert not (library.folder / "world" / "encoding").exists()


def test_rollback_goes_back_once_and_then_says_that_there_is_nothing_older(
    library, corpus, embedder
):
    library.add("world", [corpus], embedder)
    (corpus / "new.txt").write_text("new")
    library.add("world", [corpus], embedder)
    assert library.rollback("world").generation == 1
    assert "new" not in texts_of(library, "world")
    with pytest.raises(IndexUnavailableError, match="no older generation"):
        library.rollback("world")
    assert library.add("world", [corpus], embedder).generation == 3
    assert library.rollback("world").generation == 1  # not the one that was rolled back from


def test_a_reader_keeps_its_generation_while_others_are_published(library, corpus, embedder):
    library.add("world", [corpus], embedder)
    index = library.open("world")
    for n in range(3):
        (corpus / "new.txt").write_text(f"text {n}")
        library.add("world", [corpus], embedder)
    assert [p.id for p in index.passages([0, 1, 2])] == ["paris.txt#0", "rome.md#0", "rome.md#1"]
    assert [hit.row for hit in index.search_terms(["tiber"], 1)[0]] == [2]


def test_an_index_is_read_from_many_threads(library, embedder, write_jsonl):
    rows = [{"id": str(n), "text": f"Text number{n}."} for n in range(600)]
    library.add("many", [write_jsonl(*rows)], embedder)
    index = library.open("many")

    def read(n: int) -> bool:
        found = index.search_terms([f"number{n}"], 1)[0][0].row
        return index.passages([found])[0].document_id == str(n)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(100)))
    assert len(index.passages(range(600))) == 600  # more than one statement may hold


def test_a_removed_index_is_gone(library, corpus, embedder):
    library.add("world", [corpus], embedder)
    library.add("world-two", [corpus], embedder)
    library.remove("world")
    assert library.names() == ["world-two"]
    assert sorted(p.name for p in library.folder.iterdir()) == [".locks", "world-two"]
    assert library.add("world", [corpus], embedder).generation == 1


def test_cards_tell_what_there_is(library, corpus, embedder):
    library.add("world", [corpus], embedder)
    card = library.cards()[0]
    assert (card.name, card.documents, card.passages, card.encoder) == ("world", 2, 3, "hashing")
    folder = library.folder / "world" / "generations" / "1"
    files = json.loads((folder / "manifest.json").read_text())["files"]
    assert card.size_bytes == sum((folder / name).stat().st_size for name in files)


def test_equal_passages_are_embedded_once(library, embedder, write_jsonl):
    rows = [{"id": str(n), "text": "The same text."} for n in range(5)]
    report = library.add("same", [write_jsonl(*rows)], embedder)
    assert (report.passages, report.encoded, embedder.read) == (5, 1, ["The same text."])
    assert library.add("same", [write_jsonl(*rows)], embedder).unchanged == 5


def test_texts_of_any_script_and_size_can_be_indexed(library, embedder, write_jsonl):
    rows = [
        {"id": "日本", "title": "東京 " * 200, "text": "東京は日本の首都です。" * 50},
        {"id": "zero", "text": "nul \u0000 and emoji 👩‍👩‍👧‍👦 and ﬁ"},
        {"id": "long", "text": "word " * 5000},
    ]
    library.add("any", [write_jsonl(*rows)], embedder)
    library.verify("any")
    passages = {p.text for d in library.documents("any") for p in d.passages}
    # What nobody sees is left out.
    assert rows[1]["text"].replace("\0", "") in passages
    assert max(embedder.count_tokens(list(passages))) <= 200


def test_documents_that_were_read_already_join_and_others_leave_in_one_generation(
    library, corpus, embedder
):
    from rag_router.indices.readers import read_paths

    library.add("world", [corpus], embedder)
    (corpus / "oslo.txt").write_text("Oslo lies on a fjord.")
    documents, _ = read_paths([corpus / "oslo.txt"])
    report = library.put("world", documents, embedder, leaving=["paris.txt", "never.txt"])
    assert (report.added, report.removed, report.unchanged, report.generation) == (1, 1, 0, 2)
    assert {d.id for d in library.documents("world")} == {"rome.md", "oslo.txt"}
    again = library.put("world", documents, embedder, leaving=["paris.txt"])
    assert (again.unchanged, again.removed, again.generation) == (1, 0, 2)
