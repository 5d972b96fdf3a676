"""GET /metrics: counters and histograms as Prometheus reads them.

Labels are stages, reasons, routes and statuses of ours; nothing that anybody sends becomes one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from rag_router import telemetry

__all__ = ["Metrics", "router"]

router = APIRouter(tags=["health"])

_COUNTERS: Final[dict[str, tuple[str, tuple[str, ...], str]]] = {
    telemetry.ANSWERS: ("answers", ("reason",), "Answers, abstentions included."),
    telemetry.LOOKED_UP: ("looked_up", ("retrieved",), "Answers that were looked up, or not."),
    telemetry.CONFLICTS: ("conflicts", ("reason",), "Answers whose sources disagree."),
    telemetry.DEGRADED: ("degraded", ("stage",), "What was skipped, cut or fell back."),
    telemetry.ERRANDS: ("errands", ("errand",), "Titles and other background tasks."),
    telemetry.FALLBACKS: ("fallbacks", ("rung",), "Answers that did without a part that failed."),
    telemetry.FILTER_FAILURES: ("filter_failures", ("filter",), "Filters that raised."),
    telemetry.FORWARD_PASSES: ("lm_forward_passes", (), "Rows through a language model."),
    telemetry.RETRIEVER_CALLS: ("retriever_calls", (), "Retrievers asked."),
    telemetry.REFUSED: ("refused", ("why",), "Requests turned away."),
    telemetry.REQUESTS: ("requests", ("route", "status"), "Requests, by template of the path."),
}
_SECONDS: Final = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_TIMES: Final[dict[str, tuple[str, tuple[str, ...], str]]] = {
    telemetry.STAGE: ("stage_seconds", ("stage",), "Seconds of a batch in each stage."),
    telemetry.QUEUE_WAIT: ("queue_wait_seconds", (), "Seconds until a question's turn."),
    telemetry.REQUEST: ("request_seconds", ("route",), "Seconds of a request."),
}
_FIGURES: Final[dict[str, tuple[str, tuple[float, ...], str]]] = {
    telemetry.BATCH_QUESTIONS: ("batch_questions", (1, 2, 4, 8, 16, 32, 64), "Questions a batch."),
}


@dataclass(eq=False)
class Metrics:
    """Hears of everything, and tells it in Prometheus' words.

    Args:
        waiting: Says how many wait.
    """

    waiting: Callable[[], int]
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self._counters = {
            key: Counter(f"rag_router_{name}", about, labels, registry=self.registry)
            for key, (name, labels, about) in _COUNTERS.items()
        }
        self._times = {
            key: Histogram(
                f"rag_router_{name}", about, labels, registry=self.registry, buckets=_SECONDS
            )
            for key, (name, labels, about) in _TIMES.items()
        }
        self._figures = {
            key: Histogram(f"rag_router_{name}", about, registry=self.registry, buckets=buckets)
            for key, (name, buckets, about) in _FIGURES.items()
        }
        queue = Gauge("rag_router_queue_length", "Who waits.", registry=self.registry)
        queue.set_function(self.waiting)

    def count(self, name: str, value: float, **labels: str) -> None:
        if (counter := self._counters.get(name)) is not None:
            (counter.labels(**labels) if labels else counter).inc(value)

    def time(self, name: str, ms: float, **labels: str) -> None:
        if (histogram := self._times.get(name)) is not None:
            (histogram.labels(**labels) if labels else histogram).observe(ms / 1000)

    def measure(self, name: str, value: float, **labels: str) -> None:
        del labels
        if (histogram := self._figures.get(name)) is not None:
            histogram.observe(value)

    def text(self) -> bytes:
        """Return everything, in the exposition format."""
        return generate_latest(self.registry)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request) -> Response:
    """Counters and histograms, for Prometheus."""
    told: Metrics = request.app.state.metrics
    return Response(told.text(), media_type=CONTENT_TYPE_LATEST)
