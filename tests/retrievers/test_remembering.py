from __future__ import annotations

import math

import pytest

from rag_router.errors import SettingsError
from rag_router.indices import Library, Pair, Where
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.retrievers import RETRIEVERS, make_queries

EMBEDDER = HashingEmbedder()


@pytest.fixture
def indices(tmp_path):
    library = Library(tmp_path)
    pairs = [
        Pair(question="Who wrote Hamlet?", answers=("Shakespeare",), meta={"field": "plays"}),
        Pair(question="Who wrote Faust, a play?", answers=("Goethe",), meta={"field": "plays"}),
    ]
    library.remember("known", pairs, EMBEDDER)
    (tmp_path / "hamlet.txt").write_text("Who wrote Hamlet? Nobody knows.")
    library.add("documents", [tmp_path / "hamlet.txt"], EMBEDDER)
    return library.open("documents", EMBEDDER), library.open("known", EMBEDDER)


def found(indices, question="Who wrote Hamlet?", **options):
    retriever = RETRIEVERS.build("qa_memory", **options)
    return retriever.retrieve(make_queries([question], EMBEDDER), indices)[0]


def test_the_pair_that_asks_the_same_may_be_served(indices):
    first, second = found(indices, serve=0.99, pass_on=0.1)
    assert (first.passage.meta["answer"], first.rank) == ("Shakespeare", 1)
    assert first.score == first.similarity == pytest.approx(1.0, abs=1e-5)
    assert "its answer may be given as it is" in first.why
    assert (second.passage.meta["answer"], "to be read" in second.why) == ("Goethe", True)


def test_what_is_less_similar_falls_through(indices):
    hits = found(indices, serve=0.99, pass_on=0.95)
    assert [hit.passage.meta["answer"] for hit in hits] == ["Shakespeare"]
    assert found(indices, "zzz qqq") == []
    assert found(indices, serve=2.0, pass_on=2.0) == []


def test_what_may_be_served_says_how_likely_it_is_right(indices):
    first, second = found(indices, serve=0.99, pass_on=0.1, curve=(4.0, -2.0))
    # At a cosine of 1 the log-odds are 4 - 2 = 2.
    assert first.recalled.answer == "Shakespeare"
    assert first.recalled.p_right == pytest.approx(1 / (1 + math.exp(-2)), abs=1e-5)
    assert first.recalled.calibrated
    assert second.recalled is None


def test_without_a_curve_the_cosine_stands_for_it(indices):
    recalled = found(indices)[0].recalled
    assert (recalled.p_right, recalled.calibrated) == (pytest.approx(1.0, abs=1e-5), False)


def test_what_may_be_served_is_not_lost_where_several_look(indices):
    fused = RETRIEVERS.build("fused", members=("sparse", RETRIEVERS.build("qa_memory")))
    hits = fused.retrieve(make_queries(["Who wrote Hamlet?"], EMBEDDER), indices)[0]
    assert [h.recalled.answer for h in hits if h.recalled] == ["Shakespeare"]


def test_an_answer_that_nobody_can_see_is_never_served(tmp_path):
    library = Library(tmp_path)
    library.remember("known", [Pair(question="Who?", answers=("\u200b",))], EMBEDDER)
    (hit,) = found([library.open("known", EMBEDDER)], "Who?")
    assert hit.recalled is None


def test_conditions_hold_for_a_memory_too(indices):
    _, known = indices
    assert len(found([known.where(Where.of({"field": "plays"}))], serve=0.99, pass_on=0.1)) == 2
    assert found([known.where(Where.of({"field": "poems"}))]) == []


def test_documents_alone_are_no_memory(indices):
    with pytest.raises(SettingsError, match="'documents' hold documents"):
        found(indices[:1])


def test_thresholds_the_wrong_way_round_are_an_error():
    with pytest.raises(SettingsError, match="must be at most serve"):
        RETRIEVERS.build("qa_memory", serve=0.5, pass_on=0.6)
