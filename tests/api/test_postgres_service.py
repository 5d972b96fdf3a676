"""The same service with its things in PostgreSQL."""

from __future__ import annotations

import pytest
from kept_service import keeping
from postgres import an_empty_database
from said import VALVE, given, problem, upload

pytestmark = pytest.mark.postgres


def test_documents_traces_and_feedback_are_kept_in_postgresql_and_found_after_a_restart(tmp_path):
    with an_empty_database() as url:
        with keeping(tmp_path, store={"url": url}) as client:
            given(client.post("/v1/collections", json={"name": "pumps"}), 201)
            problem(client.post("/v1/collections", json={"name": "pumps"}), 409)
            meta = '{"topic": "oil", "word": "\\u00fc"}'
            document = upload(client, "pump.txt", "A pump.", "pumps", metadata=meta)
            assert (document["state"], document["metadata"]["word"]) == ("indexed", "ü")
            failed = upload(client, "rows.jsonl", "{", "pumps")
            assert failed["state"] == "failed"
            (answer,) = given(client.post("/v1/answer", json={"question": VALVE}))["answers"]
            said = {"trace": answer["trace"], "verdict": "right"}
            headers = {"Idempotency-Key": "once"}
            first = given(client.post("/v1/feedback", json=said, headers=headers), 201)
        with keeping(tmp_path, store={"url": url}) as client:
            assert given(client.get(f"/v1/documents/{document['id']}")) == document
            assert given(client.get(f"/v1/traces/{answer['trace']}"))["reason"] == "contextual"
            again = client.post("/v1/feedback", json=said, headers=headers)
            assert given(again, 201) == first
            assert len(given(client.get("/v1/feedback"))["items"]) == 1
            assert not (tmp_path / "home" / "service.sqlite").exists()
