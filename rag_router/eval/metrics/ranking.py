"""How well a ranking puts the relevant documents first, through ir-measures.

MacAvaney, Macdonald and Ounis 2022 (arXiv 2111.13466). nDCG is Jarvelin and Kekalainen's (2002,
doi 10.1145/582415.582418) with the relevance itself as gain and 1 / log2(1 + rank) as discount;
the binary figures count relevance >= 1.

Providers break equal scores by document name, one upwards and another downwards, and one of them
reads scores in single precision. So each run is numbered here before they see it: the higher score
first, equal scores in the order they are given in.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rag_router.errors import DataError, UnavailableError, UnknownNameError

__all__ = ["Qrels", "Run", "ranking_by_query", "ranking_figures"]

Run = Mapping[str, Mapping[str, float]]
"""Query -> document -> score, higher is better."""

Qrels = Mapping[str, Mapping[str, int]]
"""Query -> document -> relevance, >= 0; what is not named is not relevant."""

_FAMILIES = {
    "ndcg": "nDCG",
    "recall": "R",
    "mrr": "RR",
    "precision": "P",
    "success": "Success",
    "map": "AP",
}
_NAME = re.compile(r"(?P<family>[a-z]+)(?:@(?P<cutoff>[1-9]\d{0,5}))?")
_KNOWN = ("ndcg@10", "recall@10", "mrr@10", "precision@10", "success@10", "map")


def ranking_figures(
    run: Run, qrels: Qrels, names: Sequence[str] = ("ndcg@10", "recall@10", "mrr@10")
) -> dict[str, float]:
    """Return the mean of each measure over all judged queries.

    Args:
        run: What was found. Queries nobody judged are left out.
        qrels: What is relevant. A judged query without results, or without a relevant document,
            counts as 0.
        names: "ndcg@10", "recall@10", "mrr@10", "precision@10", "success@10" at any cutoff; "map"
            with or without one. Cutoffs count documents.

    Raises:
        DataError: nothing is judged, no query of the run is, a score is NaN or infinite, or a
            relevance is no whole number from 0.
        UnknownNameError: a measure is not known.
        UnavailableError: ir-measures is not installed.
    """
    by_query = ranking_by_query(run, qrels, names)
    return {name: math.fsum(values.values()) / len(values) for name, values in by_query.items()}


def ranking_by_query(
    run: Run, qrels: Qrels, names: Sequence[str] = ("ndcg@10", "recall@10", "mrr@10")
) -> dict[str, dict[str, float]]:
    """Return each measure of each judged query, in the order of `qrels`; see `ranking_figures`."""
    _check(run, qrels)
    measures = {_measure(name): name for name in names}
    found = {name: dict.fromkeys(qrels, 0.0) for name in names}
    ranked = {query: _numbered(query, run.get(query, {})) for query in qrels}
    judged = {q: {d: int(r) for d, r in documents.items()} for q, documents in qrels.items()}
    ir_measures = _ir_measures()
    for one in ir_measures.iter_calc(list(measures), judged, ranked):
        found[measures[one.measure]][one.query_id] = float(one.value)
    return found


def _numbered(query: str, scores: Mapping[str, float]) -> dict[str, float]:
    odd = [document for document, score in scores.items() if not math.isfinite(score)]
    if odd:
        raise DataError(
            f"query {query}: {len(odd)} of {len(scores)} scores are NaN or infinite, "
            f"the first of document {odd[0]!r}."
        )
    best_first = sorted(scores, key=lambda document: -scores[document])
    return {document: float(-place) for place, document in enumerate(best_first)}


def _measure(name: str) -> Any:
    said = _NAME.fullmatch(name)
    family = _FAMILIES.get(said["family"]) if said else None
    if said is None or family is None or not (said["cutoff"] or family == "AP"):
        raise UnknownNameError("ranking measure", name, _KNOWN)
    measure = getattr(_ir_measures(), family)
    return measure @ int(said["cutoff"]) if said["cutoff"] else measure


def _check(run: Run, qrels: Qrels) -> None:
    if not qrels:
        raise DataError("no query is judged.", hint="Give qrels: query, document, relevance.")
    if any(run.values()) and not run.keys() & qrels.keys():
        raise DataError(
            f"none of {len(run)} queries is among the {len(qrels)} judged ones: "
            f"{next(iter(run))!r} and {next(iter(qrels))!r}.",
            hint="Use the same query ids in both.",
        )
    for query, documents in qrels.items():
        for document, relevance in documents.items():
            if not relevance >= 0 or relevance % 1:
                raise DataError(
                    f"query {query}: the relevance of {document!r} is {relevance}.",
                    hint="Use whole numbers from 0.",
                )


def _ir_measures() -> Any:
    try:
        import ir_measures
    except ImportError as exc:
        raise UnavailableError(
            "ranking measures need ir-measures.", hint="Run: pip install 'rag-router[eval]'"
        ) from exc
    return ir_measures
