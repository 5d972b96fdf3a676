"""What an evaluation report is made of: values that JSON has room for, and nothing else.

Everything is checked when it is made. A number that is not finite is refused with its name:
a figure that does not exist is left out, because JSON cannot say nan.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, ConfigDict, Field, FiniteFloat
from pydantic.dataclasses import dataclass

from rag_router.eval.report.plain import plain

__all__ = [
    "Bars",
    "Cell",
    "Curve",
    "Distribution",
    "Figure",
    "Interval",
    "Kind",
    "Lines",
    "Mark",
    "Reliability",
    "ReliabilityCurve",
    "Report",
    "Sample",
    "Series",
    "Table",
]

Kind = Literal["gates", "answers", "retrieval", "conflict", "routing", "filters"]

Numbers = tuple[FiniteFloat, ...]

_EXACT = ConfigDict(extra="forbid")


class Interval(NamedTuple):
    """A figure with its confidence interval, shown as ".53 [.50, .56]"."""

    value: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat


def _cell(value: object) -> object:
    """Let anything that has a value, a low and a high end, or three numbers, be an interval."""
    ends = [getattr(value, name, None) for name in Interval._fields]
    parts = value if isinstance(value, list | tuple) else ends
    if None not in parts:
        return Interval(*plain(parts))
    return plain(value)


Cell = Annotated[bool | int | FiniteFloat | str | Interval | None, BeforeValidator(_cell)]
Row = Annotated[Mapping[str, bool | int | FiniteFloat | str | None], BeforeValidator(plain)]
Tree = Annotated[Mapping[str, Any], BeforeValidator(plain)]


@dataclass(frozen=True, slots=True, config=_EXACT)
class Table:
    """Figures side by side.

    Attributes:
        title: What the table shows.
        columns: Headings; the first names the rows.
        rows: As many cells each as there are columns; None is an empty cell.
        note: What a reader must know, such as how the intervals were made.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.title!r} has {len(self.columns)} columns, but a row of {len(row)}"
                )


@dataclass(frozen=True, slots=True, config=_EXACT)
class Curve:
    """A named line through points."""

    name: str
    x: Numbers
    y: Numbers

    def __post_init__(self) -> None:
        _same_length(self.name, x=self.x, y=self.y)


@dataclass(frozen=True, slots=True, config=_EXACT)
class Mark:
    """A named point, labelled where it stands."""

    name: str
    x: FiniteFloat
    y: FiniteFloat


@dataclass(frozen=True, slots=True, config=_EXACT)
class Lines:
    """Curves and marked points over two axes, such as accuracy against retrieval rate.

    Attributes:
        title: What is shown.
        x_label: Name and unit of the horizontal axis.
        y_label: Name and unit of the vertical axis.
        curves: May be none, where the marks say it all.
        marks: Points of reference, such as "never" and "always".
    """

    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    marks: tuple[Mark, ...] = ()
    figure: Literal["lines"] = "lines"


@dataclass(frozen=True, slots=True, config=_EXACT)
class Series:
    """Bars of one colour, one for each group.

    Attributes:
        name: What the bars have in common.
        values: None where a group has no such figure.
        lows: Lower ends of the intervals; empty for bars without intervals.
        highs: Upper ends, likewise.
    """

    name: str
    values: tuple[FiniteFloat | None, ...]
    lows: tuple[FiniteFloat | None, ...] = ()
    highs: tuple[FiniteFloat | None, ...] = ()

    def __post_init__(self) -> None:
        if self.lows or self.highs:
            _same_length(self.name, values=self.values, lows=self.lows, highs=self.highs)


@dataclass(frozen=True, slots=True, config=_EXACT)
class Bars:
    """Groups of bars with intervals, such as what each strategy follows in a conflict.

    Attributes:
        title: What is shown.
        y_label: Name and unit of the vertical axis.
        groups: What stands under the bars.
        series: As many values each as there are groups.
    """

    title: str
    y_label: str
    groups: tuple[str, ...]
    series: tuple[Series, ...]
    figure: Literal["bars"] = "bars"

    def __post_init__(self) -> None:
        for one in self.series:
            _same_length(one.name, groups=self.groups, values=one.values)


@dataclass(frozen=True, slots=True, config=_EXACT)
class ReliabilityCurve:
    """How often something was right, by how sure it was.

    Attributes:
        name: Who was sure.
        confidence: Mean stated probability of each bin, in [0, 1].
        accuracy: Share of the bin that was right, in [0, 1].
        count: Questions in the bin; leave empty bins out.
    """

    name: str
    confidence: Numbers
    accuracy: Numbers
    count: tuple[Annotated[int, Field(ge=1)], ...]

    def __post_init__(self) -> None:
        _same_length(
            self.name, confidence=self.confidence, accuracy=self.accuracy, count=self.count
        )


@dataclass(frozen=True, slots=True, config=_EXACT)
class Reliability:
    """One reliability diagram for each curve."""

    title: str
    curves: tuple[ReliabilityCurve, ...]
    figure: Literal["reliability"] = "reliability"


class Sample(NamedTuple):
    """A name and the values that were measured under it, in any order."""

    name: str
    values: Numbers


@dataclass(frozen=True, slots=True, config=_EXACT)
class Distribution:
    """How values such as latencies are spread: one empirical distribution for each sample.

    Attributes:
        title: What is shown.
        x_label: Name and unit of the values.
        series: Samples; a bare (name, values) will do.
    """

    title: str
    x_label: str
    series: tuple[Sample, ...]
    figure: Literal["distribution"] = "distribution"


Figure = Annotated[Lines | Bars | Reliability | Distribution, Field(discriminator="figure")]


@dataclass(frozen=True, slots=True, kw_only=True, config=_EXACT)
class Report:
    """One evaluation: what was measured, on what, and what became of every question.

    Attributes:
        kind: What was evaluated.
        title: Heading of the page.
        summary: Exactly what the command prints with `--json`.
        manifest: What it takes to make the run again.
        tables: Figures in more detail than the summary.
        figures: Pictures, in the order in which they are shown.
        questions: Rows of the per-question table; each has "id" and "question".
        flags: Boolean columns of the questions that a reader can filter by.
    """

    kind: Kind
    title: str
    summary: Tree
    manifest: Tree
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    questions: tuple[Row, ...] = ()
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for at, row in enumerate(self.questions):
            if missing := {"id", "question"} - row.keys():
                raise ValueError(f"question {at} lacks {' and '.join(sorted(missing))}")
            wrong = [flag for flag in self.flags if not isinstance(row.get(flag), bool | None)]
            if wrong:
                raise ValueError(f"question {row['id']}: flag {wrong[0]!r} is {row[wrong[0]]!r}")
        if self.questions and (unknown := set(self.flags) - set(self.columns)):
            raise ValueError(f"no question has the flag {min(unknown)!r}")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the per-question table, in the order of their first appearance."""
        return tuple(dict.fromkeys(key for row in self.questions for key in row))


def _same_length(name: str, **parts: tuple[object, ...]) -> None:
    if len({len(part) for part in parts.values()}) > 1:
        seen = ", ".join(f"{len(part)} {key}" for key, part in parts.items())
        raise ValueError(f"{name!r} has {seen}, which should be as many")
