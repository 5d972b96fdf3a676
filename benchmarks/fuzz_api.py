"""Requests that nobody would write, against the whole service, for as long as one likes.

    python -m benchmarks.fuzz_api [--examples 300] [--only PATH]

They are made by schemathesis from the OpenAPI page. The service is a real one, with a database, an
index and an ingestion worker; only its model is scripted, for what it says does not matter here.
Bar: no answer of 500 or above but 503, and none that is not documented.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import click
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from benchmarks.record import record
from rag_router.api.app import create_app
from rag_router.api.resources import Resources
from rag_router.assembly import Parts, assemble, open_indexes
from rag_router.experts import Expert
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.orchestrator import Orchestrator
from rag_router.settings import Settings

_UNAVAILABLE = 503


@click.command()
@click.option("--examples", default=300, show_default=True, help="Requests to each endpoint.")
@click.option("--only", default="", help="Only endpoints whose path begins like this.")
def main(examples: int, only: str) -> None:
    """Send them, print what failed, and record."""
    with tempfile.TemporaryDirectory() as home:
        config = Settings(home=Path(home), limits={"questions_per_request": 4})
        app = create_app(
            lambda: _orchestrator(config), config.limits, resources=Resources.open(config)
        )
        with TestClient(app, raise_server_exceptions=False) as client:
            while client.get("/health/ready").status_code == _UNAVAILABLE:
                pass
            client.post("/v1/collections", json={"name": "fuzz"})
            statuses, failures = _fuzz(client, examples, only)
    for failure in failures:
        click.echo(failure, err=True)
    record(
        "fuzz-api",
        {
            "requests": sum(statuses.values()),
            "by_status": dict(sorted(statuses.items())),
            "endpoints_that_failed": len(failures),
        },
    )


def _fuzz(client: TestClient, examples: int, only: str) -> tuple[Counter[str], list[str]]:
    page = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    ours = page.exclude(path_regex="^/v1/(chat|models|embeddings)")
    statuses: Counter[str] = Counter()
    failures = []
    for found in ours.get_all_operations():
        operation: Any = found.ok()
        if not operation.path.startswith(only):
            continue
        click.echo(operation.label, err=True)
        try:
            _check(operation, client, examples, statuses)
        except (AssertionError, ExceptionGroup) as exc:
            failures.append(f"{operation.label}: {exc}")
    return statuses, failures


def _check(operation: Any, client: TestClient, examples: int, statuses: Counter[str]) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        response = client.request(**_as_sent(case, client))
        statuses[str(response.status_code)] += 1
        assert response.status_code < 500 or response.status_code == _UNAVAILABLE, response.text
        case.validate_response(response, excluded_checks=[positive_data_acceptance])

    check()


def _as_sent(case: Any, client: TestClient) -> dict[str, Any]:
    """Return a request as the client wants it, which is not the one that schemathesis speaks to."""
    sent: dict[str, Any] = case.as_transport_kwargs(base_url=str(client.base_url))
    sent.pop("cookies", None)
    if isinstance(sent.get("data"), bytes | str):
        sent["content"] = sent.pop("data")
    return sent


def _orchestrator(config: Settings) -> Orchestrator:
    model = ScriptedModel({"capital of France": Reply("Paris", 0.99)}, otherwise=Reply("no", 0.1))
    embedder = HashingEmbedder()
    expert = Expert(name="scripted", model=model, style=PromptStyle.of(model))
    indexes = open_indexes(config, embedder)
    return assemble(config, Parts(expert=expert, embedder=embedder, indexes=indexes))


if __name__ == "__main__":
    main()
