"""What tests ask of the service again and again."""

from __future__ import annotations

from typing import Any

__all__ = ["VALVE", "done", "given", "problem", "upload"]

VALVE = "How often is the Larkspur valve calibrated?"


def problem(response: Any, status: int) -> dict[str, Any]:
    """The problem document of a refused request, whose common parts are checked here."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == status
    assert document["instance"].endswith(response.headers["x-request-id"])
    return document


def given(response: Any, status: int = 200) -> Any:
    """The body of a request that was granted."""
    assert response.status_code == status, response.text
    return response.json()


def upload(client: Any, name: str, text: str | bytes, collection: str, **more: Any) -> Any:
    """Upload a file and wait until its job has ended; returns the document."""
    raw = text.encode() if isinstance(text, str) else text
    accepted = client.post(
        "/v1/documents",
        files={"file": (name, raw)},
        data={"collection": collection, **more},
    )
    body = given(accepted, 202)
    assert body["document"]["state"] == "waiting"
    done(client, body["job"]["id"])
    return given(client.get(f"/v1/documents/{body['document']['id']}"))


def done(client: Any, job: str) -> dict[str, Any]:
    """Wait until a job has ended."""
    for _ in range(10_000):
        found = given(client.get(f"/v1/jobs/{job}"))
        if found["state"] in {"done", "failed"}:
            return found
    raise AssertionError(f"{job} never ended")
