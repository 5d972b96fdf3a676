from __future__ import annotations

import numpy as np
import pytest

from rag_router.errors import ModelError
from rag_router.indices.encoding import encode_resumably
from rag_router.models.scripted_embedder import HashingEmbedder

TEXTS = [f"text {n}" for n in range(100)]


def test_finished_batches_are_not_embedded_again(tmp_path, embedder):
    vectors, encoded = encode_resumably(TEXTS[:70], embedder, tmp_path)
    assert (vectors.shape, encoded) == ((70, 64), 70)
    embedder.read.clear()
    vectors, encoded = encode_resumably(TEXTS, embedder, tmp_path)
    assert (encoded, sorted(embedder.read)) == (30, sorted(TEXTS[70:]))
    np.testing.assert_array_equal(vectors, HashingEmbedder().encode_passages(TEXTS))


def test_vectors_of_another_embedder_are_never_used(tmp_path, embedder):
    encode_resumably(TEXTS, HashingEmbedder(dimension=32), tmp_path)
    _, encoded = encode_resumably(TEXTS, embedder, tmp_path)
    assert encoded == 100


@pytest.mark.parametrize("cut", [0, 10, -10])
def test_a_batch_that_was_cut_off_is_embedded_again(tmp_path, embedder, cut):
    encode_resumably(TEXTS, embedder, tmp_path)  # two batches: 64 and 36
    broken = sorted(tmp_path.glob("*.npz"), key=lambda path: path.stat().st_size)[0]
    broken.write_bytes(broken.read_bytes()[:cut])
    vectors, encoded = encode_resumably(TEXTS, embedder, tmp_path)
    assert encoded == 36
    np.testing.assert_array_equal(vectors, HashingEmbedder().encode_passages(TEXTS))


def test_progress_is_told_after_each_batch(tmp_path, embedder):
    told = []
    encode_resumably(TEXTS, embedder, tmp_path, lambda done, total: told.append((done, total)))
    assert told == [(0, 100), (64, 100), (100, 100)]


def test_no_texts_give_no_vectors(tmp_path, embedder):
    vectors, encoded = encode_resumably([], embedder, tmp_path / "missing")
    assert (vectors.shape, encoded) == ((0, 64), 0)


def test_an_embedder_that_fails_keeps_what_it_finished(tmp_path):
    class Tired(HashingEmbedder):
        def encode_passages(self, texts):
            if len(texts) < 64:
                raise ModelError("tired")
            return super().encode_passages(texts)

    with pytest.raises(ModelError, match="tired"):
        encode_resumably(TEXTS, Tired(), tmp_path)
    _, encoded = encode_resumably(TEXTS, HashingEmbedder(), tmp_path)
    assert encoded == 36
