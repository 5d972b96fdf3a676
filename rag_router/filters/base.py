"""What a filter is: it reads hits and says of each whether the model shall read it, and why.

Filters run one after another; each sees what the ones before it left, drops or shortens some of
it, and hands on the dropped ones untouched, so that the answer can show them with their reasons.
A filter never adds text and never reorders; one that does is left out, as one that raises is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from rag_router.artefacts import Artefact
from rag_router.errors import SettingsError
from rag_router.signals import Board
from rag_router.types import Group, Judged

__all__ = [
    "Concluded",
    "ConcludingFilter",
    "Filter",
    "FilterContext",
    "FittedFilter",
    "GuardingFilter",
]


@dataclass(frozen=True, slots=True)
class FilterContext:
    """What filters may ask of the model that will read the passages.

    Attributes:
        count_tokens: Length of a text in that model's tokens.
        board: What is known of the questions; None where no model is at hand.
        rows: The row of the board for each question, in their order; empty without a board.
    """

    count_tokens: Callable[[str], int]
    board: Board | None = None
    rows: tuple[int, ...] = ()

    def asked_of(self, name: str) -> Board:
        """Return the board, for a filter that asks the model or the embedder.

        Args:
            name: The filter's, for the message.

        Raises:
            SettingsError: there is none.
        """
        if self.board is None:
            raise SettingsError(
                f"the filter {name!r} asks the generator, and none is at hand.",
                hint="Run it in an orchestrator, or give FilterContext a board and its rows.",
            )
        return self.board


@runtime_checkable
class Filter(Protocol):
    """Judges the hits of several questions at once. A frozen value."""

    @property
    def fitted(self) -> bool:
        """Whether its scores are calibrated for the models in use."""

    def judge(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[Judged]]:
        """Judge again what is still kept; as many, in the same order, come back."""


@dataclass(frozen=True, slots=True)
class Concluded:
    """What a filter makes of the passages of one question together.

    Attributes:
        judged: As `judge` returns them.
        groups: Passages that belong together, and how they relate to the others.
        support: Calibrated probability that those kept contain the answer, all together; None
            where nothing is said of that.
    """

    judged: tuple[Judged, ...]
    groups: tuple[Group, ...] = ()
    support: float | None = None


@runtime_checkable
class ConcludingFilter(Filter, Protocol):
    """Has something to say of all passages of a question together; `judge` says no other."""

    def conclude(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[Concluded]:
        """Judge again what is still kept, and say what follows from all of it."""


@runtime_checkable
class GuardingFilter(Filter, Protocol):
    """Makes hostile text harmless: it goes first, and what it cannot judge nobody reads."""

    @property
    def guards(self) -> str:
        """What it guards against, in words."""


@runtime_checkable
class FittedFilter(Filter, Protocol):
    """A filter that learns from passages known to hold the answer or not."""

    def with_artefact(self, artefact: Artefact) -> FittedFilter:
        """Return this filter with what was learned."""
