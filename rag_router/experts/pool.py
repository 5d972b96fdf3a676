"""Experts by name, loaded when they are wanted, and unloaded when the memory is wanted by others.

What an expert needs besides its own weights, such as the base that an adapter is laid over, is a
member of its own, held once for all who need it. Room for everything that one request lacks is
reserved at once, before any of it is loaded, and nobody waits for room while holding some: so no
two requests wait for each other. Weights are loaded outside the pool's lock, under one lock a
member: who asks for somebody else is not held up.

Whoever has a deadline has the weights loaded in the background and waits for them until then; what
is not there in time goes on being loaded, for whoever asks next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar

from rag_router.errors import BusyError, ModelError, RagRouterError, UnknownNameError
from rag_router.experts.card import Card
from rag_router.experts.deadline import Clock
from rag_router.experts.patience import ENDLESS, Patience
from rag_router.experts.slots import Failure, Load, Loaded, Member, Slot, State
from rag_router.telemetry import logger

__all__ = ["Loaded", "Member", "Pool", "State"]

T = TypeVar("T")

_FIRST_WAIT_S: Final = 30.0
_LONGEST_WAIT_S: Final = 600.0
"""After a failed load the next one is tried 30 s later, then 60, 120, ... up to 10 minutes.

A file that somebody repairs is found soon enough, and one that nobody does is not read over and
over while questions wait.
"""


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
        self._slots = {member.name: Slot(member) for member in members}
        self._max_bytes, self._clock = max_bytes, clock
        self._changed = threading.Condition()
        self._loads: dict[tuple[str, ...], Load] = {}
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
                name: slot.state
                for name, slot in self._slots.items()
                if slot.member.card is not None
            }

    @contextmanager
    def using(self, name: str, patience: Patience = ENDLESS) -> Iterator[T]:
        """Use an expert, which is loaded where it is not; nothing unloads it meanwhile.

        Use one at a time: who waits for room inside would wait for itself.

        Args:
            name: Who is wanted.
            patience: How long it may take to load; the load goes on when that is over.

        Raises:
            UnknownNameError: nobody is called so.
            ModelError: it cannot be loaded, could not be a moment ago, or never fits.
            BusyError: it is not loaded in time.
            CancelledError: nobody waits for it any longer.
        """
        with self.using_all([name], patience) as values:
            yield values[name]

    @contextmanager
    def using_all(
        self, names: Sequence[str], patience: Patience = ENDLESS
    ) -> Iterator[dict[str, T]]:
        """Use several experts at once; room for all of them is reserved together.

        Args:
            names: Who is wanted.
            patience: How long it may take to load all of them.

        Raises:
            UnknownNameError: nobody is called so.
            ModelError: one cannot be loaded, or all together never fit.
            BusyError: they are not loaded in time.
            CancelledError: nobody waits for them any longer.
        """
        chain = self._awaited(names, patience) if patience.ends else self._reserve(names)
        try:
            values = self._values(chain)
            yield {name: values[name] for name in names}
        finally:
            self._release(chain)

    def begin(self, name: str) -> bool:
        """Begin to load an expert in the background, if there is free room for it.

        Nothing is unloaded for it, and whoever could not be loaded a moment ago is left alone.

        Returns:
            Whether it is being loaded now.

        Raises:
            UnknownNameError: nobody is called so.
        """
        with self._changed:
            chain = self._chain([name])
            if all(slot.value is not None for slot in chain):
                return False
            try:
                for slot in chain:
                    self._refuse(slot)
                return self._begun(chain, sparing=self._slots) is not None
            except ModelError:
                # Whoever asks for it hears of it.
                return False

    def unload(self, name: str) -> bool:
        """Let go of a member that nobody uses; tells whether there was anything to let go of."""
        with self._changed:
            slot = self._slots[name]
            if slot.value is None or slot.pins or self._carries(name):
                return False
            slot.let_go()
            self._changed.notify_all()
            return True

    def _release(self, chain: Sequence[Slot]) -> None:
        with self._changed:
            for slot in chain:
                slot.pins -= 1
                if slot.pins == 0 and slot.value is None:
                    slot.taken = 0
            self._changed.notify_all()

    def _reserve(self, names: Sequence[str]) -> list[Slot]:
        """Pin experts and all they lie over, the lowest first, with room for what is missing."""
        with self._changed:
            chain = self._chain(names)
            for slot in chain:
                self._refuse(slot)
            while not self._made_room(chain):
                self._changed.wait()
            return self._pinned(chain)

    def _awaited(self, names: Sequence[str], patience: Patience) -> list[Slot]:
        """Pin experts once all are loaded, which happens in the background.

        Raises:
            BusyError: they are not in time.
        """
        with self._changed:
            chain, load = self._chain(names), None
            while not all(slot.value is not None for slot in chain):
                if load is not None and load.error is not None:
                    raise load.error
                if load is None or load.done:
                    for slot in chain:
                        self._refuse(slot)
                    load = self._begun(chain, sparing=patience.sparing)
                if patience.over:
                    raise _late(chain, load)
                self._changed.wait(patience.look_s)
            return self._pinned(chain)

    def _begun(self, chain: list[Slot], *, sparing: Collection[str]) -> Load | None:
        """Return the load of a chain that goes on, or begin it; None where there is no room now."""
        key = tuple(slot.member.name for slot in chain)
        if key in self._loads:
            return self._loads[key]
        if not self._made_room(chain, sparing):
            return None
        load = self._loads[key] = Load()
        pinned = self._pinned(chain)
        # What was begun is ended, also where the process wants to: weights that are half read are
        # no state to break native code off in.
        threading.Thread(
            target=self._fill, args=(key, pinned, load), name=f"loading {key[-1]}"
        ).start()
        return load

    def _fill(self, key: tuple[str, ...], chain: Sequence[Slot], load: Load) -> None:
        error: Exception | None = None
        try:
            self._values(chain)
        except Exception as exc:  # noqa: BLE001  # whoever waits hears of it, whatever it is
            logger.warning("loading in the background failed: %s", exc)
            error = exc
        with self._changed:
            del self._loads[key]
            load.done, load.error = True, error
            self._release(chain)

    def _values(self, chain: Sequence[Slot]) -> dict[str, Any]:
        """The values of what is pinned, by name; what is missing is loaded, the lowest first."""
        values: dict[str, Any] = {}
        for slot in chain:
            below = None if slot.member.over is None else values[slot.member.over]
            values[slot.member.name] = self._value(slot, below)
        return values

    def _pinned(self, chain: list[Slot]) -> list[Slot]:
        self._turns += 1
        for slot in chain:
            slot.turn = self._turns
            slot.pins += 1
            slot.taken = slot.taken or slot.member.bytes
        return chain

    def _chain(self, names: Sequence[str]) -> list[Slot]:
        """Slots of experts and of all they lie over, each once, the lowest first."""
        every = [slot for name in names for slot in self._down_from(name)]
        return [slot for at, slot in enumerate(every) if slot not in every[:at]]

    def _down_from(self, name: str) -> list[Slot]:
        chain: list[Slot] = []
        at: str | None = name
        while at is not None:
            if at not in self._slots:
                raise UnknownNameError("expert", at, (card.name for card in self.cards))
            chain.insert(0, self._slots[at])
            at = self._slots[at].member.over
        return chain

    def _refuse(self, slot: Slot) -> None:
        """Do not try again yet what failed a moment ago."""
        failure = slot.failure
        if failure is None or slot.value is not None or self._clock() >= failure.until:
            return
        wait = failure.until - self._clock()
        raise ModelError(
            f"{slot.member.name} could not be loaded: {failure.error.message}",
            hint=f"{failure.error.hint} It is tried again in {wait:.0f} s.".strip(),
        )

    def _made_room(self, chain: Sequence[Slot], sparing: Collection[str] = ()) -> bool:
        """Unload what was used longest ago until the chain fits; false where others must go first.

        Args:
            chain: What is to fit.
            sparing: Names of those that stay.

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
        others = sum(slot.taken for slot in self._slots.values() if slot not in chain)
        staying = self._staying(sparing)
        leaving = [
            slot
            for name, slot in self._slots.items()
            if slot not in chain and slot.value is not None and name not in staying
        ]
        if alone + others - sum(slot.taken for slot in leaving) > self._max_bytes:
            # Nobody is sent away for what would not fit all the same.
            return False
        while alone + others > self._max_bytes:
            idle = [slot for slot in leaving if slot.value and not self._carries(slot.member.name)]
            longest = min(idle, key=lambda slot: slot.turn)
            others -= longest.taken
            longest.let_go()
        return True

    def _staying(self, sparing: Collection[str]) -> set[str]:
        """Names of those that may not leave: who is in use or spared, and what they lie over."""
        names: set[str] = set()
        for name, slot in self._slots.items():
            if slot.pins or (slot.value is not None and name in sparing):
                names |= {below.member.name for below in self._down_from(name)}
        return names

    def _carries(self, name: str) -> bool:
        """Whether somebody in memory lies over this member."""
        return any(
            slot.member.over == name and (slot.value is not None or slot.pins)
            for slot in self._slots.values()
        )

    def _value(self, slot: Slot, below: Any) -> Any:
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

    def _loaded(self, slot: Slot, below: Any) -> Loaded[Any]:
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
            slot.failure = Failure(error, times, self._clock() + wait)
        raise ModelError(
            f"{slot.member.name} cannot be loaded: {error.message}", hint=error.hint
        ) from error


def _late(chain: Sequence[Slot], load: Load | None) -> BusyError:
    name = chain[-1].member.name
    if load is None:
        return BusyError(
            f"there is no room to load {name} beside what is in use.",
            hint="Ask again in a moment, or set pool.memory_mb higher.",
        )
    return BusyError(
        f"{name} is still being loaded.", hint="Ask again in a moment: the load goes on."
    )
