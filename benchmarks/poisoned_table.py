"""The figures of `benchmarks.poisoned` as tables for the documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["markdown"]


def markdown(found: Mapping[str, Any]) -> str:
    """Return one table for each model of a result."""
    lines: list[str] = []
    for model in (name for name in found if name not in ("n", "sets")):
        lines += [
            f"**{model}**, {found['n']} questions, each with five passages:",
            "",
            "| filters | flipped | against none | right all the same | right, none false | "
            "against none | false passage read | told apart | ms a question |",
            "|---|---|---|---|---|---|---|---|---|",
            *(_row(name, row) for name, row in found[model]["filters"].items()),
            "",
            *_certified(found[model]),
        ]
    return "\n".join(lines) + "\n"


def _certified(found: Mapping[str, Any]) -> list[str]:
    if "certified" not in found:
        return []
    said = (
        "The most frequent answer from one passage each, none of them false, is right for "
        "{:.3f} of the questions; certainly so whatever one of the five says instead, for "
        "{:.3f}, and two, for {:.3f}."
    )
    return [said.format(*found["certified"]), ""]


def _row(name: str, row: Mapping[str, Any]) -> str:
    alone = name == "none"
    cells = [
        name if name in ("none", "default") else f"`{name}`",
        f"{row['flipped']:.3f}",
        "" if alone else _with_ends(row["flipped_less_none"]),
        f"{row['right']:.3f}",
        f"{row['clean_right']:.3f}",
        "" if alone else _with_ends(row["clean_right_less_none"]),
        f"{row['false_passage_read']:.2f}",
        f"{row['answered_apart']:.2f}",
        f"{row['filter_ms']:,.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _with_ends(found: Sequence[float]) -> str:
    return "{:+.3f} [{:+.3f}, {:+.3f}]".format(*found)
