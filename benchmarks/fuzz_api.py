"""Requests that nobody would write, against the whole service, for as long as one likes.

    python -m benchmarks.fuzz_api [--minutes 30] [--examples 100] [--only PATH]

They are made by schemathesis from the OpenAPI page: so many for each endpoint, round after round
with a seed of its own, until the time is over. About half of those that name something in their
path name what earlier answers told of, as all others would end with "not found". The service is a
real one, with a database, an index and an ingestion worker; only its model is scripted, for what it
says does not matter here. Every request has the service's own key, since one that makes keys would
lock all others out.
Bar: no answer of 500 or above but 503, none that is not documented, none that takes longer than ten
seconds, and at most a gigabyte of memory.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from benchmarks.record import record
from rag_router.api.app import create_app
from rag_router.api.resources import Resources
from rag_router.assembly import Parts, assemble, open_indexes
from rag_router.experts import Expert
from rag_router.models.prompts import PromptStyle
from rag_router.models.remote_keys import Key
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.orchestrator import Orchestrator
from rag_router.settings import Settings

_UNAVAILABLE = 503
_UNAUTHORIZED = 401
HANG_S = 10
MOST_MB = 1024
_MOST_NAMES = 64
_KEY = "the key of the service itself"


@dataclass
class Seen:
    """What came of the requests."""

    statuses: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)
    """What went wrong first, by endpoint."""
    rounds: int = 0
    names: dict[str, None] = field(default_factory=dict)
    """Of what is there, as far as answers told of it."""

    def figures(self) -> dict[str, Any]:
        """Return them for the record."""
        # The first peak of a process that has begun no other; in KiB on Linux.
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {
            "requests": sum(self.statuses.values()),
            "rounds": self.rounds,
            "by_status": dict(sorted(self.statuses.items())),
            "longest_s": round(self.longest_s, 3),
            "peak_mb": round(peak_mb),
            "endpoints_that_failed": len(self.failures),
        }


@click.command()
@click.option("--minutes", default=30.0, show_default=True, help="How long new rounds begin.")
@click.option("--examples", default=100, show_default=True, help="To each endpoint in a round.")
@click.option("--only", default="", help="Only endpoints whose path begins like this.")
def main(minutes: float, examples: int, only: str) -> None:
    """Send them, print what failed, and record; exit with 1 where something did."""
    with tempfile.TemporaryDirectory() as home:
        config = Settings(home=Path(home), limits={"questions_per_request": 4})
        app = create_app(
            lambda: _orchestrator(config),
            config.limits,
            resources=Resources.open(config),
            key=Key(_KEY),
        )
        with TestClient(app, raise_server_exceptions=False) as client:
            client.headers["Authorization"] = f"Bearer {_KEY}"
            while client.get("/health/ready").status_code == _UNAVAILABLE:
                pass
            client.post("/v1/collections", json={"name": "fuzz"})
            seen = _fuzz(client, minutes, examples, only)
    for endpoint, failure in seen.failures.items():
        click.echo(f"{endpoint}: {failure}", err=True)
    figures = seen.figures()
    record("fuzz-api", figures, minutes=minutes, examples=examples)
    held = figures["longest_s"] <= HANG_S and figures["peak_mb"] <= MOST_MB
    sys.exit(bool(seen.failures) or not held)


def _fuzz(client: TestClient, minutes: float, examples: int, only: str) -> Seen:
    page = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    ours = page.exclude(path_regex="^/v1/(chat|models|embeddings)")
    operations: list[Any] = [found.ok() for found in ours.get_all_operations()]
    seen, end = Seen(), time.monotonic() + 60 * minutes
    while not seen.rounds or time.monotonic() < end:
        click.echo(f"round {seen.rounds}: {sum(seen.statuses.values())} requests", err=True)
        for operation in operations:
            if not operation.path.startswith(only) or operation.label in seen.failures:
                continue
            if seen.rounds and time.monotonic() > end:
                break
            try:
                _check(operation, client, examples, seen)
            except (AssertionError, ExceptionGroup) as exc:
                seen.failures[operation.label] = "".join(traceback.format_exception_only(exc))
        seen.rounds += 1
    return seen


def _check(operation: Any, client: TestClient, examples: int, seen: Seen) -> None:
    @seed(seen.rounds)
    @given(case=operation.as_strategy(), known=st.none() | st.integers(0, _MOST_NAMES))
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        # The service remembers, so that nothing fails twice the same way, as shrinking wants it to.
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any, known: int | None) -> None:
        if known is not None and case.path_parameters and seen.names:
            name = quote(list(seen.names)[known % len(seen.names)], safe="")
            case.path_parameters = dict.fromkeys(case.path_parameters, name)
        begin = time.monotonic()
        response = client.request(**_as_sent(case, client))
        seen.longest_s = max(seen.longest_s, time.monotonic() - begin)
        seen.statuses[str(response.status_code)] += 1
        assert response.status_code < 500 or response.status_code == _UNAVAILABLE, response.text
        assert response.status_code != _UNAUTHORIZED, response.text
        case.validate_response(response, excluded_checks=[positive_data_acceptance])
        if response.content and "json" in response.headers.get("content-type", ""):
            seen.names |= dict.fromkeys(_names(response.json()))
            for name in list(seen.names)[:-_MOST_NAMES]:
                del seen.names[name]

    check()


def _names(told: Any) -> list[str]:
    """Return how things are called that an answer tells of."""
    if isinstance(told, list):
        return [name for one in told for name in _names(one)]
    if not isinstance(told, dict):
        return []
    own = [str(told[field]) for field in ("id", "name") if told.get(field)]
    return [*own, *(name for one in told.values() for name in _names(one))]


def _as_sent(case: Any, client: TestClient) -> dict[str, Any]:
    """Return a request as the client wants it, which is not the one that schemathesis speaks to."""
    sent: dict[str, Any] = case.as_transport_kwargs(base_url=str(client.base_url))
    sent.pop("cookies", None)
    # What is made up in its place would only be refused.
    sent["headers"] = {
        name: value
        for name, value in (sent.get("headers") or {}).items()
        if name.lower() != "authorization"
    }
    if isinstance(sent.get("data"), bytes | str):
        sent["content"] = sent.pop("data")
    if isinstance(sent.get("files"), list):
        sent["files"] = [(name, _as_part(value)) for name, value in sent["files"]]
    return sent


def _as_part(value: Any) -> Any:
    """Return a field of a form as the client wants it: with bytes."""
    if isinstance(value, tuple):
        name, content, *rest = value
        return (name, content if isinstance(content, bytes) else str(content).encode(), *rest)
    return value if isinstance(value, bytes) else (None, str(value).encode())


def _orchestrator(config: Settings) -> Orchestrator:
    model = ScriptedModel({"capital of France": Reply("Paris", 0.99)}, otherwise=Reply("no", 0.1))
    embedder = HashingEmbedder()
    expert = Expert(name="scripted", model=model, style=PromptStyle.of(model))
    indexes = open_indexes(config, embedder)
    return assemble(config, Parts(expert=expert, embedder=embedder, indexes=indexes))


if __name__ == "__main__":
    main()
