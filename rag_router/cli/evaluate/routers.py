"""Routers among experts that an evaluation names, and the outcome matrix they are judged on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_router.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rag_router.cli.evaluate.common import DataSet
    from rag_router.eval.expert_outcomes import OutcomeMatrix
    from rag_router.eval.routing import RoutingRun
    from rag_router.experts.card import Card
    from rag_router.experts.routing import ExpertRouter
    from rag_router.models.base import Embedder
    from rag_router.settings import Settings

__all__ = [
    "matrix_of",
    "outcomes_of",
    "read_routers",
    "recorded_cards",
    "recorded_run",
    "require_answering",
    "require_known",
    "with_routers",
]


_ALWAYS = ("best_single", "oracle")
"""Bounds that every report shows, told by the questions that are judged."""


def require_answering(models: Sequence[str], recorded: Sequence[str]) -> None:
    """Make sure, before anything is read, that two or more are named who may answer.

    Raises:
        UsageError: fewer are, or some of both kinds.
    """
    if bool(models) == bool(recorded):
        raise UsageError(
            "nobody is named who may answer." if not models else "both kinds of experts are named.",
            hint="Give --model twice or more, or --recorded twice or more.",
        )
    if len(set(models)) == 1:
        raise UsageError(
            f"there is nobody to choose beside {models[0]}.", hint="Give --model twice or more."
        )
    if recorded:
        recorded_cards(recorded)


def outcomes_of(
    settings: Settings,
    data: DataSet,
    *,
    models: Sequence[str],
    recorded: Sequence[str],
    seed: int,
    use_cache: bool = True,
    fetch: Callable[[str], Any] | None = None,
) -> tuple[RoutingRun, OutcomeMatrix, dict[str, Any]]:
    """Let every model answer every question, or read what others recorded.

    Returns:
        What was found, the same as routers learn from it, and what it was made with.

    Raises:
        UsageError: fewer than two are named who may answer, or some of both kinds.
        DataError: no question holds outcomes.
    """
    from rag_router.cli.evaluate.common import manifest_of
    from rag_router.cli.evaluate.named_experts import card_of, load_named
    from rag_router.cli.evaluate.routing import run_routing

    require_answering(models, recorded)
    if recorded:
        run, matrix = recorded_run(data, recorded_cards(recorded))
        return run, matrix, manifest_of(settings, [], data, seed=seed)
    experts = [load_named(settings, name, fetch=fetch) for name in dict.fromkeys(models)]
    run, manifest = run_routing(settings, experts, data, use_cache=use_cache, seed=seed)
    return run, matrix_of(run, data, [card_of(settings, expert) for expert in experts]), manifest


def recorded_cards(given: Sequence[str]) -> list[Card]:
    """Read NAME or NAME=PRICE, the price of a million tokens.

    Raises:
        UsageError: a price is no number, or there are fewer than two names.
    """
    from rag_router.experts.card import Card

    cards = {}
    for one in given:
        name, _, price = one.partition("=")
        try:
            paid = float(price or 0)
        except ValueError as exc:
            raise UsageError(
                f"{price!r} is no price.", hint="Give one as --recorded gpt4_1106=24.7."
            ) from exc
        cards[name] = Card(
            name=name,
            kind="remote",
            model=name,
            abilities=frozenset(),
            price_prompt=paid,
            price_completion=paid,
        )
    if len(cards) < 2:
        raise UsageError(
            f"there is nobody to choose beside {', '.join(cards)}.",
            hint="Give --recorded twice or more.",
        )
    return list(cards.values())


def matrix_of(run: RoutingRun, data: DataSet, cards: Sequence[Card]) -> OutcomeMatrix:
    """Put what experts did together as routers learn from it; several sets are fields."""
    from rag_router.eval.expert_outcomes import OutcomeMatrix, field_of

    return OutcomeMatrix(
        questions=tuple(run.questions),
        fields=tuple(field_of(q, name) for q, name in zip(data.questions, data.sets, strict=True)),
        cards=tuple(cards),
        right=run.right,
        cost=run.cost,
        p_know=run.sure,
    )


def recorded_run(data: DataSet, cards: Sequence[Card]) -> tuple[RoutingRun, OutcomeMatrix]:
    """Read outcomes that came with the questions; nobody is asked.

    Raises:
        DataError: no question holds any.
    """
    from rag_router.eval.expert_outcomes import recorded_outcomes
    from rag_router.eval.routing import RoutingRun

    matrix = recorded_outcomes(data.questions, cards)
    run = RoutingRun(
        questions=matrix.questions,
        models=matrix.experts,
        right=matrix.right,
        cost=matrix.cost,
        choices={},
        ms={},
        answers={},
    )
    return run, matrix


def require_known(names: Sequence[str]) -> None:
    """Make sure, before anything is read, that every router named is one or is a folder.

    Raises:
        UnknownNameError: one is neither.
    """
    from rag_router.artefacts import CARD
    from rag_router.experts.routing import EXPERT_ROUTERS

    for name in names:
        if not (Path(name) / CARD).is_file():
            EXPERT_ROUTERS.get(name)


def read_routers(names: Sequence[str], embedder: Embedder) -> dict[str, ExpertRouter]:
    """Build routers by name, and read fitted ones from their folders.

    Raises:
        UnknownNameError: there is no such router.
        ArtefactError: a folder holds none, or one of another embedder.
    """
    from rag_router.artefacts import CARD
    from rag_router.experts.routing import EXPERT_ROUTERS
    from rag_router.experts.routing.loading import load_expert_router

    found: dict[str, ExpertRouter] = {}
    for name in dict.fromkeys(names):
        if name in _ALWAYS:
            continue
        folder = Path(name)
        if name not in EXPERT_ROUTERS and (folder / CARD).is_file():
            found[folder.name] = load_expert_router(folder, embedder.fingerprint)
        else:
            found[name] = EXPERT_ROUTERS.build(name)
    return found


def with_routers(
    run: RoutingRun,
    matrix: OutcomeMatrix,
    routers: dict[str, ExpertRouter],
    vectors: NDArray[np.float32],
    *,
    seed: int,
) -> RoutingRun:
    """Let routers choose; where any has to learn first, from one half, all are judged on the other.

    Raises:
        DataError: there are too few questions to learn from.
    """
    import numpy as np

    from rag_router.eval.expert_routing import halves_of, judge_router
    from rag_router.experts.routing.learned import LearnedExpertRouter

    learning = {
        name
        for name, router in routers.items()
        if isinstance(router, LearnedExpertRouter) and not router.fitted
    }
    train, judged = np.zeros(0, dtype=np.int64), np.arange(len(matrix))
    if learning:
        train, judged = halves_of(matrix, seed)
    lesson = matrix.rows(train).lesson(vectors[train], seed=seed)
    choices = {name: chosen[judged] for name, chosen in run.choices.items()}
    ms, scores = dict(run.ms), {}
    held = matrix.rows(judged)
    for name, router in routers.items():
        ready = router
        if isinstance(router, LearnedExpertRouter) and name in learning:
            ready = router.fit(lesson)
        routed = judge_router(ready, held, vectors[judged], seed=seed)
        choices[name], ms[name], scores[name] = routed.choices, routed.ms, routed.scores
    return replace(
        run,
        questions=[run.questions[int(row)] for row in judged],
        right=run.right[judged],
        cost=run.cost[judged],
        choices=choices,
        ms=ms,
        answers={name: [said[int(row)] for row in judged] for name, said in run.answers.items()},
        preference=None if run.preference is None else run.preference[judged],
        sure=None if run.sure is None else run.sure[judged],
        scores=scores,
        learned_from=len(train),
    )
