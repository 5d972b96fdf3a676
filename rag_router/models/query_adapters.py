"""Query adapters: a field's own way to embed questions, beside passages that stay as they are.

Low-rank adaptation (Hu et al. 2021, "LoRA", arXiv 2106.09685) of the query encoder only, as the
experts of RouterRetriever are (Lee et al. 2025, arXiv 2409.02685): passages are embedded once, by
the base embedder, and one index serves all adapters.

An adapter is an artefact like any other: matrices in safetensors, and a card that binds it to the
embedder it was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import Artefact
from rag_router.errors import ArtefactError, ModelError, UnavailableError
from rag_router.models.embedder import SentenceEmbedder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from rag_router.models.base import Embedder

__all__ = [
    "METHOD",
    "AdaptedQueries",
    "adapted",
    "adapter_of",
    "load_adapter",
    "require_peft",
    "weights_of",
]

METHOD: Final = "query_adapter"
_NAME: Final = "query"
_LAYERS: Final = "all-linear"
"""LoRA goes on every linear layer; of a pooler that nobody reads it changes nothing."""


class AdaptedQueries:
    """Embeds questions through an adapter. Passages are left to the base embedder.

    Args:
        embedder: Over the model that holds the adapter.
        name: What the adapter is called.
    """

    def __init__(self, embedder: SentenceEmbedder, *, name: str) -> None:
        self._embedder = embedder
        self.name = name

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed questions, shape (texts, dimension), of unit length."""
        return self._embedder.encode_queries(texts)


def load_adapter(folder: Path, embedder: Embedder) -> AdaptedQueries:
    """Load an adapter for the embedder it was trained on.

    Raises:
        ArtefactError: it is broken, no adapter, or of another embedder.
        ModelError: the embedder cannot be adapted.
        UnavailableError: PEFT is not installed.
    """
    artefact = Artefact.load(folder, model_fingerprint=embedder.fingerprint)
    if artefact.card.method != METHOD:
        raise ArtefactError(
            f"{folder} holds {artefact.card.method}, which is no query adapter.",
            hint="Train one: rag-router route fit-expert.",
        )
    notes = artefact.card.notes
    try:
        rank, alpha = int(notes["rank"]), int(notes["alpha"])
    except (KeyError, TypeError, ValueError) as exc:
        raise ArtefactError(
            f"the card of {folder} does not say what the adapter's rank and alpha are.",
            hint="Train it again.",
        ) from exc
    return adapter_of(embedder, artefact.weights, rank=rank, alpha=alpha, name=str(folder))


def adapter_of(
    embedder: Embedder,
    weights: Mapping[str, NDArray[Any]],
    *,
    rank: int,
    alpha: int,
    name: str,
) -> AdaptedQueries:
    """Put the matrices of an adapter on an embedder.

    Args:
        embedder: The one it was trained on.
        weights: Its matrices, by name.
        rank: Of the matrices.
        alpha: What they are added with is alpha / rank.
        name: What it is called.

    Raises:
        ArtefactError: the matrices are not those of an adapter of this embedder.
        ModelError: the embedder cannot be adapted.
        UnavailableError: PEFT is not installed.
    """
    model = adapted(embedder, rank=rank, alpha=alpha)
    _put(model, weights, name)
    # Questions that an adapter embeds lie among the base embedder's passages.
    loaded = SentenceEmbedder(model, name=embedder.name, fingerprint=embedder.fingerprint)
    return AdaptedQueries(loaded, name=name)


def adapted(
    embedder: Embedder, *, rank: int, alpha: int, dropout: float = 0.0
) -> SentenceTransformer:
    """Return a twin of the embedder's model with a new adapter, which changes nothing yet.

    Args:
        embedder: A sentence-transformers one.
        rank: Of the matrices, >= 1.
        alpha: What they are added with is alpha / rank.
        dropout: While training, in [0, 1).

    Raises:
        ModelError: the embedder is of another kind.
        UnavailableError: PEFT is not installed.
    """
    require_peft()
    from peft import LoraConfig

    if not isinstance(embedder, SentenceEmbedder):
        raise ModelError(
            f"{embedder.name} cannot be adapted: it is no sentence-transformers model.",
            hint="Use an embedder that `rag-router models list` shows.",
        )
    model: Any = embedder.twin()
    if not model.has_peft_compatible_model():
        raise ModelError(
            f"{embedder.name} cannot be adapted: it has no transformer.",
            hint="Use an embedder that `rag-router models list` shows.",
        )
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=_LAYERS)
    model.add_adapter(config, adapter_name=_NAME)
    model.eval()
    twin: SentenceTransformer = model
    return twin


def weights_of(model: SentenceTransformer) -> dict[str, NDArray[np.float32]]:
    """Return the matrices of a model's adapter, by name."""
    from peft import get_peft_model_state_dict

    inner: Any = model
    found = get_peft_model_state_dict(inner.transformers_model, adapter_name=_NAME)
    return {name: matrix.detach().cpu().numpy().copy() for name, matrix in found.items()}


def require_peft() -> None:
    """Make sure that PEFT is there.

    Raises:
        UnavailableError: it is not.
    """
    from importlib.util import find_spec

    if find_spec("peft") is None:
        raise UnavailableError(
            "query adapters need PEFT, which is not installed.",
            hint="Install it: pip install 'rag-router[adapters]'.",
        )


def _put(model: SentenceTransformer, weights: Mapping[str, NDArray[Any]], name: str) -> None:
    """Bring back what was learned; a matrix too many, too few or of another shape is an error."""
    import torch
    from peft import set_peft_model_state_dict

    wanted = {key: matrix.shape for key, matrix in weights_of(model).items()}
    seen = {key: matrix.shape for key, matrix in weights.items()}
    if wanted != seen:
        differ = sorted(set(wanted.items()) ^ set(seen.items()))
        raise ArtefactError(
            f"{name} does not hold the matrices of this embedder; the first that differs is "
            f"{differ[0][0]}.",
            hint="Train it again.",
        )
    inner: Any = model
    state = {key: torch.from_numpy(np.array(matrix)) for key, matrix in weights.items()}
    set_peft_model_state_dict(inner.transformers_model, state, adapter_name=_NAME)
