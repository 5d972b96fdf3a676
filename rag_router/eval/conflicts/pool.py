"""The answers of a set, as what may be put in each other's place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from rag_router.eval.conflicts.answer_types import AnswerType
from rag_router.eval.conflicts.numbers import NumberSort
from rag_router.eval.conflicts.targets import Target
from rag_router.scoring import normalise

__all__ = ["Entity", "Pool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One answer of the set.

    Attributes:
        name: As it is written into passages.
        aliases: What else counts as naming it.
        type: What it is.
        sort: Of a number, what it says.
        popularity: Of the entity, where the set says it; see `targets.POPULARITY`.
    """

    name: str
    aliases: tuple[str, ...] = ()
    type: AnswerType
    sort: NumberSort | None = None
    popularity: float | None = None


class Pool:
    """All different answers of a set, by type, in an order that does not depend on the file's.

    Args:
        targets: The questions whose answers they are; answers that normalise alike are one.
    """

    def __init__(self, targets: Iterable[Target]) -> None:
        groups: dict[tuple[AnswerType, str], list[Target]] = {}
        for target in targets:
            # Normalised, "6.3" is "63".
            same = target.name if target.type is AnswerType.NUMERIC else normalise(target.name)
            groups.setdefault((target.type, same), []).append(target)
        entities = sorted((_entity(group) for group in groups.values()), key=lambda e: e.name)
        self._by_type = {
            kind: tuple(e for e in entities if e.type is kind)
            for kind in AnswerType
            if any(e.type is kind for e in entities)
        }

    @property
    def types(self) -> tuple[AnswerType, ...]:
        """The types of which there is an answer."""
        return tuple(self._by_type)

    def of_type(self, kind: AnswerType) -> Sequence[Entity]:
        """All answers of a type, by name."""
        return self._by_type.get(kind, ())

    def alike(self, target: Target) -> Sequence[Entity]:
        """All answers of a target's type, and of the same sort where it is a number."""
        return self._by_sort.get((target.type, target.sort), ())

    def by_popularity(self, kind: AnswerType) -> Sequence[Entity]:
        """The answers of a type whose popularity is known, the least popular first."""
        return self._ranked.get(kind, ())

    @cached_property
    def _by_sort(self) -> dict[tuple[AnswerType, NumberSort | None], tuple[Entity, ...]]:
        sorts = {(e.type, e.sort) for entities in self._by_type.values() for e in entities}
        return {
            (kind, sort): tuple(e for e in self._by_type[kind] if e.sort is sort)
            for kind, sort in sorts
        }

    @cached_property
    def _ranked(self) -> dict[AnswerType, tuple[Entity, ...]]:
        ranked = {}
        for kind, entities in self._by_type.items():
            known = [(e.popularity, e.name, e) for e in entities if e.popularity is not None]
            ranked[kind] = tuple(e for _, _, e in sorted(known, key=lambda one: one[:2]))
        return ranked


def _entity(group: Sequence[Target]) -> Entity:
    """Make one entity of all questions that have the same answer."""
    name = min(target.name for target in group)
    aliases = {alias for target in group for alias in target.aliases} - {name}
    known = [target.popularity for target in group if target.popularity is not None]
    return Entity(
        name=name,
        aliases=tuple(sorted(aliases)),
        type=group[0].type,
        sort=group[0].sort,
        popularity=max(known, default=None),
    )
