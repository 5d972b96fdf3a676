"""The local engine: windows of questions, in the order of their lengths, one after another.

While one is answered, the next one is looked up already. Answers are the same either way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final, Protocol

from rag_router.batch.ahead import Ahead, Taken
from rag_router.batch.items import Done, Item, Trouble
from rag_router.batch.pages import with_pages
from rag_router.errors import (
    CancelledError,
    DataError,
    RagRouterError,
    UnavailableError,
    UsageError,
)
from rag_router.models.exhaustion import out_of_memory
from rag_router.orchestrator import Ask, Orchestrator
from rag_router.orchestrator.pieces import Padding, Pieces
from rag_router.types import Answer, Question

__all__ = ["Answers", "Engine", "LocalEngine", "Sizes"]

_FAILURES: Final = (
    RagRouterError,
    ArithmeticError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What may go wrong with one question, without anything being wrong with the others."""

_IN_A_ROW: Final = 20
"""So many questions that nobody was there to answer, one after another, end the job."""

_LONGEST_WAIT_S: Final = 30.0


class Answers(Protocol):
    """Whoever answers: an orchestrator, or a pool of them."""

    def answer(self, questions: Sequence[Question | str], ask: Any = None) -> list[Answer]: ...


class Engine(Protocol):
    """Answers the lines of a job, in whatever order suits it."""

    def run(self, items: Iterable[Item]) -> Iterator[list[Done]]:
        """Yield what became of lines, as soon as it is known; each line once.

        Raises:
            UsageError: what is asked for makes no sense for any line.
            UnavailableError: nobody is there to answer any more.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is done at once.

    Attributes:
        window: Questions that go through the stages together; what was read of each is held
            until all of them are answered, and of those of the next window meanwhile.
        tokens: Most tokens of passages and questions that are decoded together.
        rows: Most questions that are read together; None takes the service's batch size.
        tries: How often a question is tried before its line tells the error, >= 1.
    """

    window: int = 32
    tokens: int = 8192
    rows: int | None = None
    tries: int = 2

    def __post_init__(self) -> None:
        for name in ("window", "tokens", "tries"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be at least 1.")


@dataclass(kw_only=True)
class LocalEngine:
    """Answers with a service in this process.

    Args:
        service: Who answers.
        ask: What is wanted otherwise than the settings say.
        sizes: How much is done at once; less after the memory was full.
        by_length: Whether a window's questions are put in the order of their lengths.
        ahead: Whether a window is begun before the one before it is answered; not after the
            memory was full, nor where there is a deadline, which would pass meanwhile.
        stopped: Asked before every window; true leaves the rest alone.
        sleep: Waits so many seconds before what may go right later is tried again.

    Attributes:
        padding: What was read in batches, and how much of it was padding.
        notes: What degraded, in words.
    """

    service: Answers
    ask: Ask = field(default_factory=Ask)
    sizes: Sizes = field(default_factory=Sizes)
    by_length: bool = True
    ahead: bool = True
    stopped: Callable[[], bool] = lambda: False
    sleep: Callable[[float], None] = time.sleep
    padding: Padding = field(default_factory=Padding)
    notes: list[str] = field(default_factory=list)
    _absent: int = 0

    def run(self, items: Iterable[Item]) -> Iterator[list[Done]]:
        for answered in self.answers(items):
            yield [_done(item, said) for item, said in answered]

    def answers(self, items: Iterable[Item]) -> Iterator[list[tuple[Item, Answer | BaseException]]]:
        """Yield answers, or what went wrong, window by window; each window in its order."""
        left = iter(items)
        with Ahead() as ahead:
            here = self._taken(left, ahead)
            while here is not None and not self.stopped():
                there = self._taken(left, ahead) if here.begun is not None else None
                said = self._finished(here, there) or self._tried(here.asked)
                by_number = dict(zip((one.number for one in here.asked), said, strict=True))
                yield [(one, by_number.get(one.number) or _unread(one)) for one in here.items]
                here = there or self._taken(left, ahead)

    def _taken(self, left: Iterator[Item], ahead: Ahead) -> Taken | None:
        """Take the next lines, and begin with them where that can be done ahead."""
        items = [] if self.stopped() else list(islice(left, self.sizes.window))
        if not items:
            return None
        asked = [item for item in items if item.question is not None]
        if self.by_length:
            asked.sort(key=_length)
        window, service = Taken(items, asked), self.service
        if asked and self.ahead and isinstance(service, Orchestrator) and self._unhurried(service):
            try:
                window.begun = ahead.begin(
                    service, _questions(asked), self._pieces(service), self.ask
                )
            except _FAILURES as exc:
                # Told when its turn comes, behind the answers of those before it.
                self._look_back(exc)
        return window

    def _unhurried(self, service: Orchestrator) -> bool:
        limits = (service.answer_seconds, self.ask.deadline_s, self.ask.deadline)
        return all(limit is None for limit in limits)

    def _finished(self, here: Taken, there: Taken | None) -> list[Answer] | None:
        """Answer a window that was begun; None where it must be tried from its beginning."""
        begun, here.begun = here.begun, None
        if begun is None:
            return None
        try:
            answers = begun.answers()
        except (CancelledError, UsageError):
            raise
        except _FAILURES as exc:
            if self._look_back(exc) and there is not None:
                there.drop()
            return None
        self._absent = 0
        return answers

    def _look_back(self, exc: BaseException) -> bool:
        """Go on with one window at a time where the memory was full; tells whether it was."""
        if not out_of_memory(exc):
            return False
        if self.ahead:
            self.ahead = False
            self.notes.append("the memory was full: nothing is looked up ahead any more")
        return True

    def _tried(self, items: Sequence[Item]) -> Sequence[Answer | BaseException]:
        """Answer together; where that fails, in halves, until it is known which line it is."""
        if not items:
            return []
        try:
            answers = self._asked(items)
        except (CancelledError, UsageError):
            raise
        except _FAILURES as exc:
            if len(items) == 1:
                return [self._again(items[0], exc)]
            if out_of_memory(exc):
                self._shrink(len(items))
        else:
            self._absent = 0
            return answers
        # Not where the error is at hand, which holds on to what was read for all of them.
        half = (len(items) + 1) // 2
        return [*self._tried(items[:half]), *self._tried(items[half:])]

    def _again(self, item: Item, exc: BaseException) -> Answer | BaseException:
        """Try a line once more, or more often; what may go right later is waited for."""
        for number in range(1, self.sizes.tries):
            if isinstance(exc, RagRouterError) and exc.retryable:
                self.sleep(min(0.25 * 2**number, _LONGEST_WAIT_S))
            try:
                answer = self._asked([item])[0]
            except (CancelledError, UsageError):
                raise
            except _FAILURES as again:
                exc = again
            else:
                self._absent = 0
                return answer
        if isinstance(exc, UnavailableError):
            self._absent += 1
            if self._absent >= _IN_A_ROW:
                raise exc
        return exc

    def _asked(self, items: Sequence[Item]) -> list[Answer]:
        if not isinstance(self.service, Orchestrator):
            return self.service.answer(_questions(items), self.ask)
        return self.service.answer_window(_questions(items), self._pieces(self.service), self.ask)

    def _pieces(self, service: Orchestrator) -> Pieces:
        return Pieces(
            tokens=self.sizes.tokens,
            rows=self.sizes.rows or service.batch_size,
            by_length=self.by_length,
            padding=self.padding,
        )

    def _shrink(self, window: int) -> None:
        smaller = max(window // 2, 1)
        if smaller < self.sizes.window:
            tokens = max(self.sizes.tokens // 2, 1)
            self.sizes = replace(self.sizes, window=smaller, tokens=tokens)
            self.notes.append(f"the memory was full: on with {smaller} question(s) at once")


def _done(item: Item, said: Answer | BaseException) -> Done:
    if isinstance(said, Answer):
        return Done(item=item, answer=with_pages(said))
    return Done(item=item, trouble=item.trouble or Trouble.of(said))


def _questions(items: Sequence[Item]) -> list[Question]:
    return [item.question for item in items if item.question is not None]


def _length(item: Item) -> int:
    assert item.question is not None
    return len(item.question.text) + sum(len(one.text) for one in item.question.contexts)


def _unread(item: Item) -> RagRouterError:
    trouble = item.trouble or Trouble("DataError", "the line holds no question.")
    return DataError(trouble.message, hint=trouble.hint)
