"""A job from its input to its output, which can be stopped at any moment and taken up again.

The input is read twice, line by line: once to know what is wanted and what of it is there, and
once to answer the rest. Every window is kept in the journal before the next one begins; the
output is written of the journal, in the order of the input.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from rag_router.batch.facts import fingerprint_of_facts
from rag_router.batch.holding import beside, held
from rag_router.batch.inputs import Items
from rag_router.batch.items import Item
from rag_router.batch.journal import Journal
from rag_router.batch.local import Engine
from rag_router.batch.progress import Progress, Tally
from rag_router.batch.writing import Output
from rag_router.errors import ConflictError

__all__ = ["Job", "Prepared"]

_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Prepared:
    """Who answers, and what the answers depend on besides the questions, by name."""

    engine: Engine
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is asked, and where the answers go.

    Attributes:
        items: Yields the lines that are wanted, each time it is called.
        output: Where answers are written. Beside it lie its journal and its lock.
        fresh: Whether what an earlier run has answered is dropped.
        clock: Seconds that only ever grow.
    """

    items: Items
    output: Output
    fresh: bool = False
    clock: Callable[[], float] = time.monotonic

    def run(
        self,
        prepare: Callable[[], Prepared],
        heard: Callable[[Progress], None] = lambda progress: None,
    ) -> Progress:
        """Answer what is not answered yet, and write everything.

        Args:
            prepare: Makes the engine, once it is known that nobody else writes the output.
            heard: Hears how far it is, after every window.

        Returns:
            How far it came; not everything is done where the engine was stopped.

        Raises:
            BusyError: another process works on the output.
            ConflictError: what is there depends on other facts, or is nobody's.
            UnavailableError: the disk is full, or nobody is there to answer any more.
            UsageError: the output cannot be written.
        """
        path = self.output.path
        with held(path):
            self._clear()
            prepared = prepare()
            with Journal(beside(path, "journal")) as journal:
                journal.bind(prepared.facts)
                facts = fingerprint_of_facts(prepared.facts)
                total, there = journal.plan((i.number, i.key(facts)) for i in self.items())
                tally = Tally(total, there, self.clock)
                keys: dict[int, str] = {}
                for done in prepared.engine.run(self._left(journal, facts, keys)):
                    journal.put([(keys.pop(one.item.number), one) for one in done])
                    heard(tally.add(done))
                self.output.write(journal.lines)
        return tally.now()

    def _left(self, journal: Journal, facts: str, keys: dict[int, str]) -> Iterator[Item]:
        """Yield what is not answered yet, and note under which key it will be."""
        for items in _chunks(self.items()):
            under = {item.number: item.key(facts) for item in items}
            known = journal.answered(list(under.values()))
            for item in items:
                if under[item.number] not in known:
                    keys[item.number] = under[item.number]
                    yield item

    def _clear(self) -> None:
        path = self.output.path
        journal = beside(path, "journal")
        if self.fresh:
            for one in (path, journal, beside(path, "journal-wal"), beside(path, "journal-shm")):
                one.unlink(missing_ok=True)
        elif path.exists() and not journal.exists():
            raise ConflictError(
                f"{path} is there already, and no journal beside it says what is in it.",
                hint="Name another output, or use --fresh to write it anew.",
            )


def _chunks(items: Iterator[Item]) -> Iterator[list[Item]]:
    while some := list(islice(items, _CHUNK)):
        yield some
