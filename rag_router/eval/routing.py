"""Which generator should answer? `rag-router eval routing`.

Every model answers every question once, closed-book; routers then choose columns of the cached
outcomes, and no model is asked again (RouterBench, Hu et al. 2024, arXiv 2403.12031). Compared:
each model alone, the best of them, the zero router (blind mixing), the model whose gate is surest,
any of the routers among experts, and the oracle. The best single model and the oracle are those of
the questions that are judged: harder to beat than what could have been known before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import DataError
from rag_router.eval.expert_routing import cost_curve
from rag_router.eval.metrics.bootstrap import Bootstrap
from rag_router.eval.metrics.pair_routing import apgr, apgr_of, calls_needed, strong_share_curve
from rag_router.eval.metrics.routing import (
    Point,
    aiq,
    best_single,
    oracle_choices,
    routing_figures,
    single_models,
    zero_router,
)
from rag_router.eval.report import Curve, Interval, Lines, Mark, Report, Table
from rag_router.types import Question

__all__ = ["RoutingRun", "routing_report", "routing_summary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingRun:
    """What every model got right, and what routers choose.

    Attributes:
        questions: What was asked.
        models: Names of the columns.
        right: Whether each model was right, shape (n, models).
        cost: What each answer cost: billions of parameters times tokens, shape (n, models).
        choices: For each router, the column it sends each question to, shape (n,).
        ms: Milliseconds a router takes for a question.
        answers: What each model said, by model.
        preference: For two models, how much the one that is right more often is to be preferred,
            shape (n,); None where no router says.
        scores: What routers ranked the models by, shape (n, models), by router; those of some.
        learned_from: Questions that routers learned from, none of which is judged.
        sure: How likely each model held it that it knows, in [0, 1], shape (n, models); None
            where nobody was asked.
    """

    questions: Sequence[Question]
    models: tuple[str, ...]
    right: NDArray[np.float64]
    cost: NDArray[np.float64]
    choices: Mapping[str, NDArray[np.int64]]
    ms: Mapping[str, float]
    answers: Mapping[str, Sequence[str]]
    preference: NDArray[np.float64] | None = None
    scores: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    learned_from: int = 0
    sure: NDArray[np.float64] | None = None

    def columns(self) -> dict[str, NDArray[np.int64]]:
        """Every policy as a choice of columns: single models, routers, best single, oracle."""
        n = len(self.questions)
        singles = {
            name: np.full(n, column, dtype=np.int64) for column, name in enumerate(self.models)
        }
        best = np.full(n, best_single(self.right, self.cost), dtype=np.int64)
        return {
            **singles,
            **self.choices,
            "best_single": best,
            "oracle": oracle_choices(self.right, self.cost),
        }


def routing_summary(run: RoutingRun) -> dict[str, Any]:
    """Return what the command prints, with paired bootstrap intervals of 95 %.

    Raises:
        DataError: fewer than two models.
    """
    if len(run.models) < 2:
        raise DataError(
            f"routing needs two models or more; saw {', '.join(run.models) or 'none'}.",
            hint="Name them: --model gemma-3-270m --model smollm2-135m-instruct.",
        )
    rows = np.arange(len(run.questions))
    best = np.full(len(rows), best_single(run.right, run.cost), dtype=np.int64)
    routers: dict[str, dict[str, Any]] = {}
    points: dict[str, Point] = {}
    for name, chosen in run.columns().items():
        found = routing_figures(chosen, run.right, run.cost)
        points[name] = Point(cost=found["cost"], accuracy=found["accuracy"])
        ends = Bootstrap().mean(run.right[rows, chosen])
        routers[name] = {key: round(value, 4) for key, value in found.items()}
        routers[name]["accuracy_95"] = [round(ends.low, 4), round(ends.high, 4)]
        routers[name]["minus_best_single"] = _gap(run, chosen, best)
        if name in run.ms:
            routers[name]["ms_per_question"] = round(run.ms[name], 3)
    singles = single_models(run.right, run.cost)
    low, high = min(p.cost for p in singles), max(p.cost for p in singles)
    out: dict[str, Any] = {"n": len(run.questions), "routers": routers}
    if high > low:
        out["zero_router_aiq"] = round(
            aiq(list(zero_router(run.right, run.cost)), lowest=low, highest=high), 4
        )
        for name in run.choices:
            both = [*singles, points[name]]
            if name in run.scores:
                both += cost_curve(run.scores[name], run.right, run.cost)
            routers[name]["aiq"] = round(aiq(both, lowest=low, highest=high), 4)
    weak, strong = np.argsort([p.accuracy for p in singles])[[0, -1]]
    better = singles[strong].accuracy > singles[weak].accuracy
    if len(run.models) == 2 and run.preference is not None and better:
        curve = strong_share_curve(run.preference, run.right[:, weak], run.right[:, strong])
        out["pair"] = {
            "weak": run.models[weak],
            "strong": run.models[strong],
            "apgr": round(apgr(curve), 4),
            "cpt50": round(calls_needed(curve, 0.5), 4),
            "cpt80": round(calls_needed(curve, 0.8), 4),
        }
    if len(run.models) == 2 and better:
        for name, scores in run.scores.items():
            routers[name] |= _pair(scores, run.right, int(weak), int(strong))
    if run.learned_from:
        out["learned_from"] = run.learned_from
    return out


def _gap(run: RoutingRun, chosen: NDArray[np.int64], best: NDArray[np.int64]) -> list[float]:
    """Accuracy beyond the best single model's, and the ends of its interval."""
    rows = np.arange(len(run.questions))
    ends = Bootstrap().mean_difference(run.right[rows, chosen], run.right[rows, best])
    return [round(value, 4) for value in (ends.value, ends.low, ends.high)]


