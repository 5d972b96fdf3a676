"""Which gate tells best what the model knows? `rag-router eval gates`.

Gates are judged on questions that nothing was fitted on (half of every set, by hash of the
ids), against the greedy closed-book answer being right. Intervals are paired bootstrap intervals
of 95 % over questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import DataError
from rag_router.eval.judging import Judgement, Price
from rag_router.eval.labels import Labelled
from rag_router.eval.metrics.bootstrap import Bootstrap
from rag_router.eval.metrics.gates import (
    calibration_error,
    equal_mass_bins,
    equal_width_bins,
    gate_figures,
)
from rag_router.eval.metrics.selective import risk_coverage
from rag_router.eval.report import (
    Curve,
    Lines,
    Reliability,
    ReliabilityCurve,
    Report,
    Table,
)
from rag_router.eval.rounding import rounded

__all__ = ["GateRun", "gate_report", "gate_summary"]

_FEWEST = 20
"""Questions of either class that a row of one set needs before it says anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRun:
    """What was found out about gates.

    Attributes:
        labelled: The questions, and the model's own answers to them.
        sets: Name of each question's set.
        judgements: By gate.
        prices: By gate.
        skipped: Why a gate was left out, by gate.
        peers: Uncertainty-free scores of other libraries' estimators (high means sure), by name.
        default: The gate that the settings name.
    """

    labelled: Sequence[Labelled]
    sets: Sequence[str]
    judgements: Mapping[str, Judgement]
    prices: Mapping[str, Price]
    skipped: Mapping[str, str] = field(default_factory=dict)
    peers: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    default: str = ""

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.array([one.right for one in self.labelled], dtype=bool)


def gate_summary(run: GateRun) -> dict[str, Any]:
    """Return what the command prints; a figure that does not exist is absent."""
    right = run.right
    gates: dict[str, dict[str, Any]] = {}
    for name, judged in run.judgements.items():
        wide = calibration_error(equal_width_bins(judged.p_know, right))
        row: dict[str, Any] = {
            **gate_figures(judged.p_know, right),
            **_auroc_ends(judged.p_know, right),
            "ece_equal_width": wide,
            "fitted": judged.fitted,
            "retrieval_rate": float(judged.retrieve.mean()),
            "decides_right": float((judged.retrieve != right).mean()),
        }
        if name in run.prices:
            price = run.prices[name]
            row |= {
                "extra_prefill_tokens": round(price.prefill_tokens, 2),
                "extra_decode_steps": round(price.decode_steps, 2),
                "ms_per_question": round(price.ms, 3),
                "ms_closed_book_pass": round(price.pass_ms, 3),
            }
        if sets := _by_set(judged.p_know, right, run.sets):
            row["auroc_by_set"] = sets
        gates[name] = rounded(row)
    peers = {
        name: rounded(_ranking(scores, right) | _auroc_ends(scores, right))
        for name, scores in run.peers.items()
    }
    out: dict[str, Any] = {
        "n": len(right),
        "closed_book_accuracy": round(float(right.mean()), 4),
        "gates": gates,
    }
    if peers:
        out["peers"] = peers
    if run.skipped:
        out["skipped"] = dict(run.skipped)
    return out


def gate_report(
    run: GateRun, manifest: Mapping[str, Any], *, title: str, rows: bool = True
) -> Report:
    """Put figures and curves together, and a row for each question unless `rows` is false."""
    right = run.right
    summary = gate_summary(run)
    return Report(
        kind="gates",
        title=title,
        summary=summary,
        manifest=manifest,
        tables=(_table(summary), *_sets_table(summary)),
        figures=(
            Lines(
                "Risk against coverage",
                "share answered from memory, surest first",
                "share of wrong answers among them",
                tuple(
                    _curve(name, judged.p_know, right) for name, judged in run.judgements.items()
                ),
            ),
            Reliability(
                "How often it was right, by how sure it was",
                tuple(
                    _bins(name, judged, right)
                    for name, judged in run.judgements.items()
                    if judged.fitted and np.ptp(judged.p_know) > 0
                ),
            ),
        ),
        questions=tuple(_row(run, number) for number in range(len(right))) if rows else (),
        flags=("right", *(("gate was wrong",) if run.default in run.judgements else ()))
        if rows
        else (),
    )


