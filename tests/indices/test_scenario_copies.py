"""Questions beside an index are backed up, brought back and rolled back with it."""

from __future__ import annotations

import pytest

from rag_router.indices import Library
from rag_router.indices.scenarios import scenario_library, write_scenarios


@pytest.fixture
def write(library, embedder, tmp_path):
    """Write what documents say, and a question for each of them."""

    def written(**texts):
        folder = tmp_path / "texts"
        folder.mkdir(exist_ok=True)
        for id_, text in texts.items():
            (folder / f"{id_}.txt").write_text(text)
        library.add("works", [folder], embedder)
        index = library.open("works", embedder)
        passages = {p.id: p for p in index.passages(range(len(index)))}
        said = {f"{id_}.txt#0": [f"What of {text}?"] for id_, text in texts.items()}
        write_scenarios(library, "works", said, passages, embedder)
        index.close()

    return written


def questions(library):
    beside = scenario_library(library)
    return sorted(d.title for d in beside.documents("works")) if beside.names() else []


def test_a_backup_holds_the_questions_and_brings_them_back(library, write, tmp_path):
    write(a="alpha", b="beta")
    library.backup("works", tmp_path / "safe")
    assert questions(Library(tmp_path / "safe")) == ["What of alpha?", "What of beta?"]
    library.remove("works")
    assert questions(library) == []
    library.restore("works", tmp_path / "safe")
    assert questions(library) == ["What of alpha?", "What of beta?"]
    assert library.verify("works").passages == 2


def test_a_backup_of_an_index_without_questions_keeps_none_of_those_before(
    library, write, tmp_path
):
    write(a="alpha")
    safe = tmp_path / "safe"
    library.backup("works", safe)
    scenario_library(library).remove("works")
    library.backup("works", safe)
    assert questions(Library(safe)) == []


def test_questions_that_were_written_since_survive_a_backup_that_had_none(
    library, write, tmp_path, corpus, embedder
):
    library.add("works", [corpus], embedder)
    library.backup("works", tmp_path / "safe")
    write(a="alpha")
    library.restore("works", tmp_path / "safe")
    assert questions(library) == ["What of alpha?"]


def test_going_back_takes_the_questions_of_the_texts_that_are_gone_back_to(library, write):
    write(a="alpha", b="beta")
    write(a="gamma", b="delta")
    assert questions(library) == ["What of delta?", "What of gamma?"]
    library.rollback("works")
    assert questions(library) == ["What of alpha?", "What of beta?"]


def test_going_back_leaves_questions_that_fit_as_well(library, write, tmp_path, embedder):
    write(a="alpha")
    (tmp_path / "texts" / "b.txt").write_text("beta")
    library.add("works", [tmp_path / "texts"], embedder)
    library.rollback("works")
    assert questions(library) == ["What of alpha?"]


def test_going_back_does_not_bring_back_questions_that_were_erased(library, write, embedder):
    write(a="alpha", b="beta")
    library.erase("works", ["b.txt"])
    write(a="gamma")
    library.rollback("works")
    assert "What of beta?" not in questions(library)


def test_without_questions_there_is_nothing_to_go_back_to(library, corpus, embedder):
    library.add("works", [corpus], embedder)
    (corpus / "new.txt").write_text("new")
    library.add("works", [corpus], embedder)
    assert library.rollback("works").generation == 1


def test_older_questions_that_are_broken_leave_the_newer_ones(library, write):
    write(a="alpha")
    write(a="gamma")
    beside = scenario_library(library).shelf("works")
    first = min(beside.generations())
    (beside.generation(first) / "vectors.faiss").write_bytes(b"broken")
    library.rollback("works")
    assert questions(library) == ["What of gamma?"]
