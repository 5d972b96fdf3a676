"""Models over one base, side by side: rows of several of them in one pass.

An adapted model and its base, or several adapted models, read and go on together; so does a model
with itself. Anything else has no base in common.

What it takes to read adapters, transformers among it, is imported only where they come: stages that
import this module start without.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rag_router.models.base import CausalModel, Prefill

__all__ = ["base_of", "going_on", "prefill_each"]


def base_of(model: CausalModel) -> CausalModel:
    """Return the model in memory that this one is a view of; itself, where it is none."""
    from rag_router.models.adapters import AdaptedModel

    return model.base if isinstance(model, AdaptedModel) else model


def prefill_each(
    models: Sequence[CausalModel],
    prompts: Sequence[Sequence[int]],
    *,
    hidden: bool = False,
    shared: Sequence[int] | None = None,
    layers: bool = False,
) -> Prefill:
    """Read prompts as `prefill_mixed` does, by models of any kind.

    Raises:
        ModelError: the models lie over different bases.
    """
    if _one(models):
        return models[0].prefill(prompts, hidden=hidden, shared=shared, layers=layers)
    from rag_router.models.adapters import prefill_mixed

    views: Any = models
    return prefill_mixed(views, prompts, hidden=hidden, shared=shared, layers=layers)


def going_on(models: Sequence[CausalModel]) -> CausalModel:
    """Return the one of several models over one base that goes on with the rows of all of them.

    Raises:
        ModelError: the models lie over different bases.
    """
    if _one(models):
        return models[0]
    from rag_router.models.adapters import reader_of

    views: Any = models
    return reader_of(views)


def _one(models: Sequence[CausalModel]) -> bool:
    return all(model is models[0] for model in models)
