"""The harnesses that fuzz readers take their seeds, and tell our errors from others."""

from __future__ import annotations

import pytest

from benchmarks.fuzz_readers import HARNESSES
from rag_router.errors import RagRouterError


@pytest.mark.parametrize("name", HARNESSES)
def test_every_seed_is_read_or_refused_by_an_error_of_our_own(name, tmp_path):
    make, seeds = HARNESSES[name]
    read, refused = make(tmp_path), 0
    found = list(seeds())
    assert found
    for raw in [*found, b"", b"\x00", *(one[: len(one) // 2] for one in found)]:
        try:
            read(raw)
        except RagRouterError:
            refused += 1
    # What is cut in half is no document, journal or manifest any more; settings may still be some.
    assert refused or name == "settings"
