"""What `filter fit` does: passages are gathered, and a filter learns which hold the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from rag_router.cli.options import fetch_announced, progress

if TYPE_CHECKING:
    from rag_router.artefacts import Artefact
    from rag_router.cli.evaluate.common import DataSet
    from rag_router.eval.filter_fitting import Taught
    from rag_router.experts import Expert
    from rag_router.filters import Filter, FilterContext
    from rag_router.indices.index import Index
    from rag_router.models.base import Embedder
    from rag_router.settings import Settings
    from rag_router.types import Hit, Question

__all__ = ["fitted_filter", "fitted_threshold"]

_DEPTH: Final = 20
_CUTS: Final = (20, 8, 12)
"""How many of the passages found a filter sees, by turns: their number must not matter to it."""


def fitted_filter(
    settings: Settings,
    name: str,
    data: DataSet,
    *,
    min_support: float | None = None,
    transfer: bool = False,
    before: Sequence[Filter] = (),
    own_passages: bool = True,
    top: int | None = None,
    seed: int = 0,
) -> Artefact:
    """Fit a filter on what the retriever finds, and on the passages that questions come with.

    Args:
        settings: Of the run; without an index only passages that come with questions are seen.
        name: The filter.
        data: What is asked.
        min_support: Where passages end to be read; None chooses.
        transfer: Whether each set is also told of by what the others teach.
        before: Filters that judge the passages first.
        own_passages: Whether passages that questions come with are learned from, too.
        top: Most passages of each question; None takes more of some than of others.
        seed: Of the split.

    Raises:
        UsageError: the filter has nothing to fit.
        UnavailableError: a model or an index is not to be had.
        DataError: too few questions, only one class, or no passages at all.
    """
    from rag_router.assembly import load_embedder, load_expert, load_filters
    from rag_router.errors import UnavailableError, UsageError
    from rag_router.eval.filter_fitting import fit_filter
    from rag_router.filters import FILTERS
    from rag_router.filters.learned_of import bound_to, owner_of
    from rag_router.filters.scored import ScoredFilter
    from rag_router.filters.studying import StudyingFilter
    from rag_router.settings import Component

    canonical = FILTERS.canonical(name)
    own = {FILTERS.canonical(one.name): one for one in settings.filters}
    component = own.get(canonical, Component(name=canonical))
    bare = FILTERS.build(canonical)
    if not isinstance(bare, ScoredFilter) and not isinstance(bare, StudyingFilter):
        raise UsageError(
            f"the filter {name!r} has nothing to fit.",
            hint="Filters that say how probably a passage helps have, such as 'learned'.",
        )
    embedder = load_embedder(settings, fetch=fetch_announced)
    expert = None
    if owner_of(bare) == "generator":
        expert = load_expert(settings, fetch=fetch_announced)
    some = settings.model_copy(update={"filters": (component,)})
    built: Any = load_filters(some, embedder, expert)[0]
    built = replace(built, curve=())
    bound = bound_to(built, embedder, expert)
    if bound is None:
        raise UnavailableError(
            f"the filter {name!r} does without its model, and learns nothing.",
            hint="Fetch it: rag-router models fetch NAME",
        )
    taught = _gathered(settings, data, embedder, own_passages=own_passages, top=top)
    bar, move = progress(f"{name} reads")
    with bar:
        return fit_filter(
            canonical,
            built,
            taught,
            bound,
            _context_of(expert),
            min_support=min_support,
            transfer=transfer,
            before=before,
            seed=seed,
            on_progress=move,
        )


def fitted_threshold(
    settings: Settings, data: DataSet, *, min_support: float = 0.1, seed: int = 0
) -> Artefact:
    """Fit `threshold` on what the settings' retriever finds; the card says which one that is.

    Raises:
        UnavailableError: a model or an index is not to be had.
        DataError: too few questions, or only one class.
    """
    from rag_router.assembly import load_embedder, load_retriever, open_indexes
    from rag_router.eval.fitting import fit_threshold
    from rag_router.filters.threshold import ThresholdFilter
    from rag_router.retrievers import RETRIEVERS

    embedder = load_embedder(settings, fetch=fetch_announced)
    opened = open_indexes(settings, embedder)
    bar, move = progress("searching")
    with bar:
        artefact = fit_threshold(
            ThresholdFilter(),
            embedder,
            load_retriever(settings.retriever, embedder, opened.values()),
            list(opened.values()),
            data.questions,
            min_support=min_support,
            seed=seed,
            on_progress=move,
        )
    found_by = RETRIEVERS.canonical(settings.retriever.name)
    notes = {**artefact.card.notes, "retriever": found_by}
    return replace(artefact, card=replace(artefact.card, notes=notes))


def _gathered(
    settings: Settings, data: DataSet, embedder: Embedder, *, own_passages: bool, top: int | None
) -> Taught:
    """Gather what is found in the indexes, and what questions come with."""
    from rag_router.assembly import open_indexes
    from rag_router.errors import DataError
    from rag_router.eval.filter_fitting import Taught
    from rag_router.eval.own_passages import with_passages

    opened = open_indexes(settings, embedder) if settings.indexes else {}
    lines = list(_found(settings, data, embedder, opened, top)) if opened else []
    bar, move = progress("passages that questions come with")
    with bar:
        asked = data.questions if own_passages else []
        brought = with_passages(asked, embedder, tuple(opened.values()), top=top)
        for number, (question, line) in enumerate(brought):
            # A passage alone is a gold one, and would only teach that all are.
            if len(line) > 1:
                lines.append((question, line, f"{data.sets[number]}, own"))
            move(number + 1, len(asked))
    if not lines:
        raise DataError(
            "there are no passages to learn from.",
            hint="Name an index to look in, or give questions that come with passages.",
        )
    questions, hits, sets = zip(*lines, strict=True)
    return Taught(questions=questions, hits=hits, sets=sets)


def _found(
    settings: Settings,
    data: DataSet,
    embedder: Embedder,
    opened: Mapping[str, Index],
    top: int | None,
) -> Iterator[tuple[Question, list[Hit], str]]:
    """Yield each question with what is found for it, and the name of its set."""
    from rag_router.assembly import load_retriever
    from rag_router.retrievers import make_queries

    retriever: Any = load_retriever(settings.retriever, embedder, opened.values())
    if hasattr(retriever, "k"):
        retriever = replace(retriever, k=max(retriever.k, _DEPTH))
    bar, move = progress("searching")
    with bar:
        for at in range(0, len(data.questions), 64):
            batch = data.questions[at : at + 64]
            queries = make_queries([question.text for question in batch], embedder)
            found = retriever.retrieve(queries, tuple(opened.values()))
            for number, (question, line) in enumerate(zip(batch, found, strict=True), start=at):
                if line:
                    yield question, line[: top or _CUTS[number % len(_CUTS)]], data.sets[number]
            move(at + len(batch), len(data.questions))


def _context_of(expert: Expert | None) -> Callable[[Sequence[Question]], FilterContext]:
    from rag_router.filters import FilterContext
    from rag_router.signals import Board

    def context_of(questions: Sequence[Question]) -> FilterContext:
        if expert is None:
            return FilterContext(lambda text: len(text.split()))
        model = expert.model
        return FilterContext(
            lambda text: len(model.encode(text, begin=False)),
            Board(model, expert.style, questions),
            tuple(range(len(questions))),
        )

    return context_of
