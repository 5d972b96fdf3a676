"""A service that keeps things, shared by the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from kept_service import keeping


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Iterator[TestClient]:
    with keeping(tmp_path_factory.mktemp("service")) as client:
        yield client