def _ranking(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> dict[str, float]:
    """Figures of scores that are no probabilities."""
    order = np.unique(scores, return_inverse=True)[1]
    # Any rising map keeps these figures; ranks are within 0 and 1.
    found = gate_figures(order / max(order.max(), 1), right)
    return {key: found[key] for key in ("auroc", "auprc", "aurc") if key in found}


def _auroc_ends(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> dict[str, Any]:
    if not 0 < right.sum() < len(right):
        return {}
    try:
        interval = Bootstrap().auroc(scores, right)
    except DataError:  # of a few right answers, many draws hold none
        return {}
    return {"auroc_95": [interval.low, interval.high]}


def _by_set(
    scores: NDArray[np.float64], right: NDArray[np.bool_], sets: Sequence[str]
) -> dict[str, float]:
    names = np.asarray(sets)
    found: dict[str, float] = {}
    for name in dict.fromkeys(sets):
        rows = names == name
        if min(right[rows].sum(), (~right[rows]).sum()) >= _FEWEST and len(set(sets)) > 1:
            found[name] = gate_figures(scores[rows], right[rows])["auroc"]
    return found


def _table(summary: Mapping[str, Any]) -> Table:
    columns = (
        "gate",
        "AUROC",
        "AUPRC",
        "ECE",
        "Brier",
        "AURC",
        "retrieves",
        "extra prefill tokens",
        "extra decode steps",
        "ms a question",
    )
    keys = (
        "auprc",
        "ece",
        "brier",
        "aurc",
        "retrieval_rate",
        "extra_prefill_tokens",
        "extra_decode_steps",
        "ms_per_question",
    )
    rows = []
    for kind in ("gates", "peers"):
        for name, row in summary.get(kind, {}).items():
            shown = name if row.get("fitted", True) else f"{name} (not fitted)"
            ends = row.get("auroc_95")
            auroc = (row["auroc"], *ends) if ends else row.get("auroc")
            rows.append((shown, auroc, *(row.get(key) for key in keys)))
    return Table(
        "Gates",
        columns,
        tuple(rows),
        note="AUROC with its 95 % bootstrap interval. Peers give scores, not probabilities.",
    )


def _sets_table(summary: Mapping[str, Any]) -> tuple[Table, ...]:
    sets = dict.fromkeys(
        name for row in summary["gates"].values() for name in row.get("auroc_by_set", {})
    )
    if not sets:
        return ()
    rows = tuple(
        (gate, *(row.get("auroc_by_set", {}).get(name) for name in sets))
        for gate, row in summary["gates"].items()
    )
    note = f"Sets with at least {_FEWEST} right and {_FEWEST} wrong answers."
    return (Table("AUROC by set", ("gate", *sets), rows, note=note),)


def _curve(name: str, p: NDArray[np.float64], right: NDArray[np.bool_]) -> Curve:
    found = risk_coverage(p, right)
    keep = np.unique(np.linspace(0, len(found.coverage) - 1, 200).astype(int))
    return Curve(name, tuple(found.coverage[keep].tolist()), tuple(found.risk[keep].tolist()))


def _bins(name: str, judged: Judgement, right: NDArray[np.bool_]) -> ReliabilityCurve:
    bins = equal_mass_bins(judged.p_know, right)
    return ReliabilityCurve(
        name,
        tuple(b.confidence for b in bins),
        tuple(b.accuracy for b in bins),
        tuple(b.count for b in bins),
    )


def _row(run: GateRun, number: int) -> dict[str, Any]:
    one = run.labelled[number]
    row: dict[str, Any] = {
        "id": one.question.id,
        "question": one.question.text,
        "set": run.sets[number],
        "answer": one.outcome.answer,
        "gold": one.question.answers[0] if one.question.answers else "",
        "right": one.right,
    }
    for name, judged in run.judgements.items():
        row[f"p {name}"] = round(float(judged.p_know[number]), 4)
    if run.default in run.judgements:
        retrieve = bool(run.judgements[run.default].retrieve[number])
        row["gate was wrong"] = retrieve == one.right
    return row
