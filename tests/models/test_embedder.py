from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rag_router.errors import ModelError
from rag_router.models.catalogue import ModelKind
from rag_router.models.embedder import SentenceEmbedder, load_embedder
from rag_router.models.store import LocalModel, ModelStore


def local(path: Path, kind: ModelKind = "embedder") -> LocalModel:
    return LocalModel(name="mine", path=path, kind=kind, fingerprint="f", licence="")


def test_a_language_model_is_not_taken_for_an_embedder(tmp_path: Path):
    with pytest.raises(ModelError, match="mine is a causal model, not an embedder"):
        load_embedder(local(tmp_path, "causal"))


def test_a_folder_that_cannot_be_loaded_says_how_to_check_it(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"mine in .* cannot be loaded") as caught:
        load_embedder(local(tmp_path), "cpu")
    assert "models verify mine" in caught.value.hint


@pytest.fixture(scope="module")
def embedder() -> SentenceEmbedder:
    return load_embedder(ModelStore().resolve("all-minilm-l6-v2"), "cpu")


@pytest.mark.model
def test_the_default_embedder_says_what_it_is(embedder: SentenceEmbedder):
    from rag_router.models.base import Embedder

    assert isinstance(embedder, Embedder)
    assert (embedder.name, embedder.dimension, embedder.max_tokens) == (
        "all-minilm-l6-v2",
        384,
        256,
    )
    assert embedder.fingerprint == ModelStore().resolve("all-minilm-l6-v2").fingerprint


@pytest.mark.model
def test_vectors_have_unit_length_and_meaning(embedder: SentenceEmbedder):
    passages = embedder.encode_passages(
        ["Rome is the capital of Italy.", "Frogs are amphibians.", ""]
    )
    (question,) = embedder.encode_queries(["Which city is Italy's capital?"])
    assert passages.dtype == np.float32
    assert passages.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(passages, axis=1), 1.0, atol=1e-5)
    assert passages[0] @ question > 0.6 > 0.3 > passages[1] @ question


@pytest.mark.model
def test_a_text_gets_the_same_vector_alone_and_in_company(embedder: SentenceEmbedder):
    long = "a much longer text that pads its neighbours " * 30
    alone = embedder.encode_passages(["Frogs are amphibians."])
    together = embedder.encode_passages([long, "Frogs are amphibians.", long])
    np.testing.assert_allclose(alone[0], together[1], atol=1e-5)
    np.testing.assert_allclose(together[0], together[2], atol=1e-5)


@pytest.mark.model
def test_no_texts_give_no_vectors(embedder: SentenceEmbedder):
    assert embedder.encode_queries([]).shape == (0, 384)
    assert embedder.count_tokens([]) == []


@pytest.mark.model
def test_tokens_are_counted_without_specials_and_beyond_the_limit(embedder: SentenceEmbedder):
    assert embedder.count_tokens(["hello world", "", "x " * 2000]) == [2, 0, 2000]


@pytest.mark.model
def test_counting_and_embedding_from_several_threads_do_not_disturb_each_other(
    embedder: SentenceEmbedder,
):
    with ThreadPoolExecutor(4) as pool:
        vectors = [pool.submit(embedder.encode_queries, ["one", "two " * n]) for n in range(1, 9)]
        counts = [pool.submit(embedder.count_tokens, ["word " * n]) for n in range(1, 300)]
        assert [c.result() for c in counts] == [[n] for n in range(1, 300)]
        assert all(v.result().shape == (2, 384) for v in vectors)


@pytest.mark.model
def test_embedding_prints_nothing_unless_asked(
    embedder: SentenceEmbedder, capfd: pytest.CaptureFixture[str]
):
    embedder.encode_passages(["one", "two"])
    load_embedder(ModelStore().resolve("all-minilm-l6-v2"), "cpu")
    assert capfd.readouterr() == ("", "")
