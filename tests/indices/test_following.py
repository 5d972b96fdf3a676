"""What another process publishes or erases is seen by the next request, without starting again."""

from __future__ import annotations

import shutil

import pytest

from rag_router.errors import IndexUnavailableError, UnknownNameError
from rag_router.indices import Following, Library, Pair
from rag_router.indices.scenarios import open_scenarios, scenario_library


@pytest.fixture
def elsewhere(library, corpus, embedder):
    """Another process: it shares nothing but the folder."""
    library.add("world", [corpus], embedder)
    return Library(library.home)


@pytest.fixture
def following(library, elsewhere, embedder):
    return Following(library, ["world"], lambda name: library.open(name, embedder))


def texts(indices):
    return {p.text for index in indices.values() for p in index.passages(range(len(index)))}


def break_newest(library, name="world", file="vectors.faiss"):
    shelf = library.shelf(name)
    (shelf.generation(shelf.current()) / file).write_bytes(b"broken")


ROME, TIBER, PARIS, NEW = (
    "Rome is the capital of Italy.",
    "Tiber.",
    "Paris is the capital of France.",
    "Something new.",
)


def test_what_was_added_is_found_by_the_next_request(following, elsewhere, corpus, embedder):
    assert texts(following.latest().indices) == {ROME, TIBER, PARIS}
    (corpus / "new.txt").write_text(NEW)
    elsewhere.add("world", [corpus], embedder)
    latest = following.latest()
    assert (texts(latest.indices), latest.notes) == ({ROME, TIBER, PARIS, NEW}, ())


def test_while_nothing_is_published_nothing_is_opened_again(following):
    assert following.latest().indices["world"] is following.latest().indices["world"]


def test_what_was_erased_is_not_served_any_more(following, elsewhere):
    before = following.latest().indices
    elsewhere.erase("world", ["paris.txt"])
    assert texts(following.latest().indices) == {ROME, TIBER}
    # Whoever was reading it finishes with what was opened.
    assert texts(before) == {ROME, TIBER, PARIS}


def test_a_rollback_is_followed(following, elsewhere, corpus, embedder):
    (corpus / "new.txt").write_text(NEW)
    elsewhere.add("world", [corpus], embedder)
    assert NEW in texts(following.latest().indices)
    elsewhere.rollback("world")
    assert NEW not in texts(following.latest().indices)


def test_a_generation_that_cannot_be_opened_leaves_the_one_before(
    following, elsewhere, corpus, embedder
):
    (corpus / "new.txt").write_text(NEW)
    elsewhere.add("world", [corpus], embedder)
    break_newest(elsewhere)
    latest = following.latest()
    assert texts(latest.indices) == {ROME, TIBER, PARIS}
    (note,) = latest.notes
    assert note.startswith("generation 1 of index world is searched, for the newest cannot be")
    assert "vectors.faiss" in note
    # It is not tried again until something is published; then all is well.
    assert following.latest() == latest
    elsewhere.rollback("world")
    elsewhere.add("world", [corpus], embedder)
    assert (NEW in texts(following.latest().indices), following.latest().notes) == (True, ())


def test_where_something_was_erased_nothing_older_is_shown(following, elsewhere):
    elsewhere.erase("world", ["paris.txt"])
    break_newest(elsewhere)
    latest = following.latest()
    assert latest.indices == {}
    assert latest.notes[0].startswith("index world is not searched: ")


def test_nor_is_it_where_the_erasure_is_not_the_newest(following, elsewhere, corpus, embedder):
    elsewhere.erase("world", ["paris.txt"])
    (corpus / "paris.txt").unlink()
    (corpus / "new.txt").write_text(NEW)
    elsewhere.add("world", [corpus], embedder)
    break_newest(elsewhere)
    assert following.latest().indices == {}


def test_nor_where_nobody_can_say_whether_something_was_erased(
    following, elsewhere, corpus, embedder
):
    (corpus / "new.txt").write_text(NEW)
    elsewhere.add("world", [corpus], embedder)
    break_newest(elsewhere, file="manifest.json")
    assert following.latest().indices == {}


def test_another_index_of_the_same_name_is_not_taken_for_the_one_before(
    following, elsewhere, corpus, embedder
):
    elsewhere.remove("world")
    shutil.rmtree(corpus)
    corpus.mkdir()
    (corpus / "new.txt").write_text(NEW)
    elsewhere.add("world", [corpus], embedder)
    break_newest(elsewhere)
    assert following.latest().indices == {}


def test_an_index_that_is_removed_is_gone_and_one_that_comes_back_is_there(
    following, elsewhere, corpus, embedder
):
    elsewhere.remove("world")
    latest = following.latest()
    assert (dict(latest.indices), latest.notes) == ({}, ("index world was removed",))
    assert (list(following), len(following)) == ([], 0)
    with pytest.raises(KeyError):
        following["world"]
    elsewhere.add("world", [corpus], embedder)
    assert texts(following.latest().indices) == {ROME, TIBER, PARIS}


