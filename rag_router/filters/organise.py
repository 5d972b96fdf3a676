"""Put the passages of a question in order: what repeats, what is of another, what contradicts.

After COrg (Lee et al. 2025, "Generating answers from complex, interrelated contexts",
arXiv 2505.00023): a graph of relations between passages, and groups of them that are read each
on its own, so that what contradicts is never mixed in one prompt. Its four relations are kept:

    duplicate      |S(a) & S(b)| / min(|S(a)|, |S(b)|) >= threshold, over word shingles S
                   (Broder 1997, doi 10.1109/SEQUEN.1997.666900), and no other number or name in
                   the same place
    ambiguous      one name, and other words in parentheses or other years behind it
    contradicting  other answers from each passage alone; or sentences that are otherwise alike
                   and hold another number or name in the same place
    distracting    none of these

There a language model finds names and descriptors; here the words themselves do, and the
generator is asked for answers only where `answers` says so, or somebody asked before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.filters.alone import known_alone, said_alone
from rag_router.filters.base import Concluded, FilterContext
from rag_router.filters.redundancy import RedundancyFilter
from rag_router.filters.relations import bearer, content_words, other_filling
from rag_router.filters.votes import count_votes
from rag_router.scoring import normalise
from rag_router.signals.base import Requirements
from rag_router.types import Group, Judged, Relation

__all__ = ["OrganiseFilter"]

_ABOUT = 0.5
"""Share of the question's content words that a passage must hold to answer or contradict."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class OrganiseFilter:
    """Merge what repeats, and set apart what contradicts or is of another.

    Args:
        answers: Whether the generator answers from each passage alone to find contradictions.
            Dear; without, its words must show them, or a filter before must have asked.
        apart: Whether groups that contradict, or are of others of one name, are answered apart
            and told side by side; without, they are only named.
        lead: Passages by which a group must outnumber all that contradict it, >= 1, so that they
            are dropped. At 2 no single passage, put in front of the others, decides.
        threshold: Containment from which on two passages are duplicates, in (0, 1].
        passages: Most passages that are compared, >= 1; those after them are left as they are.
    """

    answers: bool = False
    apart: bool = True
    lead: Annotated[int, Field(ge=1)] = 2
    threshold: Annotated[float, Field(gt=0.0, le=1.0)] = 0.6
    passages: Annotated[int, Field(ge=1)] = 20

    asks: ClassVar[str] = "nothing, or an answer for each passage"

    @property
    def requires(self) -> Requirements:
        """What the generator must show: nothing, unless it is to answer."""
        return Requirements(abilities=frozenset({"logits"} if self.answers else ()))

    @property
    def fitted(self) -> bool:
        return True

    def judge(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[Judged]]:
        return [list(one.judged) for one in self.conclude(questions, judged, context)]

    def conclude(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[Concluded]:
        merged = [
            self._merge(question, line) for question, line in zip(questions, judged, strict=True)
        ]
        lines = [one.judged for one in merged]
        said = (
            said_alone(questions, lines, context, name="organise", most=self.passages)
            if self.answers
            else known_alone(questions, lines, context)
        )
        return [
            self._group(question, one, answers)
            for question, one, answers in zip(questions, merged, said, strict=True)
        ]

    def _merge(self, question: str, line: Sequence[Judged]) -> Concluded:
        """Keep one of those that say the same."""
        asked, out = content_words(question), list(line)
        alike = RedundancyFilter(threshold=self.threshold)
        first: list[int] = []
        repeats: dict[int, list[int]] = {}
        for at in self._compared(line):
            text = line[at].hit.passage.text
            for other in first:
                stands = line[other].hit.passage.text
                same = alike.containment(text, stands) >= self.threshold
                if same and other_filling(stands, text, asked=asked) is None:
                    repeats.setdefault(other, []).append(at)
                    why = f"says the same as passage {_id(line[other])}"
                    out[at] = replace(line[at], kept=False, why=why)
                    break
            else:
                first.append(at)
        for at, others in repeats.items():
            named = ", ".join(_id(line[other]) for other in others)
            out[at] = replace(line[at], why=f"{line[at].why}; passage {named} says the same")
        groups = tuple(
            _grouped(line, [at, *others], "duplicate", "they share most of their words")
            for at, others in repeats.items()
        )
        return Concluded(tuple(out), groups)

    def _group(self, question: str, merged: Concluded, said: Mapping[int, str]) -> Concluded:
        """Tell apart what is left, and drop what is clearly outnumbered."""
        line = merged.judged
        places = self._compared(line)
        if len(places) < 2:
            return merged
        relation: Relation = "ambiguous"
        told = _bearers(question, line, places)
        if not told:
            relation, told = "contradicting", self._claims(question, line, places, said)
        out, outvoted = list(line), self._outvoted(told) if relation == "contradicting" else []
        for claim in outvoted:
            for at in told[claim]:
                most = max(len(some) for some in told.values())
                why = f"says {claim!r}, and {most} passages say otherwise"
                out[at] = replace(line[at], kept=False, why=why)
        apart = self.apart and not outvoted
        verb = "is about" if relation == "ambiguous" else "says"
        groups = [
            _grouped(line, some, relation, f"{verb} {claim!r}", apart=apart)
            for claim, some in told.items()
        ]
        related = {at for some in told.values() for at in some} | {
            at for at in places if said.get(at)
        }
        repeated = {name for group in merged.groups for name in group.passages}
        if rest := [at for at in places if at not in related and _name(line[at]) not in repeated]:
            groups.append(_grouped(line, rest, "distracting", "has to do with no other passage"))
        return Concluded(tuple(out), (*merged.groups, *groups))

    def _compared(self, line: Sequence[Judged]) -> list[int]:
        return [at for at, one in enumerate(line) if one.kept][: self.passages]

    def _claims(
        self, question: str, line: Sequence[Judged], places: Sequence[int], said: Mapping[int, str]
    ) -> dict[str, list[int]]:
        """Which passages say what, where they say different things; the most shared first."""
        asked = content_words(question)
        about = [at for at in places if _about(line[at], asked)]
        claims = _claims_said(about, said) or _claims_written(line, about, asked)
        return dict(sorted(claims.items(), key=lambda one: -len(one[1])))

    def _outvoted(self, claims: Mapping[str, Sequence[int]]) -> list[str]:
        sizes = [len(some) for some in claims.values()]
        if len(sizes) < 2 or sizes[0] - sizes[1] < self.lead:
            return []
        return list(claims)[1:]


def _bearers(question: str, line: Sequence[Judged], places: Sequence[int]) -> dict[str, list[int]]:
    """Passages by whom they speak of, where several bear the name that was asked for."""
    asked = frozenset(normalise(question).split())
    found = {at: who for at in places if (who := bearer(line[at].hit.passage)) is not None}
    found = {at: who for at, who in found.items() if set(who.name.split()) <= asked and who.name}
    borne = {a.name for a in found.values() for b in found.values() if a.differs_from(b)}
    found = {at: who for at, who in found.items() if who.name in borne}
    # A question that says which one it means is not ambiguous.
    if any(who.what & asked for who in found.values()):
        return {}
    told: dict[str, list[int]] = {}
    for at, who in found.items():
        told.setdefault(who.shown, []).append(at)
    return told


def _claims_said(about: Sequence[int], said: Mapping[int, str]) -> dict[str, list[int]]:
    """Passages by the answer that each gives alone; only answers of one kind contradict."""
    answering = [at for at in about if said.get(at)]
    vote = count_votes([said[at] for at in answering])
    claims: dict[str, list[int]] = {}
    for at, voice in zip(answering, vote.voices, strict=True):
        if voice is not None:
            claims.setdefault(voice, []).append(at)
    if len(claims) < 2:
        return {}
    first = max(claims, key=lambda voice: len(claims[voice]))
    claims = {v: some for v, some in claims.items() if _is_number(v) == _is_number(first)}
    shown = {said[some[0]]: some for some in claims.values()}
    return shown if len(shown) > 1 else {}


def _claims_written(
    line: Sequence[Judged], about: Sequence[int], asked: frozenset[str]
) -> dict[str, list[int]]:
    """Passages by the number or name that the first contradicting pair disagrees on."""
    texts = {at: line[at].hit.passage.text for at in about}
    for n, at in enumerate(about):
        for other in about[n + 1 :]:
            found = other_filling(texts[at], texts[other], asked=asked)
            if found is None:
                continue
            sides = {found.left: [at], found.right: [other]}
            for more in (one for one in about if one not in (at, other)):
                words = content_words(texts[more])
                holds = [side for side in sides if content_words(side) <= words]
                if len(holds) == 1:
                    sides[holds[0]].append(more)
                elif not holds and (third := other_filling(texts[at], texts[more], asked=asked)):
                    sides[third.right] = [more]
            return {side: sorted(some) for side, some in sides.items()}
    return {}


def _about(one: Judged, asked: frozenset[str]) -> bool:
    passage = one.hit.passage
    words = content_words(f"{passage.title} {passage.text}")
    return len(asked & words) >= _ABOUT * len(asked)


def _grouped(
    line: Sequence[Judged],
    places: Sequence[int],
    relation: Relation,
    reason: str,
    *,
    apart: bool = False,
) -> Group:
    names = tuple(_name(line[at]) for at in places)
    return Group(passages=names, relation=relation, reason=reason, apart=apart)


def _name(one: Judged) -> tuple[str, str]:
    return one.hit.passage.index, one.hit.passage.id


def _id(one: Judged) -> str:
    return one.hit.passage.id


def _is_number(voice: str) -> bool:
    return any(c.isdigit() for c in voice)
