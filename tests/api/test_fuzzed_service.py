"""Requests that nobody would write, made from the OpenAPI page: none of them breaks the service."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from kept_service import keeping

schemathesis = pytest.importorskip("schemathesis")

from schemathesis.specs.openapi.checks import positive_data_acceptance  # noqa: E402

_EXAMPLES = 6
"""Of each endpoint; benchmarks/fuzz_api.py makes many more."""


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    small = {"limits": {"questions_per_request": 4}}
    with keeping(tmp_path_factory.mktemp("fuzzed"), **small) as client:
        yield client


def operations(client):
    page = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    # OpenAI's clients send what OpenAI documents, and that is not this page.
    ours = page.exclude(path_regex="^/v1/(chat|models|embeddings)")
    return [found.ok() for found in ours.get_all_operations()]


def test_no_request_breaks_the_service_or_is_answered_otherwise_than_documented(client):
    found = operations(client)
    assert len(found) >= 20
    for operation in found:
        never_breaks(operation, client)


def as_sent(case, client):
    """A request as the client wants it, which is another library's than schemathesis speaks."""
    sent = case.as_transport_kwargs(base_url=str(client.base_url))
    sent.pop("cookies", None)
    if isinstance(sent.get("data"), bytes | str):
        sent["content"] = sent.pop("data")
    return sent


def never_breaks(operation, client):
    @given(case=operation.as_strategy())
    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        derandomize=True,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    def check(case):
        response = client.request(**as_sent(case, client))
        assert response.status_code < 500, f"{operation.label}: {response.text}"
        # A page cannot say all that makes sense: that two fields go together, or what names are.
        case.validate_response(response, excluded_checks=[positive_data_acceptance])

    check()