def test_of_a_whole_library_indices_that_come_later_are_followed_and_those_that_go_are_gone(
    library, corpus, embedder
):
    following = Following(library, open_one=lambda name: library.open(name, embedder))
    assert following.latest().indices == {}
    elsewhere = Library(library.home)
    elsewhere.add("world", [corpus], embedder)
    assert texts(following.latest().indices) == {ROME, TIBER, PARIS}
    assert list(following) == ["world"]
    elsewhere.add("more", [corpus], embedder)
    break_newest(elsewhere, "more")
    latest = following.latest()
    assert set(latest.indices) == {"world"}
    assert [note.partition(":")[0] for note in latest.notes] == ["index more is not searched"]
    elsewhere.remove("more")
    elsewhere.remove("world")
    latest = following.latest()
    assert (latest.indices, latest.notes) == ({}, ())


def test_questions_beside_an_index_are_followed_too(library, elsewhere, embedder):
    def open_both(name):
        opened = library.open(name, embedder)
        opened.scenarios = open_scenarios(library, name, embedder)
        return opened

    following = Following(library, ["world"], open_both)
    assert following.latest().indices["world"].scenarios is None
    pair = Pair(question="Which river?", answers=("rome.md#1",))
    scenario_library(elsewhere).remember("world", [pair], embedder)
    assert len(following.latest().indices["world"].scenarios) == 1


def test_an_index_that_is_not_there_cannot_be_followed(library):
    with pytest.raises(UnknownNameError, match="world"):
        Following(library, ["world"])


TENANT = "t-" + "0a" * 24


def test_an_index_of_a_tenant_is_opened_when_it_asks_and_for_it_alone(library, corpus, embedder):
    opened = []

    def open_one(name):
        opened.append(name)
        return library.open(name, embedder)

    library.add("world", [corpus], embedder)
    library.add(TENANT, [corpus], embedder)
    following = Following(library, None, open_one)
    assert (opened, list(following)) == (["world"], ["world"])
    assert set(following.latest().indices) == {"world"}
    latest = following.latest({"notes": TENANT})
    assert (opened, set(latest.indices)) == (["world", TENANT], {"notes"})
    # Its passages say what its tenant calls it, and nobody else comes upon it.
    assert {p.index for p in latest.indices["notes"].passages([0])} == {"notes"}
    assert (set(following), set(following.latest().indices)) == ({"world"}, {"world"})
    assert following.latest({}).indices == {}


def test_a_collection_in_which_nothing_stands_yet_is_left_out(library, corpus, embedder):
    library.add("world", [corpus], embedder)
    following = Following(library, None, lambda name: library.open(name, embedder))
    empty = following.latest({"world": "world", "notes": TENANT})
    assert (set(empty.indices), empty.notes) == ({"world"}, ())
    library.add(TENANT, [corpus], embedder)
    assert set(following.latest({"notes": TENANT}).indices) == {"notes"}


def test_what_is_wrong_with_an_index_is_told_by_the_name_its_tenant_knows(
    library, corpus, embedder
):
    library.add(TENANT, [corpus], embedder)
    following = Following(library, None, lambda name: library.open(name, embedder))
    assert following.latest({"notes": TENANT}).notes == ()
    (corpus / "new.txt").write_text(NEW)
    library.add(TENANT, [corpus], embedder)
    break_newest(library, TENANT)
    (note,) = following.latest({"notes": TENANT}).notes
    assert note.startswith("generation 1 of index notes is searched")
    assert TENANT not in note
    assert following.latest().notes == ()


def test_where_only_some_indexes_are_followed_others_are_there_for_no_tenant(
    library, corpus, embedder
):
    library.add("world", [corpus], embedder)
    library.add(TENANT, [corpus], embedder)
    following = Following(library, ["world"], lambda name: library.open(name, embedder))
    within = {"world": "world", "notes": TENANT}
    assert set(following.latest(within).indices) == {"world"}
    following.hold()
    assert set(following.latest(within).indices) == {"world"}


def test_what_was_removed_and_made_again_is_not_told_of(library, corpus, embedder):
    library.add(TENANT, [corpus], embedder)
    following = Following(library, None, lambda name: library.open(name, embedder))
    assert set(following.latest({"notes": TENANT}).indices) == {"notes"}
    shutil.rmtree(library.folder / TENANT)
    gone = following.latest({"notes": TENANT})
    assert (gone.indices, gone.notes) == ({}, ())
    library.add(TENANT, [corpus], embedder)
    assert set(following.latest({"notes": TENANT}).indices) == {"notes"}


def test_who_is_tolerant_starts_with_what_is_whole_and_tells_of_the_rest(library, corpus, embedder):
    for name in ("whole", "broken"):
        library.add(name, [corpus], embedder)
    break_newest(library, "broken")
    with pytest.raises(IndexUnavailableError):
        Following(library)
    latest = Following(library, tolerant=True).latest()
    assert list(latest.indices) == ["whole"]
    (note,) = latest.notes
    assert note.startswith("index broken is not searched: ")
