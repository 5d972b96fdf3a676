"""Running filters one after another, whatever becomes of one of them.

A filter that raises, or that breaks its contract, is left out for the question that it failed
with, and the evidence says so. A filter that guards against hostile text goes before all others,
and where it fails it is tried on each passage by itself: one that it cannot judge is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag_router import telemetry
from rag_router.errors import CancelledError, UsageError
from rag_router.filters.base import (
    Concluded,
    ConcludingFilter,
    Filter,
    FilterContext,
    GuardingFilter,
)
from rag_router.types import Degradation, Evidence, Hit, Judged

__all__ = ["run_filters"]

_OURS = (CancelledError, UsageError)
"""What is no failure of a filter: to be stopped, and to be asked for what makes no sense."""


def run_filters(
    filters: Sequence[Filter],
    questions: Sequence[str],
    hits: Sequence[Sequence[Hit]],
    context: FilterContext,
    *,
    strict: bool = False,
) -> list[Evidence]:
    """Run a chain of filters over the hits of each question.

    The evidence's support is what a filter concluded from all kept passages together, unless a
    later one dropped some of them; else that of its best kept passage: one passage that holds the
    answer is enough. Its notes say which filters were left out.

    Args:
        filters: In order; those that guard against hostile text go first, wherever they stand.
        questions: What is asked.
        hits: What was found for each question.
        context: What filters may ask of the model.
        strict: Let a filter that fails raise, as whoever measures it wants.
    """
    found = [Concluded(tuple(Judged(hit=hit) for hit in line)) for line in hits]
    notes: list[list[Degradation]] = [[] for _ in found]
    for one in sorted(filters, key=lambda one: not isinstance(one, GuardingFilter)):
        lines = [line.judged for line in found]
        if strict:
            made = _checked(one, questions, lines, context)
        else:
            made = _made(one, questions, lines, context, notes)
        found = [_followed(before, after) for before, after in zip(found, made, strict=True)]
    return [
        Evidence(judged=line.judged, groups=line.groups, support=_support(line), notes=tuple(told))
        for line, told in zip(found, notes, strict=True)
    ]


def _made(
    one: Filter,
    questions: Sequence[str],
    lines: Sequence[tuple[Judged, ...]],
    context: FilterContext,
    notes: Sequence[list[Degradation]],
) -> list[Concluded]:
    """Let a filter judge; where it fails, it judges each question by itself."""
    try:
        return _checked(one, questions, lines, context)
    except _OURS:
        raise
    except Exception as exc:  # noqa: BLE001  # whatever a filter of anybody's may raise
        if len(lines) == 1:
            return [_without(one, questions[0], lines[0], context, notes=notes[0], exc=exc)]
    return [
        _made(one, [question], [line], _of(context, row), [told])[0]
        for row, (question, line, told) in enumerate(zip(questions, lines, notes, strict=True))
    ]


def _of(context: FilterContext, row: int) -> FilterContext:
    return replace(context, rows=context.rows[row : row + 1])


def _without(
    one: Filter,
    question: str,
    line: tuple[Judged, ...],
    context: FilterContext,
    *,
    notes: list[Degradation],
    exc: Exception,
) -> Concluded:
    """Go on without a filter, and without what only it could have made harmless."""
    name = type(one).__name__
    telemetry.count(telemetry.FILTER_FAILURES, filter=name)
    # What an exception says may hold the text of a passage, and is for the log alone.
    telemetry.logger.warning("the filter %s raised", name, exc_info=exc)
    notes.append(Degradation(stage="filter", what=f"{name} was left out: {type(exc).__name__}"))
    if isinstance(one, GuardingFilter):
        line = tuple(_guarded(one, question, judged, context) for judged in line)
    return Concluded(line)


def _guarded(one: GuardingFilter, question: str, judged: Judged, context: FilterContext) -> Judged:
    if not judged.kept:
        return judged
    try:
        return _checked(one, [question], [(judged,)], context)[0].judged[0]
    except _OURS:
        raise
    except Exception:  # noqa: BLE001  # told before; hostile text is not let through for it
        return replace(judged, kept=False, why=f"it could not be guarded against {one.guards}")


def _checked(
    one: Filter,
    questions: Sequence[str],
    lines: Sequence[tuple[Judged, ...]],
    context: FilterContext,
) -> list[Concluded]:
    """Let a filter judge, and make sure that it kept to what a filter is.

    Raises:
        ValueError: it added or reordered passages, brought a dropped one back, or made one longer.
    """
    made = _concluded(one, questions, lines, context)
    if len(made) != len(lines):
        raise ValueError(f"{len(made)} questions came back of {len(lines)}.")
    for before, after in zip(lines, made, strict=True):
        if [j.hit.passage.id for j in before] != [j.hit.passage.id for j in after.judged]:
            raise ValueError("other passages came back than went in.")
        for old, new in zip(before, after.judged, strict=True):
            if new.kept and not old.kept:
                raise ValueError("a passage came back that had been dropped.")
            if new.kept and _longer(old, new, context):
                raise ValueError("a passage came back longer than it was.")
    return made


def _longer(old: Judged, new: Judged, context: FilterContext) -> bool:
    was, now = old.hit.passage, new.hit.passage
    return any(
        left != right and context.count_tokens(right) > context.count_tokens(left)
        for left, right in ((was.title, now.title), (was.text, now.text))
    )


def _concluded(
    one: Filter,
    questions: Sequence[str],
    lines: Sequence[Sequence[Judged]],
    context: FilterContext,
) -> list[Concluded]:
    if isinstance(one, ConcludingFilter):
        return one.conclude(questions, lines, context)
    return [Concluded(tuple(line)) for line in one.judge(questions, lines, context)]


def _followed(before: Concluded, after: Concluded) -> Concluded:
    """Put together what was concluded before a filter and what follows from it."""
    support = after.support
    if support is None and _texts(before) == _texts(after):
        support = before.support
    return replace(after, groups=(*before.groups, *after.groups), support=support)


def _texts(line: Concluded) -> list[str]:
    return [one.hit.passage.text for one in line.judged if one.kept]


def _support(line: Concluded) -> float | None:
    kept = [one for one in line.judged if one.kept]
    if not kept:
        return 0.0 if line.judged else None
    if line.support is not None:
        return line.support
    return max((one.support for one in kept if one.support is not None), default=None)
