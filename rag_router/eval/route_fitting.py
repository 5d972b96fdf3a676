"""Fitting routers on one half of the questions, and judging them on the other.

Which question belongs where is decided by a hash of its id, so that the split never moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import Artefact, Card, fingerprint_of
from rag_router.errors import DataError
from rag_router.eval.datasets import is_held_out
from rag_router.eval.route_fields import RouteField
from rag_router.eval.route_figures import route_figures
from rag_router.retrievers.base import Query, make_queries
from rag_router.retrievers.routed import RoutedRetriever
from rag_router.retrievers.routing.learned import LearnedRouter
from rag_router.retrievers.routing.lesson import RouteLesson
from rag_router.retrievers.routing.loading import METHOD

if TYPE_CHECKING:
    from rag_router.models.base import Embedder

__all__ = ["add_expert", "embedded", "fit_router", "remove_expert"]

Found = Mapping[str, NDArray[np.float64]]


def embedded(fields: Sequence[RouteField], embedder: Embedder) -> dict[str, Query]:
    """Embed all questions, by the name of their field and their id."""
    ids = [f"{field.expert}/{id_}" for field in fields for id_ in field.queries]
    texts = [text for field in fields for text in field.queries.values()]
    return dict(zip(ids, make_queries(texts, embedder), strict=True))


def fit_router(
    name: str,
    router: LearnedRouter,
    embedder: Embedder,
    fields: Sequence[RouteField],
    *,
    queries: Mapping[str, Query] | None = None,
    found: Found | None = None,
    routed: RoutedRetriever | None = None,
    seed: int = 0,
) -> Artefact:
    """Fit a router on one half of the questions of every field.

    Args:
        name: What the router is called.
        router: The router with its options.
        embedder: Embeds the questions.
        fields: Labelled questions.
        queries: The same, embedded by `embedded`; None embeds them here.
        found: How well each expert did on each of them, from `outcomes`; None where nobody
            searched.
        routed: Whose settings say how many experts are visited; the default ones where None.
        seed: Of the split and of what is drawn.

    Raises:
        DataError: a field has too few questions, or there are fewer than two fields.
    """
    queries = embedded(fields, embedder) if queries is None else queries
    lesson, held = _lesson(fields, queries, found or {}, seed)
    fitted = router.fit(lesson(~held))
    judged = _judged(fitted, queries, lesson(held), held, routed or RoutedRetriever())
    return Artefact(
        card=_card(
            name,
            fitted=fitted,
            embedder=embedder,
            fields=fields,
            judged=judged,
            lesson=lesson(~held),
            seed=seed,
        ),
        weights=fitted.learned,
    )


def add_expert(
    artefact: Artefact,
    router: LearnedRouter,
    embedder: Embedder,
    field: RouteField,
    *,
    found: Found | None = None,
    routed: RoutedRetriever | None = None,
    seed: int = 0,
) -> Artefact:
    """Add one expert to a fitted router; what was learned of the others stays as it is.

    Args:
        artefact: Of the fitted router.
        router: The same, loaded.
        embedder: Embeds the questions.
        field: The new expert's questions.
        found: How well each expert did on them; needed where the router learns from that.
        routed: Whose settings say how many experts are visited.
        seed: Of the split and of what is drawn.

    Raises:
        SettingsError: the expert is known already.
        DataError: it has too few questions.
    """
    queries = embedded([field], embedder)
    lesson, held = _lesson([field], queries, found or {}, seed)
    fitted = router.added(field.expert, lesson(~held))
    judged = _judged(fitted, queries, lesson(held), held, routed or RoutedRetriever())
    name = artefact.card.method.removeprefix(METHOD)
    card = _card(
        name,
        fitted=fitted,
        embedder=embedder,
        fields=[field],
        judged=judged,
        lesson=lesson(~held),
        seed=seed,
    )
    return Artefact(card=_joined(artefact.card, card), weights=fitted.learned)


def remove_expert(artefact: Artefact, router: LearnedRouter, expert: str) -> Artefact:
    """Remove one expert from a fitted router; what was learned of the others stays as it is.

    Raises:
        UnknownNameError: the router knows no such expert.
    """
    from dataclasses import replace

    fitted = router.without(expert)
    experts = {k: v for k, v in artefact.card.notes.get("experts", {}).items() if k != expert}
    card = replace(artefact.card, notes={**artefact.card.notes, "experts": experts}, metrics={})
    return Artefact(card=card, weights=fitted.learned)


def _lesson(
    fields: Sequence[RouteField], queries: Mapping[str, Query], found: Found, seed: int
) -> tuple[Any, NDArray[np.bool_]]:
    """Return what makes a lesson of some of the questions, and which of them are held out."""
    vectors = np.stack([query.vector for query in queries.values()])
    names = np.array([field.expert for field in fields for _ in field.queries])
    held = np.array([is_held_out(id_.partition("/")[2], seed=seed) for id_ in queries])

    def of(rows: NDArray[np.bool_]) -> RouteLesson:
        return RouteLesson(
            vectors=vectors[rows],
            fields=tuple(map(str, names[rows])),
            found={expert: scores[rows] for expert, scores in found.items()},
            seed=seed,
        )

    return of, held


def _judged(
    router: LearnedRouter,
    queries: Mapping[str, Query],
    lesson: RouteLesson,
    held: NDArray[np.bool_],
    routed: RoutedRetriever,
) -> dict[str, Any]:
    """Send the held-out questions where the router would."""
    asked = [query for query, out in zip(queries.values(), held, strict=True) if out]
    if not asked:
        raise DataError(
            "no question is held out to judge the router on.", hint="Give more questions."
        )
    choices = routed.chosen_among(router, asked, router.knows)
    return route_figures(choices, lesson.fields)


def _card(
    name: str,
    *,
    fitted: LearnedRouter,
    embedder: Embedder,
    fields: Sequence[RouteField],
    judged: Mapping[str, Any],
    lesson: RouteLesson,
    seed: int,
) -> Card:
    first = dict(judged["right_first_by_field"])
    texts = [
        f"{field.expert}\0{i}\0{text}" for field in fields for i, text in field.queries.items()
    ]
    day = datetime.now(UTC).date().isoformat()
    return Card(
        method=f"{METHOD}{name}",
        model=embedder.name,
        model_fingerprint=embedder.fingerprint,
        data_hash=fingerprint_of(*texts),
        date=day,
        metrics={key: judged[key] for key in ("right_first", "right_visited", "visited")},
        notes={
            **fitted.options,
            "seed": seed,
            "experts": {
                field.expert: {"learned_from": lesson.fields.count(field.expert), "date": day}
                | ({"right_first": first[field.expert]} if field.expert in first else {})
                for field in fields
            },
        },
    )


def _joined(before: Card, added: Card) -> Card:
    """Return the card of a router with one more expert."""
    from dataclasses import replace

    experts = {**before.notes.get("experts", {}), **added.notes["experts"]}
    return replace(
        before,
        data_hash=fingerprint_of(before.data_hash, added.data_hash),
        date=added.date,
        # Figures of other experts were taken without this one beside them.
        metrics={},
        notes={**before.notes, "experts": experts},
    )
