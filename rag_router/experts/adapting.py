"""An expert with an adapter laid over its model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rag_router.errors import ModelError
from rag_router.experts.base import Expert

__all__ = ["adapted_expert"]


def adapted_expert(base: Expert, folder: Path, *, name: str) -> Expert:
    """Return an expert that reads the same prompts under an adapter.

    Args:
        base: Whose model it is laid over, which stays what it is.
        folder: The adapter, in PEFT's layout.
        name: What the result is called.

    Raises:
        ModelError: no adapter can be laid over the model.
        ArtefactError: the adapter was made for another model, or trained on another prompt.
    """
    from rag_router.models.adapters import adapted
    from rag_router.models.causal import TransformersModel
    from rag_router.models.low_rank import read_low_rank

    if not isinstance(base.model, TransformersModel):
        raise ModelError(
            f"no adapter can be laid over {base.name}.",
            hint="Name a model of the Llama, Gemma 3 or Mixtral kind.",
        )
    matrices = read_low_rank(folder, name=name)
    model = adapted(base.model, matrices, name=name, prompt=base.style.fingerprint)
    return replace(base, name=name, model=model)
