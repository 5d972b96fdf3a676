"""Who is asked next for one question of a pool, and who could not answer it so far."""

from __future__ import annotations

from collections.abc import Sequence

from rag_router.experts.routing import Choice

__all__ = ["Lineup"]


class Lineup:
    """The ranking of a question, on the way down.

    Args:
        ranking: All candidates, best first.
    """

    def __init__(self, ranking: Sequence[Choice]) -> None:
        self.ranking = tuple(ranking)
        self._left = [choice.name for choice in ranking]
        self._tried: dict[str, None] = {}

    @property
    def next(self) -> str | None:
        """Who is asked now; None where nobody is left."""
        return self._left[0] if self._left else None

    @property
    def following(self) -> tuple[str, ...]:
        """Who is asked after that."""
        return tuple(self._left[1:])

    @property
    def tried(self) -> tuple[str, ...]:
        """Who could not answer when its turn came, in that order."""
        return tuple(self._tried)

    def pass_over(self) -> None:
        """Go on to the next; whoever is asked now will not be asked again."""
        self._tried[self._left.pop(0)] = None

    def postpone(self) -> None:
        """Go on to the next; whoever is asked now is asked once more when all others were."""
        name = self._left[0]
        self.pass_over()
        self._left.append(name)

    def choice(self, name: str) -> Choice:
        """What the router said of a candidate."""
        return next(one for one in self.ranking if one.name == name)
