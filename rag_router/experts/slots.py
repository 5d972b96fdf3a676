"""The members of a pool, and how it stands with each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from rag_router.errors import RagRouterError
from rag_router.experts.card import Card

__all__ = ["Failure", "Load", "Loaded", "Member", "Slot", "State"]

T = TypeVar("T")

State = Literal["loaded", "loading", "not loaded", "failed"]
"""How it stands with a member; a failed one is tried again after a while."""


@dataclass(frozen=True, slots=True)
class Loaded(Generic[T]):
    """A member's value in memory, and the bytes of its weights."""

    value: T
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Generic[T]):
    """Something that can be loaded.

    Attributes:
        name: Unique in its pool.
        load: Loads it, given the value of what it lies over; None where it lies over nothing.
        over: Name of the member that it lies over.
        bytes: What it will take, as far as that can be told before.
        card: What it is, where it is an expert; None for what is only needed by experts.
    """

    name: str
    load: Callable[[Any], Loaded[T]]
    over: str | None = None
    bytes: int = 0
    card: Card | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong at the last load, and when it may be tried again."""

    error: RagRouterError
    times: int
    until: float


@dataclass(slots=True, eq=False)
class Load:
    """A load that goes on in the background; guarded by the pool's lock.

    Attributes:
        done: Whether it has ended.
        error: What went wrong, for those who wait for it.
    """

    done: bool = False
    error: Exception | None = None


@dataclass(slots=True, eq=False)
class Slot:
    """How it stands with one member; all but `loading` is guarded by the pool's lock.

    Attributes:
        taken: Bytes that it takes, or that are reserved for it.
        pins: Requests that use it, or load it.
        turn: When it was used last, counted in requests.
    """

    member: Member[Any]
    loading: threading.Lock = field(default_factory=threading.Lock)
    value: Loaded[Any] | None = None
    taken: int = 0
    pins: int = 0
    turn: int = 0
    failure: Failure | None = None

    @property
    def state(self) -> tuple[State, str]:
        """How it stands with the member, and why its last load failed where it did."""
        if self.value is not None:
            return "loaded", ""
        if self.pins:
            # Whoever pins what is not there is loading it, or what it lies over.
            return "loading", ""
        if self.failure is not None:
            return "failed", self.failure.error.message
        return "not loaded", ""

    def let_go(self) -> None:
        """Forget the value; what it took is free."""
        self.value, self.taken = None, 0
