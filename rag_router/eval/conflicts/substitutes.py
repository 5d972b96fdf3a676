"""When a substitute makes a conflict: it is none of the answers, and new to the passage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from rag_router.eval.conflicts.mentions import find_mentions, replace_mentions, still_says
from rag_router.eval.conflicts.numbers import same_number
from rag_router.eval.conflicts.pool import Entity
from rag_router.eval.conflicts.targets import Target
from rag_router.scoring import normalise
from rag_router.types import Passage

__all__ = ["are_alike", "conflicting", "fits_in", "names_another", "substituted", "telling_names"]


def conflicting(candidates: Iterable[Entity], target: Target) -> Iterator[Entity]:
    """Yield the candidates that contradict the answer and leave nothing of it in the passages."""
    for entity in candidates:
        if (
            names_another(entity.name, target.aliases)
            and fits_in(entity.name, target)
            and not any(
                still_says(f"{passage.title}\n{passage.text}", target.aliases)
                for passage in substituted(target, entity.name)
            )
        ):
            yield entity


def fits_in(name: str, target: Target) -> bool:
    """Whether a name is new to the passages, and can be read wherever it is put.

    Before ",5" a number would become a part of a longer one.
    """
    before, after = target.passages, substituted(target, name)
    return _is_new(name, target) and _count(after, (name,)) == _count(before, target.aliases)


def names_another(name: str, aliases: Sequence[str]) -> bool:
    """Whether a name neither is an alias, nor holds one, nor stands in one, as whole words.

    "Paris, Texas" does not contradict "Paris", nor does "1998" contradict "June 1998", nor "7"
    contradict "seven".
    """
    padded = f" {normalise(name)} "
    others = [f" {normalise(alias)} " for alias in aliases]
    is_other = not any(one in padded or padded in one for one in others)
    is_other = is_other and not any(same_number(name, alias) for alias in aliases)
    return is_other and bool(padded.strip())


def telling_names(entity: Entity, target: Target) -> list[str]:
    """Return the names of the entity that show that a reader followed the passage, its own first.

    An alias counts if it is like the name, since a set may list other answers as well. It does
    not count if it is right, or if the passage says it anyway.
    """
    telling = [
        alias
        for alias in entity.aliases
        if are_alike(alias, entity.name)
        and names_another(alias, target.aliases)
        and _is_new(alias, target)
    ]
    return [entity.name, *telling]


def are_alike(alias: str, name: str) -> bool:
    """Whether two names share a word, or one is the other's initials, or both are one number."""
    one, other = (normalise(text).split() for text in (alias, name))
    return (
        bool(set(one) & set(other))
        or one == ["".join(word[0] for word in other)]
        or other == ["".join(word[0] for word in one)]
        or same_number(alias, name)
    )


def substituted(target: Target, name: str) -> tuple[Passage, ...]:
    """Return the target's passages with a name in the place of every mention of the answer."""

    def changed(text: str) -> str:
        return replace_mentions(text, find_mentions(text, target.aliases), name)

    return tuple(replace(p, title=changed(p.title), text=changed(p.text)) for p in target.passages)


def _is_new(name: str, target: Target) -> bool:
    """Whether neither title nor text of the target's passages says a name already."""
    return not any(
        find_mentions(text, (name,)) for p in target.passages for text in (p.title, p.text)
    )


def _count(passages: Iterable[Passage], aliases: Sequence[str]) -> int:
    return sum(len(find_mentions(text, aliases)) for p in passages for text in (p.title, p.text))
