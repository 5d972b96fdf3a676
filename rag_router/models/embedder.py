"""Sentence embedders: any folder that sentence-transformers loads.

Reimers and Gurevych, "Sentence-BERT", arXiv:1908.10084.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import ModelError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from rag_router.models.store import LocalModel

__all__ = ["SentenceEmbedder", "load_embedder"]

BATCH_TEXTS: Final = 32


class SentenceEmbedder:
    """Turns texts into vectors of unit length with a sentence-transformers model.

    May be used from several threads; they take turns.

    Args:
        model: The loaded model; `load_embedder` makes one.
        name: What it is called.
        fingerprint: Of its files.
        progress: Whether to show a bar on stderr while many texts are embedded.
    """

    def __init__(
        self, model: SentenceTransformer, *, name: str, fingerprint: str, progress: bool = False
    ) -> None:
        self._model = model
        self._name, self._fingerprint, self._progress = name, fingerprint, progress
        # The tokenizer keeps padding and truncation as state, and so serves one at a time.
        self._turn = Lock()

    @property
    def name(self) -> str:
        return self._name

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def dimension(self) -> int:
        # Older releases of the library call it differently; newer ones warn of the old name.
        model: Any = self._model
        ask = getattr(model, "get_embedding_dimension", None)
        dimension = ask() if ask else model.get_sentence_embedding_dimension()
        return int(dimension)

    @property
    def max_tokens(self) -> int:
        limit = self._model.max_seq_length or self._model.tokenizer.model_max_length
        return int(limit)

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encode(self._model.encode_query, texts)

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encode(self._model.encode_document, texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        with self._turn:
            ids = self._model.tokenizer(
                list(texts),
                add_special_tokens=False,
                padding=False,
                truncation=False,
                return_attention_mask=False,
                verbose=False,
            )["input_ids"]
        return [len(row) for row in ids]

    def twin(self) -> SentenceTransformer:
        """Make a second model of the same weights, which take no memory of their own.

        What is built into the twin, such as an adapter, changes nothing here.
        """
        from copy import deepcopy

        shared = {id(one): one for one in (*self._model.parameters(), *self._model.buffers())}
        with self._turn:
            return deepcopy(self._model, shared)

    def _encode(self, encode: Callable[..., Any], texts: Sequence[str]) -> NDArray[np.float32]:
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        with self._turn:
            vectors = encode(
                list(texts),  # sorted by length inside, so that little is padded
                batch_size=BATCH_TEXTS,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=self._progress,
            )
        return np.asarray(vectors, dtype=np.float32)


def load_embedder(
    local: LocalModel, device: str = "auto", *, progress: bool = False
) -> SentenceEmbedder:
    """Load an embedder from its folder; nothing is fetched and no code of its own is run.

    Args:
        local: What the store resolved.
        device: "cpu", "cuda", "cuda:1", ...; "auto" takes a GPU if there is one.
        progress: Whether embedding many texts shows a bar.

    Raises:
        ModelError: it is not an embedder, or its folder cannot be loaded.
    """
    if local.kind != "embedder":
        raise ModelError(
            f"{local.name} is a {local.kind} model, not an embedder.",
            hint="`rag-router models list` shows the embedders.",
        )
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    bars: Any = logging  # whose functions are not typed

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        model = SentenceTransformer(
            str(local.path),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": torch.float32},
        )
    except (OSError, ValueError, KeyError, RuntimeError, AttributeError) as exc:
        raise ModelError(
            f"{local.name} in {local.path} cannot be loaded: {exc}",
            hint=f"Run `rag-router models verify {local.name}`.",
        ) from exc
    finally:
        if shown:
            bars.enable_progress_bar()
    model.eval()
    return SentenceEmbedder(
        model, name=local.name, fingerprint=local.fingerprint, progress=progress
    )
