"""A service that is not started again goes on with what is published, and shows nothing erased."""

from __future__ import annotations

import pytest
from little_router import ALWAYS, TIBER, UNKNOWN, notes, router

from rag_router.indices import Following, Library
from rag_router.models.scripted_embedder import HashingEmbedder

EMBEDDER = HashingEmbedder()


@pytest.fixture
def library(tmp_path):
    for name, text in (("tiber", TIBER), ("honey", "Honey is made by bees.")):
        (tmp_path / f"{name}.txt").write_text(text)
    made = Library(tmp_path / "home")
    made.add("wiki", [tmp_path / "tiber.txt", tmp_path / "honey.txt"], EMBEDDER)
    return made


@pytest.fixture
def service(library):
    followed = Following(library, ["wiki"], lambda name: library.open(name, EMBEDDER))
    return router(indices=followed, filters=())


def shown(answer):
    return {judged.hit.passage.text for judged in answer.evidence.judged}


def test_an_erased_document_is_not_in_the_next_answer(service, library):
    before = service.answer([UNKNOWN], ALWAYS)[0]
    assert (before.text, TIBER in shown(before)) == ("Tiber", True)
    Library(library.home).erase("wiki", ["tiber.txt"])
    after = service.answer([UNKNOWN], ALWAYS)[0]
    assert (after.text != "Tiber", TIBER in shown(after)) == (True, False)
    assert notes(after) == notes(before)


def test_what_cannot_be_opened_is_told_of_whoever_looks_something_up(service, library, tmp_path):
    (tmp_path / "more.txt").write_text("Oslo lies on a fjord.")
    Library(library.home).add("wiki", [tmp_path / "more.txt"], EMBEDDER)
    shelf = library.shelf("wiki")
    (shelf.generation(2) / "vectors.faiss").write_bytes(b"broken")
    said = service.answer([UNKNOWN], ALWAYS)[0]
    assert said.text == "Tiber"
    told = [what for stage, what in notes(said) if stage == "retrieve"]
    assert [what.partition(" is searched")[0] for what in told] == ["generation 1 of index wiki"]
    known = service.answer(["who wrote hamlet"])[0]
    assert notes(known) == []


def test_an_index_whose_erasure_cannot_be_opened_is_not_searched(service, library):
    Library(library.home).erase("wiki", ["tiber.txt"])
    (library.shelf("wiki").generation(2) / "vectors.faiss").write_bytes(b"broken")
    said = service.answer([UNKNOWN], ALWAYS)[0]
    assert shown(said) == set()
    assert any(what.startswith("index wiki is not searched") for _, what in notes(said))
