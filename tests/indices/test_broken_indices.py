"""Whatever is done to the files of an index: it is noticed, named, and told how to mend."""

from __future__ import annotations

import json
import shutil
import sqlite3

import pytest

from rag_router.errors import IndexCorruptError, IndexUnavailableError
from rag_router.indices.manifest import Contents, EncoderCard, read_manifest, write_manifest
from rag_router.indices.publish import Shelf
from rag_router.indices.vectors import VectorCard, build_vectors, read_vectors, write_vectors
from rag_router.indices.vectors.choice import Sizes


@pytest.fixture
def generation(library, corpus, embedder):
    library.add("world", [corpus], embedder)
    return library.folder / "world" / "generations" / "1"


def flip_a_byte(path):
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-2])


def empty(path):
    path.write_bytes(b"")


def delete(path):
    path.unlink()


@pytest.mark.parametrize("damage", [flip_a_byte, truncate, empty, delete])
@pytest.mark.parametrize(
    "name", ["passages.sqlite", "vectors.faiss", "terms.safetensors", "manifest.json"]
)
def test_a_damaged_file_is_named_with_the_way_to_build_again(
    library, corpus, embedder, generation, name, damage
):
    damage(generation / name)
    for call in (
        lambda: library.open("world"),
        lambda: library.verify("world"),
        lambda: library.documents("world"),
        lambda: library.add("world", [corpus], embedder),
    ):
        with pytest.raises(IndexCorruptError) as caught:
            call()
        assert str(generation / name) in caught.value.message
        assert "rag-router index remove world --yes" in caught.value.hint
        assert "rollback" not in caught.value.hint
    library.remove("world")
    assert library.add("world", [corpus], embedder).passages == 3


def test_a_damaged_generation_can_be_rolled_back(library, corpus, embedder, generation):
    (corpus / "new.txt").write_text("new")
    library.add("world", [corpus], embedder)
    delete(generation.parent / "2" / "manifest.json")
    with pytest.raises(IndexCorruptError, match="rag-router index rollback world"):
        library.open("world")
    assert library.rollback("world").generation == 1
    assert len(library.open("world")) == 3


def test_nothing_damaged_is_rolled_back_to(library, corpus, embedder, generation):
    (corpus / "new.txt").write_text("new")
    library.add("world", [corpus], embedder)
    flip_a_byte(generation / "vectors.faiss")
    with pytest.raises(IndexUnavailableError, match="no older generation"):
        library.rollback("world")
    assert library.manifest("world").generation == 2


@pytest.mark.parametrize("text", ["", "one", "-1", "²", "99"])
def test_a_damaged_pointer_is_named_and_can_be_rolled_back(library, generation, text):
    pointer = library.folder / "world" / "CURRENT"
    pointer.write_text(text, encoding="utf-8")
    with pytest.raises(IndexCorruptError, match="generations/99" if text == "99" else "CURRENT"):
        library.open("world")
    assert library.rollback("world").generation == 1


def test_a_broken_index_hides_none_of_the_others(library, corpus, embedder, generation):
    library.add("sound", [corpus], embedder)
    delete(generation / "manifest.json")
    cards = {card.name: card for card in library.cards()}
    assert "manifest.json cannot be read" in cards["world"].problem
    assert (cards["sound"].problem, cards["sound"].passages) == ("", 3)


def test_an_edited_manifest_is_noticed_though_it_still_fits_the_files(library, generation):
    path = generation / "manifest.json"
    path.write_text(path.read_text().replace('"hashing"', '"smashing"'))
    with pytest.raises(IndexCorruptError, match="edited"):
        library.open("world")


@pytest.mark.parametrize(
    "text", ["[]", "{}", "null", "[" * 100_000, '{"format": 1, "checksum": 1}']
)
def test_a_manifest_that_is_none_is_no_crash(library, generation, text):
    (generation / "manifest.json").write_text(text)
    with pytest.raises(IndexCorruptError, match=r"manifest\.json"):
        library.open("world")


