"""Spans for OpenTelemetry: requests, answers, batches, and the stages of each batch.

Where they go is said as OpenTelemetry has it, by OTEL_EXPORTER_OTLP_ENDPOINT and its kin; without
that nothing is sent anywhere. A request that comes with a `traceparent` is part of that trace.
Spans hold figures and names of ours, and no word of a question or an answer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry import propagate, trace

from rag_router import __version__, telemetry

__all__ = ["OpenTelemetry", "trace_where_asked"]


class OpenTelemetry:
    """Makes spans.

    Args:
        provider: Where they go; None is the one of the process.
    """

    def __init__(self, provider: trace.TracerProvider | None = None) -> None:
        self._tracer = trace.get_tracer("rag_router", __version__, provider)

    @contextmanager
    def span(
        self,
        name: str,
        attributes: telemetry.Attributes,
        *,
        headers: Mapping[str, str] | None = None,
        links: Sequence[Any] = (),
    ) -> Iterator[telemetry.Note]:
        """Let the block be a span."""
        linked = [trace.Link(one) for one in links if one is not None and one.is_valid]
        with self._tracer.start_as_current_span(
            name,
            None if headers is None else propagate.extract(headers),
            kind=trace.SpanKind.INTERNAL if headers is None else trace.SpanKind.SERVER,
            attributes=dict(attributes),
            links=linked,
            # Messages of errors may quote what was asked.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield lambda more: span.set_attributes(dict(more))
            except BaseException as exc:
                span.set_attribute("error.type", type(exc).__name__)
                span.set_status(trace.StatusCode.ERROR)
                raise

    def here(self) -> trace.SpanContext:
        """Return the span that this is called in."""
        return trace.get_current_span().get_span_context()


def trace_where_asked(environment: Mapping[str, str] | None = None) -> bool:
    """Send spans where OpenTelemetry's own variables say; returns whether they do.

    Raises:
        ImportError: they do, and the exporter is not installed.
    """
    given = os.environ if environment is None else environment
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if not any(given.get(name) for name in names) or given.get("OTEL_SDK_DISABLED") == "true":
        return False
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": given.get("OTEL_SERVICE_NAME", "rag-router")})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    telemetry.trace_with(OpenTelemetry(provider))
    return True
