"""How well questions were sent where they belong.

Every field counts the same, however many questions it has: a router that sends everything to the
largest one is right about few fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import Any

from rag_router.types import RouteChoice

__all__ = ["route_figures"]


def route_figures(
    choices: Sequence[Sequence[RouteChoice]], fields: Sequence[str]
) -> dict[str, Any]:
    """Compare where questions were sent with whose field they are from.

    Args:
        choices: For each question the experts that were visited, the likeliest first.
        fields: For each question the expert it belongs to.

    Returns:
        `right_first` and `right_visited`: whether the right expert came first, or was visited at
        all, as the mean over fields of the share of questions; `visited`: mean number of experts
        that a question visited; `right_first_by_field`.
    """
    first: dict[str, list[float]] = {}
    anywhere: dict[str, list[float]] = {}
    for chosen, field in zip(choices, fields, strict=True):
        names = [choice.name for choice in chosen]
        first.setdefault(field, []).append(float(names[:1] == [field]))
        anywhere.setdefault(field, []).append(float(field in names))
    by_field = {field: fsum(rows) / len(rows) for field, rows in sorted(first.items())}
    return {
        "right_first": _mean(list(by_field.values())),
        "right_visited": _mean([fsum(rows) / len(rows) for rows in anywhere.values()]),
        "visited": _mean([float(len(chosen)) for chosen in choices]),
        "right_first_by_field": {field: round(share, 4) for field, share in by_field.items()},
    }


def _mean(values: Sequence[float]) -> float:
    return round(fsum(values) / len(values), 4)
