from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from little_house import parts
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from said import VALVE, given

from rag_router import telemetry
from rag_router.api.app import create_app
from rag_router.api.tracing import OpenTelemetry, trace_where_asked
from rag_router.assembly import assemble
from rag_router.settings import Settings

STAGES = ("route", "gate", "retrieve", "filter", "decode", "verify")


@pytest.fixture
def spans():
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry.trace_with(OpenTelemetry(provider))
    yield exporter
    telemetry.trace_with(None)


def test_a_request_its_answer_its_batch_and_the_stages_are_spans(tmp_path, spans):
    house = assemble(Settings(home=tmp_path / "home"), parts(tmp_path))
    with TestClient(create_app(lambda: house)) as client:
        while client.get("/health/ready").status_code != 200:
            pass
        spans.clear()
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        body = {"question": VALVE}
        given(client.post("/v1/answer", json=body, headers={"traceparent": parent}))
    made = {span.name: span for span in spans.get_finished_spans()}
    request, answering = made["POST"], made["invoke_agent rag_router"]
    batch = made["rag_router.batch"]
    assert format(request.context.trace_id, "032x") == "0af7651916cd43dd8448eb211c80319c"
    assert request.attributes["http.route"] == "/v1/answer"
    assert request.attributes["http.response.status_code"] == 200
    assert answering.parent.span_id == request.context.span_id
    assert answering.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert answering.attributes["gen_ai.usage.output_tokens"] > 0
    assert answering.attributes["rag_router.looked_up"] == 1
    # A batch works for several requests, and is part of none.
    assert [link.context.span_id for link in batch.links] == [answering.context.span_id]
    assert batch.attributes["rag_router.batch.questions"] == 1
    for stage in STAGES:
        assert made[f"rag_router.{stage}"].parent.span_id == batch.context.span_id
    assert "Larkspur" not in "".join(span.to_json() for span in made.values())


def test_what_fails_says_of_what_kind_it_is_and_not_what_was_asked(spans):
    with pytest.raises(ValueError, match="secret"), telemetry.span("one", {"n": 1}):
        raise ValueError("a secret question")
    (span,) = spans.get_finished_spans()
    assert span.attributes["error.type"] == "ValueError"
    assert span.status.is_ok is False
    assert "secret" not in span.to_json()


def test_without_a_place_to_send_them_there_are_none():
    assert trace_where_asked({}) is False
    assert telemetry.here() is None
    with telemetry.span("nothing") as note:
        note({"heard": "by nobody"})
