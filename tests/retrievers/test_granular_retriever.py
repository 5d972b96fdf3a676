from __future__ import annotations

import numpy as np
import pytest

from rag_router.artefacts import Card
from rag_router.errors import ArtefactError, DataError, SettingsError
from rag_router.indices import CHUNKERS, Library
from rag_router.indices.granularity import LEVELS
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.retrievers import RETRIEVERS, make_queries
from rag_router.retrievers.equipment import Equipment, equipped, lacking
from rag_router.retrievers.granular import GranularRetriever
from rag_router.retrievers.granularity_router import (
    GranularityRouter,
    fit_granularity,
    soft_label,
)
from rag_router.retrievers.levels import joined, levels_of
from rag_router.retrievers.sparse import SparseRetriever
from rag_router.types import Passage

EMBEDDER = HashingEmbedder()
SENTENCES = [
    "Rome lies on the river Tiber in Italy.",
    "Its oldest bridge is called Fabricius here.",
    "Paris lies on the river Seine, France.",
    "Oslo lies on a fjord in Norway.",
    "Madrid is the highest capital of Spain.",
]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / "towns.md").write_text("# Towns\n\n" + " ".join(SENTENCES[:3]) + "\n\n## North\n\n"
                                   + " ".join(SENTENCES[3:]))  # fmt: skip
    (home / "one.txt").write_text("Nothing else is written here.")
    library = Library(home / "home")
    # Eight or nine tokens a sentence: each is a passage.
    chunker = CHUNKERS.build("granular", max_tokens=9)
    library.add("towns", [home / "one.txt", home / "towns.md"], EMBEDDER, chunker)
    return library.open("towns", EMBEDDER)


def asked(*texts):
    return make_queries(texts, EMBEDDER)


def one_hot(level):
    return tuple(float(one == level) for one in range(LEVELS))


def test_chunks_of_a_level_are_pairs_of_the_level_below_within_a_document(index):
    levels, _ = levels_of(index)
    assert levels.chunks == [
        [range(0, 1), *(range(n, n + 1) for n in range(1, 6))],
        [range(0, 1), range(1, 3), range(3, 5), range(5, 6)],
        [range(0, 1), range(1, 5), range(5, 6)],
        [range(0, 1), range(1, 6)],
        [range(0, 1), range(1, 6)],
    ]
    assert levels_of(index)[0] is levels


def test_a_larger_passage_is_the_text_of_its_parts_under_their_common_heading(index):
    levels, _ = levels_of(index)
    pair = levels.passage(1, 2, None)  # the third sentence and the first one of the next heading
    assert pair.text == f"{SENTENCES[2]}\n\n{SENTENCES[3]}"
    assert (pair.title, pair.id, pair.document_id) == ("Towns", "towns.md#2-3", "towns.md")
    assert levels.passage(1, 1, None).text == " ".join(SENTENCES[:2])


def test_what_two_passages_both_hold_is_said_once():
    parts = [
        Passage(id="a#0", title="T", text="One. Two.", start=0, meta={"page": 1}),
        Passage(id="a#1", title="T", text="Two. Three.", start=5, meta={"page": 2}),
    ]
    whole = joined(parts)
    assert (whole.text, whole.meta) == ("One. Two. Three.", {"page": 1, "last_page": 2})


def test_all_weight_on_the_finest_level_is_bm25_of_the_passages(index):
    queries = asked("the river in Italy", "capital of Norway")
    found = GranularRetriever(k=3, weights=one_hot(0)).retrieve(queries, [index])
    plain = SparseRetriever(k=3).retrieve(queries, [index])
    shown = [[(h.passage.id, h.score, h.similarity) for h in hits] for hits in found]
    assert shown == [[(h.passage.id, h.score, h.similarity) for h in hits] for hits in plain]


@pytest.mark.parametrize("level", range(LEVELS))
def test_all_weight_on_one_level_is_bm25_of_its_chunks(index, level):
    levels, _ = levels_of(index)
    (query,) = asked("oldest bridge on the river")
    hits = GranularRetriever(k=2, weights=one_hot(level)).retrieve([query], [index])[0]
    best = levels.search(query.text, level, 2, None)
    assert [(h.passage.text, h.score) for h in hits] == [
        (levels.passage(level, found.row, None).text, found.score) for found in best
    ]


