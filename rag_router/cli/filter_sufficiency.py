"""What `filter fit sufficiency` does: it learns of the chain before it, as the settings have it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rag_router.cli.options import fetch_announced, progress

if TYPE_CHECKING:
    from rag_router.artefacts import Artefact
    from rag_router.cli.evaluate.common import DataSet
    from rag_router.settings import Settings

__all__ = ["NAME", "fitted_sufficiency"]

NAME = "sufficiency"


def fitted_sufficiency(settings: Settings, data: DataSet, *, seed: int) -> Artefact:
    """Fit it on what the filters keep that stand before it, or on what all of them keep.

    Raises:
        UnavailableError: a model or an index is not to be had.
        DataError: too few questions, or in a half only one class.
    """
    from rag_router.assembly import (
        load_embedder,
        load_expert,
        load_filters,
        load_retriever,
        open_indexes,
    )
    from rag_router.eval.sufficiency_fitting import fit_sufficiency
    from rag_router.filters.sufficiency import SufficiencyFilter

    names = [component.name for component in settings.filters]
    before = names.index(NAME) if NAME in names else len(names)
    options = settings.filters[before].options if NAME in names else {}
    one = SufficiencyFilter(**{k: v for k, v in options.items() if k != "artefact"})
    one = replace(one, curve=())
    embedder = load_embedder(settings, fetch=fetch_announced)
    opened = open_indexes(settings, embedder)
    # Whether a filter before it asks the generator is not its business; tokens are counted anyway.
    expert = load_expert(settings, fetch=fetch_announced)
    before_it = settings.model_copy(update={"filters": settings.filters[:before]})
    bar, move = progress("searching")
    with bar:
        return fit_sufficiency(
            one,
            load_filters(before_it, embedder, expert),
            data.questions,
            embedder=embedder,
            retriever=load_retriever(settings.retriever, embedder, opened.values()),
            indices=list(opened.values()),
            expert=expert,
            seed=seed,
            on_progress=move,
        )
