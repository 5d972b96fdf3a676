"""The summary of an evaluation, laid out for people; nothing of it is left out.

Numbers of the whole run become tiles, members that were compared become a table with the best of
each column marked and every figure joined with its interval, and whatever else a summary holds is
listed under its dotted name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rag_router.eval.report.document import Interval
from rag_router.eval.report.glossary import LEADING, Term, term

__all__ = ["Comparison", "Headlines", "Tile", "headlines"]

_REFERENCES: Final = frozenset({"oracle"})
"""Bounds that nothing can beat; marking them as the best would say nothing."""

_ENDS: Final = "_95"
"""Ending of the name of a figure's interval, [low, high]."""

Figures = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure in large type."""

    label: str
    value: Any
    note: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Members of one kind, side by side.

    Attributes:
        title: What the members are.
        terms: The columns.
        rows: Name of each member and its cells; None where it has no such figure.
        best: (row, column) of the best cells of columns that have a better.
    """

    title: str
    terms: tuple[Term, ...]
    rows: tuple[tuple[str, tuple[Any, ...]], ...]
    best: frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Headlines:
    """A summary, laid out.

    Attributes:
        tiles: What is said first.
        comparisons: What was compared.
        others: Dotted name and value of everything else.
    """

    tiles: tuple[Tile, ...]
    comparisons: tuple[Comparison, ...]
    others: tuple[tuple[str, Any], ...]


def headlines(kind: str, summary: Mapping[str, Any]) -> Headlines:
    """Lay out what `--json` prints."""
    tiles: list[Tile] = []
    comparisons: list[Comparison] = []
    others: list[tuple[str, Any]] = []
    for key, value in summary.items():
        title = term(key).label
        if _has_members(value):
            members = {name: _with_ends(figures) for name, figures in value.items()}
            comparisons += _compared(title, members)
            tiles += _leader(LEADING.get(kind, ""), title, members)
        elif isinstance(value, dict | list):
            others += (
                (f"{title}: {name}" if name else title, leaf) for name, leaf in _leaves(value)
            )
        else:
            tiles.append(Tile(title, value, term(key).meaning))
    return Headlines(tuple(tiles), tuple(comparisons), tuple(others))


def _has_members(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(member, dict) for member in value.values())
    )


def _with_ends(figures: dict[str, Any]) -> dict[str, Any]:
    """Join each figure with its interval: "x" and "x_95", or [value, low, high], as `Interval`."""
    joined = {}
    for key, value in figures.items():
        ends: Any = figures.get(f"{key}{_ENDS}")
        if key.endswith(_ENDS) and _is_pair(value) and _is_number(figures.get(key[: -len(_ENDS)])):
            continue
        if _is_number(value) and _is_pair(ends):
            joined[key] = Interval(value, ends[0], ends[1])
        elif isinstance(value, list) and len(value) == 3 and all(map(_is_number, value)):
            joined[key] = Interval(*value)
        else:
            joined[key] = value
    return joined


def _compared(title: str, members: Figures) -> Iterator[Comparison]:
    """One table of the members' own figures, and one for each figure that has parts."""
    keys = list(dict.fromkeys(key for figures in members.values() for key in figures))
    parts = [key for key in keys if any(_has_parts(f.get(key)) for f in members.values())]
    whole = [key for key in keys if key not in parts]
    best = set()
    for column, key in enumerate(whole):
        winners = _winners(key, members)
        best |= {(row, column) for row, name in enumerate(members) if name in winners}
    yield Comparison(title, tuple(map(term, whole)), _rows(whole, members), frozenset(best))
    for key in parts:
        flat = {name: dict(_leaves(f[key])) for name, f in members.items() if key in f}
        columns = list(dict.fromkeys(column for leaves in flat.values() for column in leaves))
        heading = f"{title}: {term(key).label}"
        yield Comparison(heading, tuple(map(Term, columns)), _rows(columns, flat), frozenset())


def _rows(columns: Sequence[str], members: Figures) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    return tuple(
        (name, tuple(figures.get(column) for column in columns))
        for name, figures in members.items()
    )


def _leader(key: str, title: str, members: Figures) -> Iterator[Tile]:
    winners = _winners(key, members)
    if winners:
        name = next(name for name in members if name in winners)
        label = f"{term(key).label}, best of {title[:1].lower()}{title[1:]}"
        yield Tile(label, members[name][key], " and ".join(sorted(winners)))


def _winners(key: str, members: Figures) -> frozenset[str]:
    """Who is best in a figure: nobody where all are equal, or where neither way is better."""
    better = term(key).better
    seen = {
        name: value
        for name, figures in members.items()
        if name not in _REFERENCES and (value := _value(figures.get(key))) is not None
    }
    if not better or len(set(seen.values())) < 2:
        return frozenset()
    top = max(seen.values()) if better == "higher" else min(seen.values())
    return frozenset(name for name, value in seen.items() if value == top)


def _value(cell: Any) -> float | None:
    number = cell.value if isinstance(cell, Interval) else cell
    return number if _is_number(number) else None


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _has_parts(value: Any) -> bool:
    if isinstance(value, dict):
        return True
    return isinstance(value, list) and any(isinstance(part, dict | list) for part in value)


def _leaves(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names of all values; a list of bare values is one value."""
    if not _has_parts(tree):
        yield name, tree
        return
    for key, part in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield from _leaves(part, f"{name}.{key}" if name else str(key))
