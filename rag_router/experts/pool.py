"""Experts by name, loaded when they are wanted, and unloaded when the memory is wanted by others.

What an expert needs besides its own weights, such as the base that an adapter is laid over, is a
member of its own, held once for all who need it. Room for everything that one request lacks is
reserved at once, before any of it is loaded, and nobody waits for room while holding some: so no
two requests wait for each other. Weights are loaded outside the pool's lock, under one lock a
member: who asks for somebody else is not held up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, TypeVar

from rag_router.errors import ModelError, RagRouterError, UnknownNameError
from rag_router.experts.card import Card
from rag_router.experts.deadline import Clock

__all__ = ["Loaded", "Member", "Pool", "State"]

T = TypeVar("T")

State = Literal["loaded", "not loaded", "failed"]
"""How it stands with a member; a failed one is tried again after a while."""

_FIRST_WAIT_S: Final = 30.0
_LONGEST_WAIT_S: Final = 600.0
"""After a failed load the next one is tried 30 s later, then 60, 120, ... up to 10 minutes.

A file that somebody repairs is found soon enough, and one that nobody does is not read over and
over while questions wait.
"""


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
class _Failure:
    """What went wrong at the last load, and when it may be tried again."""

    error: RagRouterError
    times: int
    until: float


@dataclass(slots=True, eq=False)
class _Slot:
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
    failure: _Failure | None = None


class Pool(Generic[T]):
    """Members by name; at most so many bytes of them in memory at once.

    Args:
        members: All there are.
        max_bytes: What they may take together; None is as much as there is.
        clock: What tells when a failed load may be tried again.

    Raises:
        UnknownNameError: a member lies over another that is not among them.
    """

    def __init__(
        self,
        members: Sequence[Member[Any]],
        *,
        max_bytes: int | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._slots = {member.name: _Slot(member) for member in members}
        self._max_bytes, self._clock = max_bytes, clock
        self._changed = threading.Condition()
        self._turns = 0
        for member in members:
            if member.over is not None and member.over not in self._slots:
                raise UnknownNameError("model", member.over, self._slots)

    @property
    def cards(self) -> tuple[Card, ...]:
        """Of all experts, in the order in which they were given."""
        cards = (slot.member.card for slot in self._slots.values())
        return tuple(card for card in cards if card is not None)

    @property
    def bytes(self) -> int:
        """What is taken and reserved now."""
        with self._changed:
            return sum(slot.taken for slot in self._slots.values())

    def below(self, name: str) -> str | None:
        """Name of the member that one lies over; None where it lies over nothing."""
        return self._slots[name].member.over

    def states(self) -> Mapping[str, tuple[State, str]]:
        """How it stands with each expert, and why its last load failed where it did."""
        with self._changed:
            return {
                name: _state(slot)
                for name, slot in self._slots.items()
                if slot.member.card is not None
            }

    @contextmanager
    def using(self, name: str) -> Iterator[T]:
        """Use an expert, which is loaded where it is not; nothing unloads it meanwhile.

        Use one at a time: who waits for room inside would wait for itself.

        Raises:
            UnknownNameError: nobody is called so.
            ModelError: it cannot be loaded, could not be a moment ago, or never fits.
        """
        chain = self._reserve(name)
        try:
            value: Any = None
            for slot in chain:
                value = self._value(slot, value)
            yield value
        finally:
            self._release(chain)

    @contextmanager
    def using_all(self, names: Sequence[str]) -> Iterator[dict[str, T]]:
        """Use several experts at once; room for all of them is reserved together.

        Raises:
            UnknownNameError: nobody is called so.
            ModelError: one cannot be loaded, or all together never fit.
        """
        chain = self._reserve(*names)
        try:
            values: dict[str, Any] = {}
            for slot in chain:
                below = None if slot.member.over is None else values[slot.member.over]
                values[slot.member.name] = self._value(slot, below)
            yield {name: values[name] for name in names}
        finally:
            self._release(chain)

    def unload(self, name: str) -> bool:
        """Let go of a member that nobody uses; tells whether there was anything to let go of."""
        with self._changed:
            slot = self._slots[name]
            if slot.value is None or slot.pins or self._carries(name):
                return False
            _let_go(slot)
            self._changed.notify_all()
            return True

    def _release(self, chain: Sequence[_Slot]) -> None:
        with self._changed:
            for slot in chain:
                slot.pins -= 1
                if slot.pins == 0 and slot.value is None:
                    slot.taken = 0
            self._changed.notify_all()

    def _reserve(self, *names: str) -> list[_Slot]:
        """Pin experts and all they lie over, the lowest first, with room for what is missing."""
        with self._changed:
            every = [slot for name in names for slot in self._chain(name)]
            chain = [slot for at, slot in enumerate(every) if slot not in every[:at]]
            for slot in chain:
                self._refuse(slot)
            while not self._made_room(chain):
                self._changed.wait()
            self._turns += 1
            for slot in chain:
                slot.turn = self._turns
                slot.pins += 1
                slot.taken = slot.taken or slot.member.bytes
            return chain

    def _chain(self, name: str) -> list[_Slot]:
        chain: list[_Slot] = []
        at: str | None = name
        while at is not None:
            if at not in self._slots:
                raise UnknownNameError("expert", at, (card.name for card in self.cards))
            chain.insert(0, self._slots[at])
            at = self._slots[at].member.over
        return chain

    def _refuse(self, slot: _Slot) -> None:
        """Do not try again yet what failed a moment ago."""
        failure = slot.failure
        if failure is None or slot.value is not None or self._clock() >= failure.until:
            return
        wait = failure.until - self._clock()
        raise ModelError(
            f"{slot.member.name} could not be loaded: {failure.error.message}",
            hint=f"{failure.error.hint} It is tried again in {wait:.0f} s.".strip(),
        )

    def _made_room(self, chain: Sequence[_Slot]) -> bool:
        """Unload what was used longest ago until the chain fits; false where others must go first.

        Raises:
            ModelError: it would not fit if it were alone.
        """
        if self._max_bytes is None:
            return True
        alone = sum(slot.taken or slot.member.bytes for slot in chain)
        if alone > self._max_bytes:
            raise ModelError(
                f"{chain[-1].member.name} takes {alone / 2**20:,.0f} MiB, and all experts together "
                f"may take {self._max_bytes / 2**20:,.0f}.",
                hint="Set pool.memory_mb higher.",
            )
        while True:
            others = sum(slot.taken for slot in self._slots.values() if slot not in chain)
            if alone + others <= self._max_bytes:
                return True
            idle = [
                slot
                for name, slot in self._slots.items()
                if slot not in chain
                and slot.value is not None
                and not slot.pins
                and not self._carries(name)
            ]
            if not idle:
                return False
            _let_go(min(idle, key=lambda slot: slot.turn))

    def _carries(self, name: str) -> bool:
        """Whether somebody in memory lies over this member."""
        return any(
            slot.member.over == name and (slot.value is not None or slot.pins)
            for slot in self._slots.values()
        )

    def _value(self, slot: _Slot, below: Any) -> Any:
        """Return a member's value, loading it where it is not there."""
        with slot.loading:
            if slot.value is None:
                # Whoever waited for a load that failed does not begin the next one.
                with self._changed:
                    self._refuse(slot)
                loaded = self._loaded(slot, below)
                with self._changed:
                    slot.value, slot.failure = loaded, None
                    slot.taken = loaded.bytes or slot.member.bytes
            value = slot.value
        assert value is not None
        return value.value

    def _loaded(self, slot: _Slot, below: Any) -> Loaded[Any]:
        try:
            return slot.member.load(below)
        except RagRouterError as exc:
            error = exc
        except (OSError, MemoryError, RuntimeError) as exc:
            # What libraries raise where a file is cut short, or memory is not to be had.
            error = ModelError(f"{type(exc).__name__}: {exc}.")
            error.__cause__ = exc
        with self._changed:
            times = 1 if slot.failure is None else slot.failure.times + 1
            wait = min(_FIRST_WAIT_S * 2 ** (times - 1), _LONGEST_WAIT_S)
            slot.failure = _Failure(error, times, self._clock() + wait)
        raise ModelError(
            f"{slot.member.name} cannot be loaded: {error.message}", hint=error.hint
        ) from error


def _state(slot: _Slot) -> tuple[State, str]:
    if slot.value is not None:
        return "loaded", ""
    if slot.failure is not None:
        return "failed", slot.failure.error.message
    return "not loaded", ""


def _let_go(slot: _Slot) -> None:
    slot.value, slot.taken = None, 0
