"""/v1/gates/{name}/records: how right a gate was, on questions of which that is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
from fastapi import APIRouter
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field

from rag_router.api.problems import PROBLEMS
from rag_router.api.service import Served, Service, Tenant
from rag_router.artefacts import Card
from rag_router.errors import UnknownNameError
from rag_router.eval.kept_evaluations import Evaluated, kept_evaluation
from rag_router.fitted import shipped_cards
from rag_router.gates import GATES
from rag_router.orchestrator import PooledOrchestrator, roster
from rag_router.store.hindsight import judgements
from rag_router.store.naming import DEFAULT_TENANT

__all__ = ["bins_of", "router"]

router = APIRouter(tags=["gates"])

_MOST_BINS: Final = 50
_RECORD: Final[dict[str, Any]] = {
    "kind": "evaluation",
    "expert": "gemma-3-270m",
    "source": "questions.jsonl, 2026-11-22",
    "threshold": 0.37,
    "n": 500,
    "bins": [{"p_know": 0.08, "memory": 0.05, "passages": 0.62, "n": 10}],
}


class Bin(BaseModel):
    """Questions of which the gate thought much the same.

    `p_know` is the mean of what it thought, `memory` the share that memory had right, and
    `passages` the share that was right with everything looked up, where that was tried.
    """

    p_know: float
    memory: float
    passages: float | None = None
    n: int


class Record(BaseModel):
    """Questions that a gate judged, and how they turned out, in the order of what it thought.

    They were `held_out` when it was fitted, are of the last `rag-router eval answers` in this home
    (`evaluation`), or are those of which people have said what was right (`feedback`).
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_RECORD]})

    kind: Literal["held_out", "evaluation", "feedback"]
    expert: str = Field(description="Whose memory; empty for answers of whoever gave them.")
    source: str
    threshold: float | None = Field(None, description="Below it, it looks up; null if not known.")
    n: int
    bins: list[Bin]


class Records(BaseModel):
    """All records of a gate, those of evaluations first: they tell the most."""

    items: list[Record]


@router.get("/v1/gates/{name}/records", responses=PROBLEMS)
def show_all(name: str, service: Served, tenant: Tenant) -> Records:
    """Tell how right a gate was: in evaluations, by feedback, and when it was fitted."""
    if name not in GATES and name not in GATES.aliases:
        raise UnknownNameError("gate", name, GATES)
    name = GATES.canonical(name)
    fitted = list(_fitted(service, name, tenant))
    thresholds = {expert: card.threshold for expert, card in fitted} | _set(service, name)
    records = [
        _record("evaluation", expert, found.source, thresholds.get(expert), _columns(found))
        for expert, found in _evaluated(service, name, tenant)
    ]
    if service.keeps and (said := _said(service, name, tenant)):
        p_know, right = zip(*said, strict=True)
        one = next(iter(thresholds.values())) if len(thresholds) == 1 else None
        source = "answers of this service that people judged"
        records.append(_record("feedback", "", source, one, bins_of(p_know, right)))
    held_out = [
        _held_out(expert, card, thresholds[expert]) for expert, card in fitted if _reliability(card)
    ]
    return Records(items=records + held_out)


def bins_of(
    p_know: ArrayLike,
    memory: ArrayLike,
    passages: ArrayLike | None = None,
    *,
    most: int = _MOST_BINS,
) -> list[Bin]:
    """Put questions into bins of the same size, in the order of what the gate thought.

    Args:
        p_know: What it thought, in [0, 1], shape (n,), n >= 1.
        memory: Whether memory was right, same shape.
        passages: Whether the answer was right with everything looked up, same shape.
        most: Bins; questions of which the same was thought are never parted.
    """
    p, columns = np.asarray(p_know, dtype=float), [np.asarray(memory, dtype=float)]
    if passages is not None:
        columns.append(np.asarray(passages, dtype=float))
    order = np.argsort(p, kind="stable")
    p, columns = p[order], [column[order] for column in columns]
    # A bin begins where one of equal size would, or behind all that were thought of alike.
    begins = np.searchsorted(p, p[np.arange(most) * len(p) // most])
    bounds = [*np.unique(begins).tolist(), len(p)]
    return [
        Bin(
            p_know=round(float(p[a:b].mean()), 4),
            memory=round(float(columns[0][a:b].mean()), 4),
            passages=None if passages is None else round(float(columns[1][a:b].mean()), 4),
            n=b - a,
        )
        for a, b in pairwise(bounds)
    ]


def _record(
    kind: Literal["evaluation", "feedback"],
    expert: str,
    source: str,
    threshold: float | None,
    bins: Sequence[Bin],
) -> Record:
    n = sum(one.n for one in bins)
    return Record(
        kind=kind, expert=expert, source=source, threshold=threshold, n=n, bins=list(bins)
    )


def _columns(found: Evaluated) -> list[Bin]:
    return bins_of(found.p_know, found.never, found.always)


def _evaluated(service: Service, name: str, tenant: str) -> Iterator[tuple[str, Evaluated]]:
    """Kept evaluations in which this gate decided; one that was of another says nothing of it."""
    if not service.keeps:
        return
    home = service.resources.settings.home
    # Evaluations are made on the command line, of its questions: they are the default tenant's.
    if tenant != DEFAULT_TENANT:
        return
    for expert in roster(service.orchestrator, tenant):
        found = kept_evaluation(home, expert.card.name) or (
            None if expert.card.kind == "adapter" else kept_evaluation(home, expert.card.model)
        )
        if found is None or not found.n or found.gate not in GATES:
            continue
        if GATES.canonical(found.gate) == name:
            yield expert.card.name, found


def _said(service: Service, name: str, tenant: str) -> list[Any]:
    with service.resources.database.reading() as session:
        return list(judgements(session, tenant, name))


def _fitted(service: Service, name: str, tenant: str) -> Iterator[tuple[str, Card]]:
    """The card of the gate of each expert, as far as it is known without loading the expert."""
    orchestrator = service.orchestrator
    in_use = GATES.canonical(orchestrator.gate_name) == name
    named = service.gate_card() if in_use else None
    if isinstance(orchestrator, PooledOrchestrator):
        for expert in roster(orchestrator, tenant):
            for card in shipped_cards("gate", name):
                if expert.card.kind == "local" and card.model == expert.card.model:
                    yield expert.card.name, card
        return
    one = orchestrator.expert
    if named is not None:
        yield one.name, named
        return
    for card in shipped_cards("gate", name):
        of_the_prompt = card.prompt_hash in ("", one.style.fingerprint)
        if card.model_fingerprint == one.model.fingerprint and of_the_prompt:
            yield one.name, card


def _reliability(card: Card) -> list[list[float]]:
    return [one for one in card.notes.get("reliability", ()) if one[2]]


def _set(service: Service, name: str) -> dict[str, float]:
    """The threshold that decides here, which settings may have put elsewhere than the card's."""
    orchestrator = service.orchestrator
    if isinstance(orchestrator, PooledOrchestrator):
        return {}
    threshold = getattr(orchestrator.gate, "threshold", None)
    if GATES.canonical(orchestrator.gate_name) != name or not isinstance(threshold, int | float):
        return {}
    return {orchestrator.expert.name: float(threshold)}


def _held_out(expert: str, card: Card, threshold: float | None) -> Record:
    bins = [Bin(p_know=p, memory=right, n=int(n)) for p, right, n in _reliability(card)]
    return Record(
        kind="held_out",
        expert=expert,
        source=f"questions held out when it was fitted{f' on {card.date}' if card.date else ''}",
        threshold=threshold,
        n=sum(one.n for one in bins),
        bins=bins,
    )
