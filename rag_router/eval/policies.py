"""When to retrieve: never, always, as a gate says, by popularity, at random, or as an oracle.

All policies answer the same questions through the same service; only the decision to look
something up differs. What they share is answered once: the answer of a policy to a question is
the service's answer with retrieval switched on or off, so that policies are rows of choices.

popularity   retrieve for entities less popular than a threshold (Mallen et al. 2023, arXiv
             2212.10511), chosen on the other four fifths of the questions
random       retrieve at the gate's rate, whatever the question; expected values, not one draw
oracle       the cheapest right answer among all compared policies, else the cheapest answer
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_router.calibration import even_folds
from rag_router.eval.answering import Record
from rag_router.eval.metrics.answers import judge
from rag_router.eval.metrics.bootstrap import Bootstrap
from rag_router.types import Question

__all__ = [
    "Column",
    "Outcomes",
    "Policy",
    "by_popularity",
    "columns_of",
    "compare",
    "outcomes_of",
    "popularity_of",
]

_FOLDS = 5
"""Parts of the questions; a threshold for one is found on the other four."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What a service got right and what it cost, each of shape (n,).

    Attributes:
        right: Whether the answer was right.
        em: Whether it was a gold answer and nothing else.
        f1: Token F1.
        abstained: Whether there was no answer.
        retrieved: Whether something was looked up.
        passes: Rows through the language model.
        calls: Retrievers asked.
        prompt_tokens: Tokens read.
        ms: Milliseconds.
    """

    right: NDArray[np.float64]
    em: NDArray[np.float64]
    f1: NDArray[np.float64]
    abstained: NDArray[np.float64]
    retrieved: NDArray[np.float64]
    passes: NDArray[np.float64]
    calls: NDArray[np.float64]
    prompt_tokens: NDArray[np.float64]
    ms: NDArray[np.float64]


def outcomes_of(questions: Sequence[Question], records: Sequence[Record]) -> Outcomes:
    """Judge what was answered."""
    judged = [judge(q, r.answer) for q, r in zip(questions, records, strict=True)]

    def column(values: Any) -> NDArray[np.float64]:
        return np.array(list(values), dtype=np.float64)

    return Outcomes(
        right=column(one.right for one in judged),
        em=column(one.em for one in judged),
        f1=column(one.f1 for one in judged),
        abstained=column(r.answer is None for r in records),
        retrieved=column(r.retrieve for r in records),
        passes=column(r.lm_forward_passes for r in records),
        calls=column(r.retriever_calls for r in records),
        prompt_tokens=column(r.prompt_tokens for r in records),
        ms=column(r.ms for r in records),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How often each question is answered by each service.

    Attributes:
        name: Of the policy.
        shares: For each service, the probability in [0, 1] that it answers, shape (n,); they sum
            to 1 for every question.
    """

    name: str
    shares: Mapping[str, NDArray[np.float64]]

    @classmethod
    def switch(cls, name: str, retrieve: NDArray[Any], *, off: str, on: str) -> Policy:
        """Use one service where `retrieve` is true (or as often as it says), else the other."""
        share = np.asarray(retrieve, dtype=np.float64)
        return cls(name=name, shares={off: 1 - share, on: share})


def popularity_of(questions: Sequence[Question]) -> NDArray[np.float64] | None:
    """Monthly page views of each question's entity; None where fewer than all have them."""
    found = []
    for question in questions:
        views = next(
            (question.meta[key] for key in ("s_pop", "popularity") if key in question.meta), None
        )
        if not isinstance(views, int | float):
            return None
        found.append(float(views))
    return np.array(found) if found else None


def by_popularity(
    popularity: NDArray[np.float64],
    never: NDArray[np.float64],
    always: NDArray[np.float64],
    *,
    seed: int = 0,
) -> NDArray[np.bool_]:
    """Choose for each question whether to retrieve, by a threshold found on the others.

    Of thresholds that are equally good the lowest counts, which looks up the fewest.
    """
    fold = _folds(always > never, seed)
    out = np.empty(len(popularity), dtype=bool)
    for number in range(_FOLDS):
        rest, test = fold != number, fold == number
        limits = np.concatenate([[-np.inf], np.unique(popularity[rest]), [np.inf]])
        scores = [
            np.where(popularity[rest] < limit, always[rest], never[rest]).sum() for limit in limits
        ]
        out[test] = popularity[test] < limits[int(np.argmax(scores))]
    return out