def test_a_manifest_of_another_index_or_generation_is_noticed(library, generation):
    shutil.copytree(library.folder / "world", library.folder / "copy")
    with pytest.raises(IndexCorruptError, match="holds generation 1 of 'world'"):
        library.open("copy")


def test_a_manifest_of_a_newer_format_says_so(library, generation):
    body = json.loads((generation / "manifest.json").read_text())
    manifest = read_manifest(generation).model_copy(update={"format": 3})
    write_manifest(generation, manifest)
    assert body["format"] == 2
    with pytest.raises(
        IndexUnavailableError, match="has format 3, and this version reads formats 1 to 2"
    ):
        library.open("world")


def contents(passages=1, documents=1, dimension=64):
    return Contents(
        documents=documents,
        passages=passages,
        dimension=dimension,
        encoder=EncoderCard(name="hashing", fingerprint="f"),
        chunker={},
    )


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (contents(passages=4, documents=2), "vectors.faiss: vectors: 3 instead of 4"),
        (contents(passages=3, documents=5), "passages.sqlite: documents: 2 instead of 5"),
        (contents(passages=3, documents=2, dimension=8), "has dimension 64 instead of 8"),
    ],
)
def test_files_that_disagree_with_the_manifest_are_noticed(library, generation, said, message):
    def copy(folder):
        for name in ("passages.sqlite", "vectors.faiss"):
            shutil.copy(generation / name, folder / name)
        return ("passages.sqlite", "vectors.faiss")

    Shelf(library.folder / "world").publish(said, copy)
    with pytest.raises(IndexCorruptError, match=message):
        library.open("world")


def test_a_database_without_our_tables_is_noticed(library, generation):
    def write(folder):
        sqlite3.connect(folder / "passages.sqlite").close()
        (folder / "passages.sqlite").touch()
        shutil.copy(generation / "vectors.faiss", folder / "vectors.faiss")
        return ("passages.sqlite", "vectors.faiss")

    Shelf(library.folder / "world").publish(contents(passages=3, documents=2), write)
    with pytest.raises(IndexCorruptError, match="no such table"):
        library.open("world")


def test_vectors_that_are_not_of_unit_length_are_found_by_verify(library, embedder, generation):
    def write(folder):
        shutil.copy(generation / "passages.sqlite", folder / "passages.sqlite")
        vectors = 2 * embedder.encode_passages(["a", "b", "c"])
        return ("passages.sqlite", *write_vectors(folder, build_vectors(vectors, Sizes())))

    Shelf(library.folder / "world").publish(contents(passages=3, documents=2), write)
    with pytest.raises(IndexCorruptError, match="holds no unit vectors"):
        library.verify("world")


def test_a_file_that_is_no_flat_index_is_refused(tmp_path):
    import faiss

    path = tmp_path / "vectors.faiss"
    path.write_bytes(b"not faiss at all")
    with pytest.raises(IndexCorruptError, match="is not a faiss index"):
        read_vectors(tmp_path, VectorCard(), 4)
    faiss.write_index(faiss.IndexFlatL2(4), str(path))
    with pytest.raises(IndexCorruptError, match="is not a flat index of inner products"):
        read_vectors(tmp_path, VectorCard(), 4)


def test_the_limits_of_faiss_are_put_back(tmp_path, embedder):
    import faiss

    write_vectors(tmp_path, build_vectors(embedder.encode_passages(["a"]), Sizes()))
    bytes_before = faiss.get_deserialization_vector_byte_limit()
    loops_before = faiss.get_deserialization_loop_limit()
    assert len(read_vectors(tmp_path, VectorCard(), 64)) == 1
    assert faiss.get_deserialization_vector_byte_limit() == bytes_before
    assert faiss.get_deserialization_loop_limit() == loops_before
