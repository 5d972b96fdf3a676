"""Query adapters on a real, tiny, random model that reads letters."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from tiny_embedder import write_tiny_embedder

from rag_router.artefacts import Artefact, Card
from rag_router.errors import ArtefactError, DataError, ModelError
from rag_router.models.embedder import SentenceEmbedder, load_embedder
from rag_router.models.query_adapters import (
    METHOD,
    AdaptedQueries,
    adapted,
    adapter_of,
    load_adapter,
    weights_of,
)
from rag_router.models.query_training import Pair, QueryTraining, Trained, train_adapter
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.models.store import LocalModel
from rag_router.retrievers.routing.base import QueryEncoder

LETTERS = "abcdefghijklmnop"
TEXTS = ["what is a", "and b?", "ccc"]


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> SentenceEmbedder:
    folder = write_tiny_embedder(tmp_path_factory.mktemp("tiny"))
    local = LocalModel(name="tiny", path=folder, kind="embedder", fingerprint="f" * 8, licence="")
    return load_embedder(local, "cpu")


@pytest.fixture(scope="module")
def passages(embedder: SentenceEmbedder) -> np.ndarray:
    """A passage for each letter, all of them in directions that have nothing to do with letters."""
    drawn = np.random.default_rng(0).normal(size=(len(LETTERS), embedder.dimension))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def trained(embedder: SentenceEmbedder, passages: np.ndarray) -> Trained:
    pairs = [
        Pair(letter * length, (row,), tuple((row + gap) % len(LETTERS) for gap in (1, 2)))
        for row, letter in enumerate(LETTERS)
        for length in (1, 2, 3, 5)
    ]
    how = QueryTraining(learning_rate=0.02, epochs=12, batch_size=16, patience=12, dropout=0.0)
    return train_adapter(embedder, pairs, passages, how)


def save(trained: Trained, folder, *, fingerprint: str = "f" * 8, **notes: object):
    notes = {"rank": 8, "alpha": 32, **notes}
    card = Card(method=METHOD, model="tiny", model_fingerprint=fingerprint, notes=notes)
    Artefact(card=card, weights=trained.weights).save(folder)
    return folder


def test_a_new_adapter_changes_nothing_yet(embedder: SentenceEmbedder):
    fresh = weights_of(adapted(embedder, rank=4, alpha=8))
    assert fresh
    same = adapter_of(embedder, fresh, rank=4, alpha=8, name="fresh")
    assert isinstance(same, QueryEncoder)
    assert np.allclose(same.encode_queries(TEXTS), embedder.encode_queries(TEXTS), atol=1e-6)


def test_training_brings_questions_nearer_to_their_passages(trained: Trained):
    assert trained.best > 0
    assert trained.steps[trained.best] == max(trained.steps)
    assert trained.steps[trained.best] > trained.steps[0] + 0.1


def test_the_base_embedder_stays_as_it_is(embedder: SentenceEmbedder, passages: np.ndarray):
    before = embedder.encode_passages(TEXTS)
    state = torch.random.get_rng_state()
    pairs = [Pair(letter, (row,)) for row, letter in enumerate(LETTERS * 2) if row < 16] * 2
    made = train_adapter(embedder, pairs, passages, QueryTraining(epochs=1, learning_rate=0.1))
    assert torch.equal(state, torch.random.get_rng_state())
    other = adapter_of(embedder, made.weights, rank=8, alpha=32, name="other")
    other.encode_queries(TEXTS)
    assert np.array_equal(before, embedder.encode_passages(TEXTS))
    assert np.array_equal(before, embedder.encode_queries(TEXTS))


def test_a_saved_adapter_embeds_as_the_trained_one_does(
    embedder: SentenceEmbedder, trained: Trained, tmp_path
):
    loaded = load_adapter(save(trained, tmp_path / "lora"), embedder)
    made = adapter_of(embedder, trained.weights, rank=8, alpha=32, name="made")
    assert isinstance(loaded, AdaptedQueries)
    assert np.array_equal(loaded.encode_queries(TEXTS), made.encode_queries(TEXTS))
    assert not np.allclose(loaded.encode_queries(TEXTS), embedder.encode_queries(TEXTS), atol=0.05)
    lengths = np.linalg.norm(loaded.encode_queries(TEXTS), axis=1)
    assert np.allclose(lengths, 1, atol=1e-5)
    assert sorted(path.name for path in (tmp_path / "lora").iterdir()) == [
        "card.json",
        "weights.safetensors",
    ]


def test_the_weights_of_a_twin_take_no_memory_of_their_own(embedder: SentenceEmbedder):
    twin = embedder.twin()
    mine = {parameter.data_ptr() for parameter in embedder._model.parameters()}
    assert {parameter.data_ptr() for parameter in twin.parameters()} == mine


def test_the_same_seed_trains_the_same_adapter(embedder: SentenceEmbedder, passages: np.ndarray):
    pairs = [Pair(letter * n, (row,)) for row, letter in enumerate(LETTERS) for n in (1, 2)]
    one, two = (
        train_adapter(embedder, pairs, passages, QueryTraining(epochs=1, seed=3)) for _ in range(2)
    )
    assert one.steps == two.steps
    assert all(np.array_equal(one.weights[name], two.weights[name]) for name in one.weights)


def test_an_adapter_of_another_embedder_is_refused(
    embedder: SentenceEmbedder, trained: Trained, tmp_path
):
    folder = save(trained, tmp_path / "lora", fingerprint="0" * 8)
    with pytest.raises(ArtefactError, match=r"fitted on model 00000000 .* in use is ffffffff"):
        load_adapter(folder, embedder)


def test_what_is_no_adapter_is_refused(embedder: SentenceEmbedder, trained: Trained, tmp_path):
    card = Card(method="router/linear", model="tiny", model_fingerprint="f" * 8)
    Artefact(card=card, weights={"a": np.zeros(1)}).save(tmp_path / "route")
    with pytest.raises(ArtefactError, match="holds router/linear, which is no query adapter"):
        load_adapter(tmp_path / "route", embedder)
    with pytest.raises(ArtefactError, match="does not say what the adapter's rank"):
        load_adapter(save(trained, tmp_path / "unsaid", rank=None), embedder)
    with pytest.raises(ArtefactError, match="does not hold the matrices of this embedder"):
        load_adapter(save(trained, tmp_path / "wrong", rank=4), embedder)


def test_an_embedder_without_weights_cannot_be_adapted():
    with pytest.raises(ModelError, match="hashing cannot be adapted"):
        adapted(HashingEmbedder(), rank=4, alpha=8)


def test_a_handful_of_pairs_is_not_enough(embedder: SentenceEmbedder, passages: np.ndarray):
    with pytest.raises(DataError, match="20 questions with relevant passages; saw 3"):
        train_adapter(embedder, [Pair("a", (0,))] * 3, passages)


def test_nothing_heavy_is_imported_before_an_adapter_is_wanted():
    code = (
        "import rag_router.models.query_adapters, rag_router.models.query_training, sys; "
        "print('peft' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
