"""The table of what `benchmarks.granular` found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["markdown"]

_COLUMNS: Final = {
    "nDCG@10": "ndcg@10",
    "recall@10": "recall@10",
    "first hit": "answer@1",
    "first 3": "answer@3",
    "first 5": "answer@5",
    "256 tokens": "answer@256 tokens",
    "512 tokens": "answer@512 tokens",
    "1,024 tokens": "answer@1024 tokens",
    "tokens of the first": "tokens_of_first",
}


def markdown(found: Mapping[str, Any]) -> str:
    """Return a row for each retriever; of nDCG and of the first three hits with 95 % intervals."""
    lines = [f"| retriever | {' | '.join(_COLUMNS)} |", "|---" * (1 + len(_COLUMNS)) + "|"]
    for name, row in found["retrievers"].items():
        lines.append(f"| {name} | {' | '.join(_cell(row, key) for key in _COLUMNS.values())} |")
    return "\n".join([*lines, "", _about(found)]) + "\n"


def _cell(row: Mapping[str, Any], key: str) -> str:
    value = row[key]
    if key == "tokens_of_first":
        return f"{value:,.0f}"
    ends = row.get(f"{key}_95") if key in ("ndcg@10", "answer@3") else None
    return f"{value:.3f}" + (f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else "")


def _about(found: Mapping[str, Any]) -> str:
    router, passages = found["router"], found["passages"]
    return (
        f"{found['held_out']} held-out questions about {found['pages']} pages, cut into "
        f"{passages['usual']:,} passages of the usual size or {passages['fine']:,} of half of it. "
        f"The router was fitted on {router['train']} other questions; of {router['held_out']} more "
        f"it names the best level of {router['agreement']:.0%}, and the commonest level is the "
        f"best of {router['most_frequent']:.0%}."
    )
