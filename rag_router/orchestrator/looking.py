"""The second stage: look up what is to be looked up, in passages given or in the indexes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag_router import telemetry
from rag_router.errors import RagRouterError, SettingsError, UnavailableError
from rag_router.indices.contents import searchable
from rag_router.models.base import Embedder
from rag_router.orchestrator.work import Batch, Work
from rag_router.retrievers import Query, Retriever, Searchable, make_queries
from rag_router.retrievers.equipment import lacking
from rag_router.retrievers.routing import RoutingRetriever
from rag_router.retrievers.setbacks import OURS, Setback, hearing, told
from rag_router.retrievers.sparse import SparseRetriever
from rag_router.settings import GIVEN
from rag_router.signals.question_embedding import QuestionEmbedding
from rag_router.text import as_data
from rag_router.types import Evidence, Hit, Judged, Question, RouteChoice

__all__ = ["look_up"]


def look_up(work: Sequence[Work], batch: Batch) -> None:
    """Decide which questions are looked up, and write down what is found for them."""
    indices = batch.request.indices
    for one in work:
        _decide(one, batch)
    for one in work:
        if one.retrieve and not indices:
            one.evidence = _as_evidence(_given_hits(one.question, batch.parts.embedder))
            one.retrievers = (RouteChoice(name=GIVEN),)
    looking = [one for one in work if one.retrieve and indices]
    if looking:
        _search(looking, batch)


def _decide(one: Work, batch: Batch) -> None:
    ask = batch.request.ask_of(one.question)
    deadline = batch.request.deadline_of(one.question)
    late = deadline.passed()
    wanted = one.verdict.retrieve if ask.retrieval == "auto" else ask.retrieval == "always"
    there = bool(batch.request.indices or one.question.contexts)
    one.retrieve = wanted and there and not late
    for what in batch.request.notes if wanted else ():
        one.note("retrieve", what)
    if wanted and not there:
        one.unlooked = "there is nothing to look in"
        if ask.retrieval == "always":
            one.note("retrieve", f"retrieval was asked for, but {one.unlooked}")
    elif wanted and late:
        one.late, one.unlooked = True, f"{deadline} before it was looked up"
        one.note("retrieve", one.unlooked)


def _search(looking: Sequence[Work], batch: Batch) -> None:
    retriever, embedder = batch.parts.retriever, batch.parts.embedder
    if retriever is None or embedder is None:
        raise SettingsError("there are indexes, but no retriever to look in them.")
    _note_lacks(retriever, looking)
    places = tuple(batch.request.indices.values())
    with hearing() as setbacks:
        asked = _queries(looking, batch, embedder)
        found = _found(retriever, [query for _, query in asked], places)
    hits: dict[int, list[Hit]] = {}
    fell: dict[int, dict[Setback, None]] = {}
    for (one, query), (line, chosen, searches) in zip(asked, found, strict=True):
        hits.setdefault(one.row, []).extend(line)
        one.calls += searches
        one.retrievers = _visited(one.retrievers, chosen)
        fell.setdefault(one.row, {}).update(dict.fromkeys(setbacks.get(query.text, ())))
    for one in looking:
        for setback in fell[one.row]:
            one.note("retrieve", setback.what)
        for rung in {setback.rung for setback in fell[one.row]}:
            telemetry.count(telemetry.FALLBACKS, rung=rung)
        one.evidence = _as_evidence(_merged(hits[one.row]))


Found = tuple[list[Hit], Sequence[RouteChoice], int]
"""What was found for a query, where it was looked up, and how many searches that took."""


def _found(
    retriever: Retriever, queries: Sequence[Query], places: Sequence[Searchable]
) -> list[Found]:
    """Look queries up; where the retriever fails, by the words that they share with passages.

    Raises:
        UnavailableError: that fails, too.
    """
    try:
        return _looked_up(retriever, queries, places)
    except OURS:
        raise
    except Exception as exc:  # noqa: BLE001  # whatever a retriever of anybody's may raise
        if len(queries) > 1:
            # One query that it fails at takes no other along.
            return [one for query in queries for one in _found(retriever, [query], places)]
        return _by_words(retriever, queries, places, exc)


def _by_words(
    retriever: Retriever, queries: Sequence[Query], places: Sequence[Searchable], exc: Exception
) -> list[Found]:
    words = SparseRetriever(k=getattr(retriever, "k", SparseRetriever().k))
    failed = f"{retriever.name} failed: {type(exc).__name__}"
    told(queries, "retriever", f"{failed}; only words were searched for", exc)
    try:
        return _looked_up(words, queries, places)
    except Exception as also:
        if isinstance(exc, RagRouterError):
            raise exc from also
        raise UnavailableError(
            f"nothing can be looked up: {failed}.",
            hint="Are the indexes whole? See `rag-router index verify NAME`, and the log.",
        ) from exc


def _looked_up(
    retriever: Retriever, queries: Sequence[Query], places: Sequence[Searchable]
) -> list[Found]:
    if isinstance(retriever, RoutingRetriever):
        choices = retriever.choose(queries, places)
        lines = retriever.visit(queries, places, choices)
        calls = [retriever.searches(chosen, places) for chosen in choices]
        return list(zip(lines, choices, calls, strict=True))
    choice = (RouteChoice(name=retriever.name),)
    lines = retriever.retrieve(queries, places)
    return [(line, choice, retriever.calls * len(places)) for line in lines]


def _note_lacks(retriever: Retriever, looking: Sequence[Work]) -> None:
    for what in lacking(retriever):
        for one in looking:
            one.note("retrieve", what)


def _queries(looking: Sequence[Work], batch: Batch, embedder: Embedder) -> list[tuple[Work, Query]]:
    """Make what is searched for: the questions, or what the gate or the request said instead.

    Gate, router and retriever read one embedding of a question, which is computed once. Where it
    cannot be, it is searched for by its words.
    """
    whole = [one for one in looking if not one.queries]
    said = [(one, text) for one in looking for text in one.queries]
    try:
        known = batch.board.read(QuestionEmbedding(), [one.row for one in whole])
        more = make_queries([text for _, text in said], embedder)
    except OURS:
        raise
    except Exception as exc:  # noqa: BLE001  # whatever a model may raise
        asked = [
            *((one, Query.unembedded(one.question.text)) for one in whole),
            *((one, Query.unembedded(text)) for one, text in said),
        ]
        what = f"the question could not be embedded: {type(exc).__name__}"
        told([query for _, query in asked], "dense", what, exc)
        return asked
    return [
        *(
            (one, Query(one.question.text, embedded.vector))
            for one, embedded in zip(whole, known, strict=True)
        ),
        *((one, query) for (one, _), query in zip(said, more, strict=True)),
    ]


def _given_hits(question: Question, embedder: Embedder | None) -> list[Hit]:
    similarity: dict[int, float] = {}
    legible = [n for n, p in enumerate(question.contexts) if as_data(p.text)]
    if embedder is not None and legible:
        one = embedder.encode_queries([question.text])[0]
        # As indexed passages are, whose similarities the filters were fitted to.
        shown = [question.contexts[n] for n in legible]
        many = embedder.encode_passages([searchable(p.title, p.text) for p in shown])
        similarity = {n: float(s) for n, s in zip(legible, many @ one, strict=True)}
    return [
        Hit(
            passage=passage,
            retriever=GIVEN,
            score=1 / (n + 1),
            rank=n + 1,
            similarity=similarity.get(n),
        )
        for n, passage in enumerate(question.contexts)
    ]


def _as_evidence(hits: Sequence[Hit]) -> Evidence:
    return Evidence(judged=tuple(Judged(hit=hit) for hit in hits))


def _merged(hits: Sequence[Hit]) -> list[Hit]:
    """Merge the hits of several queries of one question: best rank first, each passage once."""
    best: dict[str, Hit] = {}
    for hit in sorted(hits, key=lambda h: (h.rank, h.passage.id)):
        best.setdefault(f"{hit.passage.index}\0{hit.passage.id}", hit)
    return [replace(hit, rank=rank) for rank, hit in enumerate(best.values(), start=1)]


def _visited(
    before: Sequence[RouteChoice], chosen: Sequence[RouteChoice]
) -> tuple[RouteChoice, ...]:
    """Put together where several queries of one question went; each place weighs its most."""
    best: dict[str, RouteChoice] = {}
    for choice in (*before, *chosen):
        if choice.name not in best or choice.weight > best[choice.name].weight:
            best[choice.name] = choice
    return tuple(sorted(best.values(), key=lambda choice: (-choice.weight, choice.name)))