def _pair(
    scores: NDArray[np.float64], right: NDArray[np.float64], weak: int, strong: int
) -> dict[str, Any]:
    """How soon a router closes the gap between two models."""
    win = scores[:, strong] - scores[:, weak]
    curve = strong_share_curve(win, right[:, weak], right[:, strong])
    out: dict[str, Any] = {
        "apgr": round(apgr(curve), 4),
        "cpt50": round(calls_needed(curve, 0.5), 4),
        "cpt80": round(calls_needed(curve, 0.8), 4),
    }
    try:
        ends = Bootstrap().interval(apgr_of(win, right[:, weak], right[:, strong]))
    except DataError:
        # With few questions the gap closes in too many draws for an interval to mean anything.
        return out
    return {**out, "apgr_95": [round(ends.low, 4), round(ends.high, 4)]}


def routing_report(run: RoutingRun, manifest: Mapping[str, Any], *, title: str) -> Report:
    """Put figures, the cost-accuracy plane and a row for each question together."""
    summary = routing_summary(run)
    corners = zero_router(run.right, run.cost)
    columns = run.columns()
    return Report(
        kind="routing",
        title=title,
        summary=summary,
        manifest=manifest,
        tables=(
            Table(
                "Routers",
                (
                    "router",
                    "accuracy",
                    "cost",
                    "regret",
                    "above the best single",
                    "AIQ",
                    "APGR",
                    "ms",
                ),
                tuple(
                    (
                        name,
                        Interval(row["accuracy"], *row["accuracy_95"]),
                        row["cost"],
                        row["regret"],
                        Interval(*row["minus_best_single"]),
                        row.get("aiq"),
                        row.get("apgr"),
                        row.get("ms_per_question"),
                    )
                    for name, row in summary["routers"].items()
                ),
                note="Cost: billions of parameters times tokens read and written.",
            ),
        ),
        figures=(
            Lines(
                "Accuracy against cost",
                "mean cost (billions of parameters x tokens)",
                "accuracy",
                (
                    Curve(
                        "zero router",
                        tuple(p.cost for p in corners),
                        tuple(p.accuracy for p in corners),
                    ),
                    *_curves(run),
                ),
                tuple(
                    Mark(name, row["cost"], row["accuracy"])
                    for name, row in summary["routers"].items()
                ),
            ),
        ),
        questions=tuple(_row(run, columns, number) for number in range(len(run.questions))),
        flags=tuple(f"{name} was wrong" for name in run.choices),
    )


def _curves(run: RoutingRun) -> Iterator[Curve]:
    """What each router brings as money matters more and more."""
    for name, scores in run.scores.items():
        points = sorted(cost_curve(scores, run.right, run.cost), key=lambda p: (p.cost, p.accuracy))
        yield Curve(name, tuple(p.cost for p in points), tuple(p.accuracy for p in points))


def _row(run: RoutingRun, columns: Mapping[str, NDArray[np.int64]], number: int) -> dict[str, Any]:
    question = run.questions[number]
    row: dict[str, Any] = {
        "id": question.id,
        "question": question.text,
        "gold": question.answers[0] if question.answers else "",
    }
    row |= {name: answers[number] for name, answers in run.answers.items()}
    row["oracle"] = run.models[int(columns["oracle"][number])]
    for name in run.choices:
        chosen = int(columns[name][number])
        row[name] = run.models[chosen]
        row[f"{name} was wrong"] = not run.right[number, chosen]
    return row
