"""The outcome matrix of experts in memory, over questions of six fields.

Every expert answers every question from memory, and a gate (P(IK)) is fitted for each on what is
learned from: it says how likely the expert knows, of the questions that it did not learn from.
Answers and features are kept under the home, so that a run that is cut off goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.experts_fields import asked_questions
from benchmarks.experts_judged import OURS, PUBLISHED, against, crosswise, parts_of, summary_of
from benchmarks.experts_recorded import embedded
from rag_router.cli.evaluate.kept import Kept
from rag_router.cli.evaluate.named_experts import card_of, load_named
from rag_router.cli.options import fetch_announced
from rag_router.eval.datasets import data_hash
from rag_router.eval.expert_outcomes import OutcomeMatrix
from rag_router.eval.features import read_features
from rag_router.eval.labels import label
from rag_router.eval.metrics.bootstrap import Bootstrap
from rag_router.experts import Expert
from rag_router.gates import GATES, FittedGate, Lesson, study
from rag_router.models.adapter_folders import read_adapter_card
from rag_router.models.base import Embedder
from rag_router.models.prompts import closed_book_prompt
from rag_router.settings import ExpertSettings, Settings

__all__ = ["local_figures"]

_GATE: Final = "p_ik"


@dataclass(frozen=True, eq=False)
class _Column:
    """What one expert makes of every question."""

    fingerprint: str
    card: Any
    right: NDArray[np.float64]
    cost: NDArray[np.float64]
    features: NDArray[np.float64]


def local_figures(
    data: Path,
    settings: Settings,
    embedder: Embedder,
    *,
    models: Sequence[str],
    adapters: Mapping[str, Path],
    limit: int,
    seed: int,
) -> tuple[dict[str, Any], dict[str, str], str]:
    """Ask all experts, fit routers crosswise on two halves, and judge them.

    Returns:
        The figures, the experts' fingerprints, and a hash of the questions.
    """
    questions, fields = asked_questions(data, limit)
    columns: list[_Column] = []
    with Kept.of(settings, use_cache=True) as kept:
        for expert in _experts(settings, models, adapters):
            columns.append(_column(expert, settings, questions, kept))
            right = columns[-1].right
            print(expert.name, {f: _mean(right, fields, f) for f in dict.fromkeys(fields)})
        assert kept.records is not None
        vectors = embedded([q.text for q in questions], embedder, kept.records)
    matrix = OutcomeMatrix(
        questions=tuple(questions),
        fields=tuple(fields),
        cards=tuple(column.card for column in columns),
        right=np.array([column.right for column in columns]).T,
        cost=np.array([column.cost for column in columns]).T,
    )

    def knowing(
        whole: OutcomeMatrix, train: NDArray[np.int64], test: NDArray[np.int64]
    ) -> OutcomeMatrix:
        said = np.empty(whole.right.shape)
        for place, column in enumerate(columns):
            gate = GATES.build(_GATE)
            assert isinstance(gate, FittedGate)
            right = column.right[train] > 0.5
            fitted, apart = study(
                gate, Lesson(features=column.features[train], right=right, seed=seed)
            )
            said[train, place] = apart
            said[test, place] = fitted.probabilities(column.features[test])
        return replace(whole, p_know=said)

    part = parts_of([question.id for question in questions], 2, seed)
    names = ("random", "best_single", *PUBLISHED, *OURS)
    routed, _, seconds = crosswise(names, matrix, vectors, part, seed=seed, prepare=knowing)
    summary = summary_of(matrix, routed)
    published = max(PUBLISHED, key=lambda name: summary["routers"][name]["accuracy"])
    summary |= {
        "fields": {name: fields.count(name) for name in dict.fromkeys(fields)},
        "by_field": {
            name: {f: _mean(column.right, fields, f) for f in dict.fromkeys(fields)}
            for name, column in zip(matrix.experts, columns, strict=True)
        },
        "best_published": published,
        "minus_best_published": {
            name: against(matrix, routed[name].choices, routed[published].choices) for name in OURS
        },
        "fit_s": seconds,
        "left_out": _left_out(matrix, vectors, fields, seed, knowing),
    }
    for name, row in summary["routers"].items():
        print(name, row, flush=True)
    fingerprints = {c.card.name: c.fingerprint for c in columns}
    return summary, fingerprints, data_hash(questions)


def _left_out(
    matrix: OutcomeMatrix,
    vectors: NDArray[np.float32],
    fields: Sequence[str],
    seed: int,
    knowing: Any,
) -> dict[str, Any]:
    """Judge each field by routers that have seen none of its questions."""
    order = list(dict.fromkeys(fields))
    part = np.array([order.index(field) for field in fields])
    names = ("best_single", "neighbours", "item_response", "benchmark_subject", *OURS)
    routed, _, _ = crosswise(names, matrix, vectors, part, seed=seed, prepare=knowing)
    rows = np.arange(len(matrix))
    out = {}
    for name, one in routed.items():
        ends = Bootstrap().mean(matrix.right[rows, one.choices])
        out[name] = [round(value, 4) for value in (ends.value, ends.low, ends.high)]
    return out


def _experts(
    settings: Settings, models: Sequence[str], adapters: Mapping[str, Path]
) -> Iterator[Expert]:
    """Load one expert after the other."""
    for model in models:
        yield load_named(settings, model, fetch=fetch_announced)
    named = tuple(
        ExpertSettings(name=name, model=read_adapter_card(folder).model, adapter=folder)
        for name, folder in adapters.items()
    )
    for one in named:
        own = settings.model_copy(update={"experts": named})
        yield load_named(own, one.name, fetch=fetch_announced)


def _column(expert: Expert, settings: Settings, questions: Sequence[Any], kept: Kept) -> _Column:
    size = settings.generator.batch_size
    labelled = label(
        expert, questions, cache=kept.outcomes, batch_size=size, on_progress=_say(expert.name)
    )
    gate = GATES.build(_GATE)
    assert isinstance(gate, FittedGate)
    features = read_features(
        {_GATE: gate},
        expert,
        labelled,
        cache=kept.records,
        batch_size=size,
        on_progress=_say(f"{expert.name}, features"),
    )[_GATE]
    billions = expert.model.parameters / 1e9
    read = [len(closed_book_prompt(expert.model, expert.style, q.text).ids) for q in questions]
    return _Column(
        fingerprint=expert.model.fingerprint,
        card=card_of(settings, expert),
        right=np.array([float(one.right) for one in labelled]),
        cost=np.array(
            [
                billions * (tokens + len(one.outcome.logprobs))
                for tokens, one in zip(read, labelled, strict=True)
            ]
        ),
        features=features,
    )


def _mean(right: NDArray[np.float64], fields: Sequence[str], field: str) -> float:
    return round(float(right[[one == field for one in fields]].mean()), 4)


def _say(what: str) -> Any:
    def say(done: int, count: int) -> None:
        if done == count or done % 200 < 8:
            print(f"{what}: {done} of {count}", flush=True)

    return say