@dataclass(frozen=True, slots=True)
class Column:
    """What one policy comes to, question by question; all but `ms` are expected values.

    Attributes:
        outcomes: Its outcomes.
        weights: Of `times`.
        times: Milliseconds of every answer it may give, shape (m,).
    """

    outcomes: Outcomes
    times: NDArray[np.float64]
    weights: NDArray[np.float64]


def columns_of(services: Mapping[str, Outcomes], policies: Sequence[Policy]) -> dict[str, Column]:
    """Work every policy out, and the oracle over all of them."""
    found = {policy.name: _column(services, policy) for policy in policies}
    found["oracle"] = _column(services, _oracle(services, policies))
    return found


def compare(
    columns: Mapping[str, Column], *, against: str = "always", seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Return the figures of every policy, with paired bootstrap intervals of 95 %.

    Args:
        columns: From `columns_of`.
        against: The policy that differences are taken from.
        seed: Of the draws.
    """
    bootstrap = Bootstrap(seed=seed)
    rows: dict[str, dict[str, Any]] = {}
    for name, column in columns.items():
        one = column.outcomes
        ends = bootstrap.mean(one.right)
        tokens = float(one.prompt_tokens.mean())
        row: dict[str, Any] = {
            "accuracy": ends.value,
            "accuracy_95": [ends.low, ends.high],
            "em": float(one.em.mean()),
            "f1": float(one.f1.mean()),
            "retrieval_rate": float(one.retrieved.mean()),
            "abstained": float(one.abstained.mean()),
            "lm_forward_passes": float(one.passes.mean()),
            "retriever_calls": float(one.calls.mean()),
            "prompt_tokens": tokens,
            "p50_ms": _quantile(column, 0.5),
            "p95_ms": _quantile(column, 0.95),
        }
        if tokens:
            row["em_per_1000_prompt_tokens"] = 1000 * float(one.em.mean()) / tokens
        if against in columns and name != against:
            gap = bootstrap.mean_difference(one.right, columns[against].outcomes.right)
            row[f"accuracy_minus_{against}"] = [gap.value, gap.low, gap.high]
        rows[name] = row
    return rows


def _folds(helped: NDArray[np.bool_], seed: int) -> NDArray[np.int64]:
    """The number of each question's fold; those that retrieval helps are spread evenly."""
    if min(helped.sum(), (~helped).sum()) < 2:  # nothing to spread
        return np.random.default_rng(seed).permutation(len(helped)) % _FOLDS
    return even_folds(helped, _FOLDS, seed)


def _column(services: Mapping[str, Outcomes], policy: Policy) -> Column:
    mixed = {
        field: sum(
            (share * getattr(services[name], field) for name, share in policy.shares.items()),
            start=np.zeros(1),
        )
        for field in Outcomes.__dataclass_fields__
    }
    return Column(
        Outcomes(**mixed),
        times=np.concatenate([services[name].ms for name in policy.shares]),
        weights=np.concatenate(list(policy.shares.values())),
    )


def _oracle(services: Mapping[str, Outcomes], policies: Sequence[Policy]) -> Policy:
    used = [
        name
        for name in services
        if any((p.shares.get(name, np.zeros(1)) > 0).any() for p in policies)
    ]
    # Looking something up costs more than answering from memory, whatever the model is.
    price = np.array([services[name].calls * 1e6 + services[name].passes for name in used])
    right = np.array([services[name].right > 0 for name in used])
    allowed = np.array(
        [
            np.any([p.shares.get(name, np.zeros(len(price[0]))) > 0 for p in policies], axis=0)
            for name in used
        ]
    )
    order = np.where(allowed, np.where(right, price, price + 1e12), np.inf)
    chosen = order.argmin(axis=0)
    return Policy(
        name="oracle",
        shares={name: (chosen == at).astype(np.float64) for at, name in enumerate(used)},
    )


def _quantile(column: Column, q: float) -> float:
    order = np.argsort(column.times)
    weights = np.cumsum(column.weights[order])
    at = int(np.searchsorted(weights, q * weights[-1]))
    return float(column.times[order][min(at, len(order) - 1)])
