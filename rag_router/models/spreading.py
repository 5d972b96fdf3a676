"""Having several answers decoded for one task, and giving one of them.

A strategy that chooses (`ChoosingStrategy`) names the strategies whose answers it chooses among.
Each becomes a task of its own for the loop, from the same prompts, so that answers share their
forward passes for as long as they say the same. Once all of them have ended, the one that is
chosen is the task's answer, and the only one of which anything is told; what the others cost is
counted with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

from rag_router.models.rows import Row
from rag_router.models.strategies import Candidate, ChoosingStrategy, Strategy
from rag_router.models.tasks import Generation, Spoken, Task

__all__ = ["Spread"]


@dataclass(frozen=True, slots=True)
class Spread:
    """Tasks, and those that the loop decodes for them.

    Attributes:
        asked: What was asked for.
        tasks: What is decoded.
        numbers: For each task that was asked for, which of those that are decoded are for it.
    """

    asked: tuple[Task, ...]
    tasks: tuple[Task, ...]
    numbers: tuple[range, ...]

    @classmethod
    def of(cls, asked: Sequence[Task]) -> Self:
        """Put the strategies that a task's own chooses among in its place."""
        # Asked once for each strategy: rows are scored together whose strategy is the same one.
        known: dict[int, tuple[Strategy, ...]] = {}
        tasks: list[Task] = []
        numbers: list[range] = []
        for task in asked:
            one = task.strategy
            if id(one) not in known:
                some = one.candidates if isinstance(one, ChoosingStrategy) else ()
                known[id(one)] = some or (one,)
            first = len(tasks)
            tasks += [
                task if each is one else replace(task, strategy=each) for each in known[id(one)]
            ]
            numbers.append(range(first, len(tasks)))
        return cls(tuple(asked), tuple(tasks), tuple(numbers))

    def told(self, rows: Sequence[Row], pieces: Iterable[Spoken]) -> Iterator[Spoken]:
        """Pass on the pieces of answers that are given, under the numbers of the tasks asked for.

        Args:
            rows: What is decoded, a row for each of `tasks`.
            pieces: Of the rows, as they are told.
        """
        owner = [at for at, numbers in enumerate(self.numbers) for _ in numbers]
        held: dict[int, list[Spoken]] = {}
        for piece in pieces:
            at = owner[piece.number]
            if len(self.numbers[at]) == 1:
                yield replace(piece, number=at)
                continue
            waiting = held.setdefault(at, [])
            waiting.append(piece)
            if sum(one.finish is not None for one in waiting) == len(self.numbers[at]):
                number = self._chosen(at, rows)
                for one in held.pop(at):
                    if one.number == number:
                        yield replace(one, number=at)

    def generations(self, rows: Sequence[Row]) -> list[Generation]:
        """Return the answer to each task that was asked for; all rows have ended."""
        return [self._generation(at, rows) for at in range(len(self.asked))]

    def _generation(self, at: int, rows: Sequence[Row]) -> Generation:
        some = [rows[number].generation for number in self.numbers[at]]
        if len(some) == 1:
            return some[0]
        return replace(
            some[self._chosen(at, rows) - self.numbers[at].start],
            forward_rows=sum(one.forward_rows for one in some),
            notes=tuple(dict.fromkeys(note for one in some for note in one.notes)),
        )

    def _chosen(self, at: int, rows: Sequence[Row]) -> int:
        """The number of the row whose answer is given to a task."""
        task, numbers = self.asked[at], self.numbers[at]
        strategy = task.strategy
        assert isinstance(strategy, ChoosingStrategy)
        said = [Candidate(rows[number].text.strip(), rows[number].state) for number in numbers]
        return numbers[strategy.choose(task.facts, said)]
