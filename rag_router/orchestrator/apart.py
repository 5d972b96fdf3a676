"""Answering apart: groups of passages that disagree go through the stages each on its own.

After COrg (Lee et al. 2025, arXiv 2505.00023): what contradicts is never read in one prompt, and
the answer tells of every side. At most one side is right, so that with the odds o of each, taken
from how sure its answer is by itself, side i is right with

    P(i) = o(i) / (1 + sum o)        o = c / (1 - c)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from rag_router.filters.votes import count_votes
from rag_router.orchestrator.work import Work
from rag_router.scoring import first_line
from rag_router.types import Citation, Evidence, Group, Judged, Side

__all__ = ["Parted", "put_together", "take_apart"]

_READ_FROM_PASSAGES: Final = ("contextual", "contrast")
_ANSWERED: Final = (
    "plan",
    "prompts",
    "streams",
    "sent",
    "trust",
    "divergence",
    "agreed",
    "generation",
    "verified",
    "confidence",
    "outlook",
    "unsaid",
    "citations",
)
"""What belongs to one answer, and is taken over with it."""
_UNREAD: Final = "not read: it belongs to no side of what the passages disagree on"
_CERTAIN: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Parted:
    """A question whose passages disagree, and the parts that are answered in its place.

    Attributes:
        whole: The question.
        parts: It again, with the passages of one group each; the largest group first.
        groups: Those groups.
    """

    whole: Work
    parts: tuple[Work, ...]
    groups: tuple[Group, ...]


def take_apart(work: Sequence[Work]) -> tuple[list[Work], list[Parted]]:
    """Part the questions that are to be answered apart.

    Returns:
        What goes through the stages that follow, the parts in place of their wholes; and what is
        to be put together again after them.
    """
    going: list[Work] = []
    parted: list[Parted] = []
    for one in work:
        groups = [(group, _members(one, group)) for group in one.evidence.groups if group.apart]
        groups = sorted(((g, some) for g, some in groups if some), key=lambda pair: -len(pair[1]))
        if len(groups) < 2 or one.plan not in _READ_FROM_PASSAGES:
            going.append(one)
            continue
        parts = tuple(_part(one, some) for _, some in groups)
        parted.append(Parted(one, parts, tuple(group for group, _ in groups)))
        going.extend(parts)
    return going, parted


def put_together(parted: Sequence[Parted]) -> None:
    """Let each question go on with what its parts say: one answer, or the sides of several."""
    for one in parted:
        whole, sides = one.whole, _sides(one.parts)
        best = max((side[0] for side in sides), key=lambda p: p.confidence, default=one.parts[0])
        for name in _ANSWERED:
            setattr(whole, name, getattr(best, name))
        whole.read_rows += sum(part.read_rows for part in one.parts)
        whole.read_tokens += sum(part.read_tokens for part in one.parts)
        whole.decoded_rows += sum(part.decoded_rows for part in one.parts)
        whole.late = whole.late or any(part.late for part in one.parts)
        whole.evidence = _evidence(whole.evidence, one.parts)
        trusts = [part.trust for part in one.parts if part.trust is not None]
        whole.trust = min(trusts, default=None)
        if len(sides) > 1:
            _tell_all(whole, sides, ambiguous=one.groups[0].relation == "ambiguous")
        elif sides:
            whole.citations = tuple(c for part in sides[0] for c in part.citations)


def _tell_all(whole: Work, sides: Sequence[Sequence[Work]], *, ambiguous: bool) -> None:
    """Put the answers of all sides into one, the likeliest first."""
    odds = [_odds(max(part.confidence for part in side)) for side in sides]
    ranked = sorted(zip(odds, sides, strict=True), key=lambda pair: -pair[0])
    numbers = {_name(j): n for n, j in enumerate(whole.evidence.kept, start=1)}
    told = "It depends on which one is meant: " if ambiguous else "Passages disagree: "
    out: list[Side] = []
    for number, (odd, parts) in enumerate(ranked):
        cited = [c for part in parts for c in part.citations]
        answer = _answer(parts[0])
        told += "; " if number else ""
        span = (len(told), len(told) + len(answer))
        # Every passage that says so is cited; the text names the best one.
        told += f"{answer} [{numbers[cited[0].index, cited[0].passage_id]}]"
        out.append(
            Side(
                answer=answer,
                confidence=odd / (1 + sum(odds)),
                passages=tuple(_name(j) for part in parts for j in part.evidence.kept),
                citations=tuple(_moved(c, *span) for c in cited),
            )
        )
    whole.told, whole.sides, whole.confidence = told, tuple(out), out[0].confidence
    whole.note("verify", "how sure each side is follows from each by itself; it was not fitted")
    whole.generation = ranked[0][1][0].generation
    whole.citations = tuple(c for side in out for c in side.citations)


def _sides(parts: Sequence[Work]) -> list[list[Work]]:
    """Parts that say the same are one side; what stands in none of its passages is none."""
    sides: list[list[Work]] = []
    for part in parts:
        if part.plan not in _READ_FROM_PASSAGES or not part.citations:
            continue
        for side in sides:
            if count_votes([_answer(side[0]), _answer(part)]).best > 1:
                side.append(part)
                break
        else:
            sides.append([part])
    return sides


def _part(one: Work, some: tuple[Judged, ...]) -> Work:
    supports = [j.support for j in some if j.support is not None]
    evidence = Evidence(judged=some, support=max(supports, default=None))
    return replace(one, evidence=evidence, read_rows=0, read_tokens=0, decoded_rows=0, part=True)


def _evidence(whole: Evidence, parts: Sequence[Work]) -> Evidence:
    read = {_name(j): j for part in parts for j in part.evidence.judged}
    judged = tuple(
        read.get(_name(j), replace(j, kept=False, why=_UNREAD) if j.kept else j)
        for j in whole.judged
    )
    return replace(whole, judged=judged)


def _members(one: Work, group: Group) -> tuple[Judged, ...]:
    return tuple(j for j in one.evidence.kept if _name(j) in group.passages)


def _answer(one: Work) -> str:
    return first_line(one.generation.text).strip() if one.generation is not None else ""


def _odds(confidence: float) -> float:
    sure = min(max(confidence, _CERTAIN), 1 - _CERTAIN)
    return sure / (1 - sure)


def _moved(citation: Citation, start: int, end: int) -> Citation:
    return replace(citation, answer_start=start, answer_end=end)


def _name(judged: Judged) -> tuple[str, str]:
    return judged.hit.passage.index, judged.hit.passage.id
