"""The page about a measurement of retrievers: their figures, and what became of every query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rag_router.eval.report import Interval, Report, Table
from rag_router.eval.retrieval import RetrievalRun

__all__ = ["retrieval_report"]


def retrieval_report(
    run: RetrievalRun, summary: Mapping[str, Any], manifest: Mapping[str, Any], *, title: str
) -> Report:
    """Put figures and a row for each query together.

    Args:
        run: What was found.
        summary: What the command prints.
        manifest: What the run was made with.
        title: Heading of the page.
    """
    ndcg, recall, mrr = (f"{name}@{run.k}" for name in ("ndcg", "recall", "mrr"))
    rows = tuple(
        (
            name,
            Interval(row[ndcg], *row[f"{ndcg}_95"]),
            row[recall],
            row[mrr],
            row["ms_per_query"],
            row["search_ms_per_query"],
        )
        for name, row in summary["retrievers"].items()
    )
    table = Table(
        "Retrievers",
        (
            "retriever",
            f"nDCG@{run.k}",
            f"recall@{run.k}",
            f"MRR@{run.k}",
            "ms a query",
            "of it search",
        ),
        rows,
        note="nDCG with its 95 % bootstrap interval. Times are means over batches, after one "
        "batch that is not timed; every query is embedded, whoever is asked.",
    )
    figures = {name: run.by_query(name) for name in run.found}
    return Report(
        kind="retrieval",
        title=title,
        summary=summary,
        manifest=manifest,
        tables=(table, *_routing(run, summary)),
        questions=tuple(
            {
                "id": query,
                "question": text,
                "relevant": sum(grade > 0 for grade in run.qrels[query].values()),
                **{f"{ndcg} {name}": round(of[ndcg][query], 4) for name, of in figures.items()},
                **{f"{name} found nothing": of[mrr][query] == 0 for name, of in figures.items()},
            }
            for query, text in run.queries.items()
        ),
        flags=tuple(f"{name} found nothing" for name in figures),
    )


def _routing(run: RetrievalRun, summary: Mapping[str, Any]) -> tuple[Table, ...]:
    """Say how well questions were sent where they belong, and how each field fares."""
    ndcg = f"ndcg@{run.k}"
    fields = sorted(set(run.fields.values()))
    tables: list[Table] = []
    if run.choices:
        keys = ("right_first", "right_visited", "visited")
        tables.append(
            Table(
                "Routing",
                ("retriever", "right first", "right visited", "experts visited"),
                tuple(
                    (name, *(summary["retrievers"][name].get(key) for key in keys))
                    for name in run.choices
                ),
                note="Right first: the expert that a query belongs to was the likeliest; mean over "
                "experts.",
            )
        )
    if fields:
        tables.append(
            Table(
                f"nDCG@{run.k} of each expert's queries",
                ("retriever", "mean", *fields),
                tuple(
                    (name, row[f"{ndcg}_over_fields"], *row[f"{ndcg}_by_field"].values())
                    for name, row in summary["retrievers"].items()
                ),
            )
        )
    return tuple(tables)