def test_levels_are_mixed_and_the_heaviest_says_what_is_returned(index):
    levels, _ = levels_of(index)
    (query,) = asked("Fabricius")
    weights = (0.25, 0.75, 0.0, 0.0, 0.0)
    (best, *_) = GranularRetriever(weights=weights).retrieve([query], [index])[0]
    finest, pair = (levels.search("Fabricius", level, 1, None)[0].score for level in (0, 1))
    assert best.passage.id == "towns.md#0-1"
    assert best.score == pytest.approx(0.25 * finest + 0.75 * pair)
    assert best.why == "shares fabricius; granularity 2 of 5, 2 passage(s) joined"
    # The second sentence alone is nearer to the question than both together are.
    parts = EMBEDDER.encode_passages([f"Towns\n{text}" for text in SENTENCES[:2]])
    assert best.similarity == pytest.approx(float((parts @ query.vector).max()), abs=1e-6)


def test_without_a_router_passages_of_the_usual_size_are_returned_and_it_is_told(index):
    retriever = GranularRetriever()
    hits = retriever.retrieve(asked("Fabricius"), [index])[0]
    assert hits[0].passage.id == "towns.md#0-1"
    assert lacking(retriever) == [
        "granular: no router was fitted, all granularities weigh the same"
    ]


def test_a_label_favours_the_levels_nearest_to_the_answer():
    assert soft_label((0.1, 0.9, 0.5, 0.2, 0.3)) == (0.0, 0.8, 0.2, 0.0, 0.0)
    assert soft_label((0.5, 0.5, None, None, 0.1)) == (0.8, 0.2, 0.0, 0.0, 0.0)
    assert soft_label((None, None, 0.2, None, None)) is None
    assert sum(soft_label((0.4, 0.3, 0.2, 0.1, 0.0))) == 1.0


def taught(seed=0):
    """Questions along one axis need the finest level, along the other the coarsest."""
    vectors = np.asarray([(1, 0.1 * (n % 5)) if n % 2 else (0.1 * (n % 5), 1) for n in range(60)])
    labels = [(0.8, 0.2, 0, 0, 0) if n % 2 else (0, 0, 0, 0.2, 0.8) for n in range(60)]
    return fit_granularity(vectors.astype(np.float32), labels, seed=seed)


def test_the_router_learns_which_granularity_a_question_needs(tmp_path):
    router = taught()
    fine, coarse = (router.weights(np.asarray(v, np.float32)) for v in ((1, 0), (0, 1)))
    assert (int(np.argmax(fine)), int(np.argmax(coarse))) == (0, 4)
    again = taught()
    assert all((a == b).all() for a, b in zip(router.layers, again.layers, strict=True))
    card = Card(method="granular", model="hashing", model_fingerprint="abc")
    router.to_artefact(card).save(tmp_path / "fitted")
    wanted = GranularRetriever(artefact=tmp_path / "fitted")
    parts = Equipment(embedder=None, cross_encoder=lambda name: None)
    loaded = equipped(wanted, parts)
    assert loaded.router.weights(np.asarray((1, 0), np.float32)) == fine
    assert lacking(loaded) == []
    with pytest.raises(ArtefactError, match="was fitted on model abc"):
        equipped(wanted, Equipment(embedder=EMBEDDER, cross_encoder=lambda name: None))


def test_what_is_no_router_of_granularities_is_refused(tmp_path):
    card = Card(method="other", model="m", model_fingerprint="f")
    taught().to_artefact(card).save(tmp_path / "other")
    retriever = GranularRetriever(artefact=tmp_path / "other")
    with pytest.raises(ArtefactError, match="holds 'other' and no router of granularities"):
        equipped(retriever, Equipment(embedder=None, cross_encoder=lambda name: None))
    with pytest.raises(DataError, match="1 question"):
        fit_granularity(np.zeros((1, 2), np.float32), [(0.8, 0.2, 0, 0, 0)])


def test_permuting_the_levels_permutes_the_weights():
    first, first_bias, second, second_bias = taught().layers
    order = [4, 2, 0, 1, 3]
    moved = GranularityRouter((first, first_bias, second[order], second_bias[order]))
    vector = np.asarray((0.3, 0.4), np.float32)
    weights = taught().weights(vector)
    assert moved.weights(vector) == pytest.approx([weights[level] for level in order])


def test_impossible_weights_are_refused():
    for weights in ((1.0,), (0.0,) * LEVELS):
        with pytest.raises(SettingsError, match="weights"):
            RETRIEVERS.build("granular", weights=weights)
