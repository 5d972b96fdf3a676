"""Outcomes made by hand: two fields, two experts, each right in its own."""

from __future__ import annotations

import numpy as np

from rag_router.experts.card import Card
from rag_router.experts.routing import RoutingContext
from rag_router.experts.routing.lesson import OutcomeLesson

LAW, NEWS = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
BETWEEN = (2**-0.5, 2**-0.5, 0.0)


def card(name, *, parameters=0, price=0.0):
    return Card(
        name=name,
        kind="local",
        model=name,
        abilities=frozenset(),
        parameters=parameters,
        price_prompt=price,
    )


LAWYER, REPORTER = card("lawyer", parameters=1), card("reporter", parameters=2)
CARDS = (LAWYER, REPORTER)


def lesson(*, each=10, p_know=None, seed=0, **more):
    """Ten questions of law and ten of news.

    The lawyer is right on all of law and on 2 of 10 of news, the reporter on 3 of 10 of law and
    on 9 of 10 of news.
    """
    law = [[1.0, float(n < 0.3 * each)] for n in range(each)]
    news = [[float(n < 0.2 * each), float(n < 0.9 * each)] for n in range(each)]
    given = {
        "experts": ("lawyer", "reporter"),
        "vectors": np.array([LAW] * each + [NEWS] * each, dtype=np.float32),
        "right": np.array(law + news),
        "cost": np.tile([1.0, 2.0], (2 * each, 1)),
        "fields": ("law",) * each + ("news",) * each,
        "p_know": p_know,
        "seed": seed,
    }
    return OutcomeLesson(**{**given, **more})


def context(*vectors, p_know=None, seed=0):
    return RoutingContext(
        embeddings=np.array(vectors, dtype=np.float32) if vectors else None,
        p_know=p_know,
        seed=seed,
    )


def names(rankings):
    return [[choice.name for choice in ranking] for ranking in rankings]


def scores(ranking):
    return {choice.name: choice.score for choice in ranking}
