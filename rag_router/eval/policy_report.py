"""Policies side by side: what `rag-router eval answers` prints and draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_router.eval.answering import Record
from rag_router.eval.metrics.gates import equal_mass_bins
from rag_router.eval.metrics.savings import retrieval_curve, retrievals_saved
from rag_router.eval.policies import (
    Column,
    Policy,
    by_popularity,
    columns_of,
    compare,
    outcomes_of,
    popularity_of,
)
from rag_router.eval.report import (
    Curve,
    Distribution,
    Interval,
    Lines,
    Mark,
    Reliability,
    ReliabilityCurve,
    Report,
    Sample,
    Table,
)
from rag_router.eval.rounding import rounded
from rag_router.types import Question

__all__ = ["PolicyRun", "policy_report", "policy_summary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRun:
    """What the services answered with retrieval switched off and on.

    Attributes:
        questions: What was asked.
        records: By gate and mode ("off" or "on").
        gates: Names of the gates; the first is the one of the settings.
        sets: Name of each question's set; empty where there is only one.
    """

    questions: Sequence[Question]
    records: Mapping[tuple[str, str], Sequence[Record]]
    gates: tuple[str, ...]
    sets: Sequence[str] = ()

    def retrieves(self, gate: str) -> NDArray[np.bool_]:
        """Whether a gate looks each question up."""
        return np.array([r.wanted for r in self.records[gate, "on"]], dtype=bool)

    def p_know(self, gate: str) -> NDArray[np.float64]:
        """What a gate says of each question."""
        return np.array([r.p_know for r in self.records[gate, "on"]], dtype=np.float64)

    def columns(self) -> tuple[dict[str, Column], dict[str, str]]:
        """Work all policies out; say of those that do not apply why not."""
        services = {
            f"{gate} {mode}": outcomes_of(self.questions, records)
            for (gate, mode), records in self.records.items()
        }
        first = self.gates[0]
        n = len(self.questions)
        off, on = f"{first} off", f"{first} on"
        rate = float(self.retrieves(first).mean())
        policies = [
            Policy.switch("never", np.zeros(n), off=off, on=on),
            Policy.switch("always", np.ones(n), off=off, on=on),
            Policy.switch("gate", self.retrieves(first), off=off, on=on),
            *(
                Policy.switch(
                    f"gate {name}", self.retrieves(name), off=f"{name} off", on=f"{name} on"
                )
                for name in self.gates[1:]
            ),
            Policy.switch("random", np.full(n, rate), off=off, on=on),
        ]
        skipped = {}
        views = popularity_of(self.questions)
        if views is None:
            skipped["popularity"] = "not every question says how popular its entity is"
        else:
            chosen = by_popularity(views, services[off].right, services[on].right)
            policies.append(Policy.switch("popularity", chosen, off=off, on=on))
        return columns_of(services, policies), skipped


def policy_summary(run: PolicyRun) -> dict[str, Any]:
    """Return what the command prints."""
    columns, skipped = run.columns()
    policies = {name: rounded(row) for name, row in compare(columns).items()}
    curve = retrieval_curve(
        run.p_know(run.gates[0]), columns["never"].outcomes.right, columns["always"].outcomes.right
    )
    policies["gate"] |= {
        "area": round(curve.area, 4),
        "retrievals_saved_at_always": round(retrievals_saved(curve), 4),
        "retrievals_saved_within_a_point": round(retrievals_saved(curve, tolerance=0.01), 4),
    }
    out: dict[str, Any] = {
        "n": len(run.questions),
        "gate": run.gates[0],
        "policies": policies,
    }
    if len(set(run.sets)) > 1:
        out["by_set"] = _by_set(run, columns)
    if skipped:
        out["skipped"] = skipped
    return out


def policy_report(
    run: PolicyRun, manifest: Mapping[str, Any], *, title: str, rows: bool = True
) -> Report:
    """Put figures and curves together, and a row for each question unless `rows` is false."""
    columns, _ = run.columns()
    summary = policy_summary(run)
    never, always = columns["never"].outcomes.right, columns["always"].outcomes.right
    curves = []
    for gate in run.gates:
        curve = retrieval_curve(run.p_know(gate), never, always)
        curves.append(Curve(gate, tuple(curve.shares.tolist()), tuple(curve.accuracies.tolist())))
    bins = [
        ("answers from memory", "off", never),
        ("answers with retrieval", "on", always),
    ]
    return Report(
        kind="answers",
        title=title,
        summary=summary,
        manifest=manifest,
        tables=(_table(summary), *_sets_table(summary)),
        figures=(
            Lines(
                "Accuracy against retrieval rate",
                "share of questions looked up",
                "accuracy",
                tuple(curves),
                tuple(
                    Mark(name, row["retrieval_rate"], row["accuracy"])
                    for name, row in summary["policies"].items()
                ),
            ),
            Reliability(
                "How often an answer was right, by its confidence",
                tuple(
                    found
                    for name, mode, right in bins
                    if (found := _bins(run, name, mode, right)) is not None
                ),
            ),
            Distribution(
                "Time to answer",
                "milliseconds",
                tuple(
                    Sample(name, tuple(columns[name].outcomes.ms.tolist()))
                    for name in ("never", "always", "gate")
                ),
            ),
        ),
        questions=tuple(_row(run, columns, number) for number in range(len(run.questions)))
        if rows
        else (),
        flags=("gate was wrong", "nobody was right") if rows else (),
    )


def _by_set(run: PolicyRun, columns: Mapping[str, Column]) -> dict[str, dict[str, Any]]:
    """Return size and accuracy of every policy on each set."""
    names = np.asarray(run.sets)
    return {
        name: {"n": int((names == name).sum())}
        | {
            policy: round(float(column.outcomes.right[names == name].mean()), 4)
            for policy, column in columns.items()
        }
        for name in dict.fromkeys(run.sets)
    }


def _sets_table(summary: Mapping[str, Any]) -> tuple[Table, ...]:
    sets = summary.get("by_set", {})
    if not sets:
        return ()
    columns = ("set", "questions", *summary["policies"])
    rows = tuple((name, *row.values()) for name, row in sets.items())
    return (Table("Accuracy by set", columns, rows),)


def _table(summary: Mapping[str, Any]) -> Table:
    rows = []
    for name, row in summary["policies"].items():
        gap = row.get("accuracy_minus_always")
        rows.append(
            (
                name,
                Interval(row["accuracy"], *row["accuracy_95"]),
                None if gap is None else Interval(*gap),
                row["em"],
                row["f1"],
                row["retrieval_rate"],
                row["abstained"],
                row["lm_forward_passes"],
                row["retriever_calls"],
                row["prompt_tokens"],
                row["p50_ms"],
                row["p95_ms"],
            )
        )
    return Table(
        "Policies",
        (
            "policy",
            "accuracy",
            "minus always",
            "EM",
            "F1",
            "looked up",
            "abstained",
            "passes",
            "retriever calls",
            "prompt tokens",
            "p50 ms",
            "p95 ms",
        ),
        tuple(rows),
        note="Paired 95 % bootstrap intervals. A batch's time is divided by its questions. "
        "The oracle is the cheapest right answer among the other policies.",
    )


def _bins(
    run: PolicyRun, name: str, mode: str, right: NDArray[np.float64]
) -> ReliabilityCurve | None:
    records = run.records[run.gates[0], mode]
    given = np.array([r.answer is not None for r in records])
    if given.sum() < 20:
        return None
    sure = np.array([r.confidence for r in records])[given]
    bins = equal_mass_bins(sure, right[given] > 0)
    return ReliabilityCurve(
        name,
        tuple(b.confidence for b in bins),
        tuple(b.accuracy for b in bins),
        tuple(b.count for b in bins),
    )


def _row(run: PolicyRun, columns: Mapping[str, Column], number: int) -> dict[str, Any]:
    question, gate = run.questions[number], run.gates[0]
    off, on = run.records[gate, "off"][number], run.records[gate, "on"][number]
    never = columns["never"].outcomes.right[number] > 0
    always = columns["always"].outcomes.right[number] > 0
    retrieve = bool(run.retrieves(gate)[number])
    return {
        "id": question.id,
        "question": question.text,
        "gold": question.answers[0] if question.answers else "",
        "from memory": off.answer or "",
        "with retrieval": on.answer or "",
        "p_know": round(on.p_know, 4),
        "looked up": retrieve,
        "never right": bool(never),
        "always right": bool(always),
        # Where both are right or both wrong, no decision is wrong, only dearer.
        "gate was wrong": bool(never != always and retrieve == never),
        "nobody was right": not (never or always),
    }
