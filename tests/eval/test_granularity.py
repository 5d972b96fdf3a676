from __future__ import annotations

import pytest
from stand_ins import question

from rag_router.errors import DataError
from rag_router.eval.granularity import fit_granular, granular_labels
from rag_router.indices import CHUNKERS, Library
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.retrievers.granularity_router import METHOD
from rag_router.retrievers.levels import levels_of
from rag_router.types import Passage, Question

EMBEDDER = HashingEmbedder(dimension=256)
TOWNS = [f"town{n}" for n in range(40)]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    for town in TOWNS:
        text = f"{town} is old. Its river is wide. Its hill is high. Its king is dead."
        (home / f"{town}.txt").write_text(text)
    library = Library(home / "home")
    # Four or five tokens a sentence: each is a passage of the finest level.
    library.add("towns", [home], EMBEDDER, CHUNKERS.build("granular", max_tokens=8))
    return library.open("towns", EMBEDDER)


def asked(text, gold):
    passage = Passage(id="g", title="", text=gold, meta={"is_gold": True})
    return Question(id=text, text=text, contexts=(passage,))


def test_a_question_needs_the_level_whose_best_chunk_is_nearest_to_the_gold_passage(index):
    levels, _ = levels_of(index)
    whole = "town3 is old. Its river is wide. Its hill is high. Its king is dead."
    wanted = [asked("town3", "town3 is old."), asked("town3", whole)]
    fine, coarse = granular_labels(levels, wanted, EMBEDDER)
    assert fine.index(0.8) == 0
    assert coarse.index(0.8) == 2  # four sentences are one chunk of the third level
    assert granular_labels(levels, [question("nowhere")], EMBEDDER) == [None]


def test_the_card_says_how_often_the_router_is_right(index):
    questions = [asked(f"is {town} old", f"{town} is old.") for town in TOWNS]
    artefact = fit_granular(index, EMBEDDER, questions, seed=1)
    card = artefact.card
    assert (card.method, card.model_fingerprint) == (METHOD, EMBEDDER.fingerprint)
    assert (card.notes["train"], card.notes["held_out"]) == (32, 8)
    assert card.metrics["agreement"] >= card.metrics["most_frequent"] > 0
    with pytest.raises(DataError, match="and 20 are needed"):
        fit_granular(index, EMBEDDER, questions[:10])
