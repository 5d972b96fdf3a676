from __future__ import annotations

import numpy as np

from rag_router.models.base import Embedder
from rag_router.models.scripted_embedder import HashingEmbedder


def test_it_is_an_embedder_whose_vectors_have_unit_length():
    embedder = HashingEmbedder()
    assert isinstance(embedder, Embedder)
    vectors = embedder.encode_passages(["Rome and Rome", "", "ROME"])
    assert (vectors.shape, vectors.dtype) == ((3, 64), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-6)


def test_texts_that_share_words_are_near_each_other():
    rome, same, other = HashingEmbedder().encode_queries(["rome tiber", "Tiber, Rome", "oslo"])
    assert rome @ same > rome @ other


def test_tokens_are_words_and_marks():
    assert HashingEmbedder().count_tokens(["One, two.", "", "three"]) == [4, 0, 1]


def test_the_fingerprint_tells_dimensions_apart_and_is_the_same_everywhere():
    assert HashingEmbedder().fingerprint == HashingEmbedder(name="other").fingerprint
    assert HashingEmbedder().fingerprint != HashingEmbedder(dimension=32).fingerprint
