"""Names of what can be observed, in one place; nothing is recorded until something listens.

A listener is any object with `count(name, value, **labels)`, `time(name, ms, **labels)` and
`measure(name, value, **labels)`. Labels never hold text that users supply: their number must stay
small. A tracer makes spans of what takes time; attributes of spans hold no such text, either.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any, Final, Protocol

__all__ = [
    "ANSWERING",
    "ANSWERS",
    "BATCH",
    "BATCH_QUESTIONS",
    "CONFLICTS",
    "DEGRADED",
    "ERRANDS",
    "FALLBACKS",
    "FILTER_FAILURES",
    "FORWARD_PASSES",
    "LOOKED_UP",
    "QUEUE_WAIT",
    "REFUSED",
    "REQUEST",
    "REQUESTS",
    "RETRIEVER_CALLS",
    "STAGE",
    "Attributes",
    "Listener",
    "Note",
    "Stopwatch",
    "Tracer",
    "count",
    "here",
    "listen",
    "log_access",
    "log_to_stderr",
    "logger",
    "measure",
    "span",
    "time_of",
    "trace_with",
    "unlisten",
]

ANSWERS: Final = "rag_router.answers"
"""Counter of answers, by `reason`."""
ANSWERING: Final = "invoke_agent rag_router"
"""Span of the questions of one request, from when they came until they are answered."""
BATCH: Final = "rag_router.batch"
"""Span of questions that are answered together."""
BATCH_QUESTIONS: Final = "rag_router.batch_questions"
"""Histogram of questions in one batch."""
CONFLICTS: Final = "rag_router.conflicts"
"""Counter of answers where memory and passages, or passages among themselves, disagree."""
DEGRADED: Final = "rag_router.degraded"
"""Counter of everything that was skipped, cut or fell back, by `stage`."""
ERRANDS: Final = "rag_router.errands"
"""Counter of what frontends have done beside a chat, such as titles, by `errand`; no answers."""
FALLBACKS: Final = "rag_router.fallbacks"
"""Counter of answers for which something else stood in for a part that failed, by `rung`."""
FILTER_FAILURES: Final = "rag_router.filter_failures"
"""Counter of filters that raised and were left out, by `filter`."""
FORWARD_PASSES: Final = "rag_router.lm_forward_passes"
"""Counter of rows that went through a language model."""
LOOKED_UP: Final = "rag_router.looked_up"
"""Counter of answers, by `retrieved`: whether anything was looked up for them."""
QUEUE_WAIT: Final = "rag_router.queue_wait_ms"
"""Histogram of milliseconds that questions and errands waited for their turn."""
REFUSED: Final = "rag_router.refused"
"""Counter of requests that were refused since too many wait, or since the service ends."""
REQUEST: Final = "rag_router.request_ms"
"""Histogram of milliseconds of a request to the service, by `route`, its template."""
REQUESTS: Final = "rag_router.requests"
"""Counter of requests to the service, by `route`, its template, and `status`."""
RETRIEVER_CALLS: Final = "rag_router.retriever_calls"
"""Counter of retrievers asked."""
STAGE: Final = "rag_router.stage_ms"
"""Histogram of milliseconds, by `stage`."""

logger: Final = logging.getLogger("rag_router")

_access: Final = logging.getLogger("rag_router.access")
_WORDLESS: Final = frozenset({"rag_router.access", "rag_router.audit"})


class Listener(Protocol):
    """What hears of counts and times."""

    def count(self, name: str, value: float, **labels: str) -> None: ...
    def time(self, name: str, ms: float, **labels: str) -> None: ...
    def measure(self, name: str, value: float, **labels: str) -> None: ...


Attributes = Mapping[str, str | int | float | bool]
"""What is known of a span."""
Note = Callable[[Attributes], None]
"""Adds to what is known of a span."""


class Tracer(Protocol):
    """What makes spans."""

    def span(
        self,
        name: str,
        attributes: Attributes,
        *,
        headers: Mapping[str, str] | None = None,
        links: Sequence[Any] = (),
    ) -> AbstractContextManager[Note]: ...
    def here(self) -> Any: ...


_listeners: list[Listener] = []
_tracers: list[Tracer] = []


def listen(listener: Listener) -> None:
    """Let `listener` hear of everything from now on."""
    _listeners.append(listener)


def unlisten(listener: Listener) -> None:
    """Let `listener` hear of nothing more."""
    _listeners.remove(listener)


def count(name: str, value: float = 1.0, **labels: str) -> None:
    """Add `value` to the counter called `name`."""
    for listener in _listeners:
        listener.count(name, value, **labels)


def time_of(name: str, ms: float, **labels: str) -> None:
    """Note how many milliseconds something took."""
    for listener in _listeners:
        listener.time(name, ms, **labels)


def measure(name: str, value: float, **labels: str) -> None:
    """Note a figure that is neither a count nor a time."""
    for listener in _listeners:
        listener.measure(name, value, **labels)


def trace_with(tracer: Tracer | None) -> None:
    """Let `tracer` make spans from now on, in place of any other."""
    _tracers[:] = [] if tracer is None else [tracer]


@contextmanager
def span(
    name: str,
    attributes: Attributes | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    links: Sequence[Any] = (),
) -> Iterator[Note]:
    """Let the block be a span, and yield what adds to what is known of it.

    Args:
        name: What it is called.
        attributes: What is known of it.
        headers: Of a request that may say whose part it is; None makes it part of the span that
            the block stands in.
        links: What `here` returned, for spans that it works for without being part of them.
    """
    with ExitStack() as stack:
        notes = [
            stack.enter_context(tracer.span(name, attributes or {}, headers=headers, links=links))
            for tracer in _tracers
        ]

        def note(more: Attributes) -> None:
            for one in notes:
                one(more)

        yield note


def here() -> Any:
    """Return what later spans can link to: the span this is called in; None where there is none."""
    return next((tracer.here() for tracer in _tracers), None)


class Stopwatch:
    """Sums up the milliseconds that each stage takes."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}
        self._start = time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block under `name`; a stage entered twice is summed."""
        start = time.perf_counter()
        try:
            with span(f"rag_router.{name}"):
                yield
        finally:
            spent = (time.perf_counter() - start) * 1000
            self.ms[name] = self.ms.get(name, 0.0) + spent
            for listener in _listeners:
                listener.time(STAGE, spent, stage=name)

    def total(self) -> float:
        """Milliseconds since the stopwatch was made."""
        return (time.perf_counter() - self._start) * 1000


def log_access(**fields: Any) -> None:
    """Write one line of JSON about a request that was answered."""
    _access.info("%s", json.dumps({"at": datetime.now(UTC).isoformat(), **fields}))


def log_to_stderr(clean: Callable[[str], str] | None = None) -> None:
    """Show what is logged, requests included, on standard error; twice changes nothing.

    Args:
        clean: Takes out of a message what should not be shown. Lines about requests, and those of
            the audit log, hold nobody's words and are shown as they are.
    """
    if not logger.handlers:
        shown = logging.StreamHandler()
        shown.setFormatter(_Cleaned(clean))
        logger.addHandler(shown)
    logger.setLevel(logging.INFO)


class _Cleaned(logging.Formatter):
    """Messages, and what was raised, without what should not be shown."""

    def __init__(self, clean: Callable[[str], str] | None) -> None:
        super().__init__("%(message)s")
        self._clean = clean

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if self._clean is None or record.name in _WORDLESS else self._clean(text)
