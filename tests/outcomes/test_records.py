from __future__ import annotations

import numpy as np
import pytest

from rag_router.errors import UnavailableError
from rag_router.outcomes import OutcomeCache, RecordCache


@pytest.fixture
def cache(tmp_path):
    cache = RecordCache(tmp_path / "outcomes.sqlite")
    yield cache
    cache.close()


def test_a_record_comes_back_under_its_own_digest_only(cache):
    cache.put("thing", {"a": b"one", "b": b"two"})
    assert cache.get(["a", "b", "c"]) == {"a": b"one", "b": b"two"}
    assert cache.get(["c"]) == {}


def test_what_was_kept_first_stays(cache):
    cache.put("thing", {"a": b"one"})
    cache.put("thing", {"a": b"other", "b": b"two"})
    assert cache.get(["a", "b"]) == {"a": b"one", "b": b"two"}


def test_json_and_arrays_come_back_as_they_were(cache):
    cache.put_json("verdict", {"a": {"p": 0.25, "text": "Zoë"}})
    cache.put_arrays("features", {"b": np.array([1.5, -2.0])})
    assert cache.get_json(["a"]) == {"a": {"p": 0.25, "text": "Zoë"}}
    assert cache.get_arrays(["b"])["b"].tolist() == [1.5, -2.0]


def test_many_more_keys_than_a_query_takes(cache):
    cache.put("n", {str(n): str(n).encode() for n in range(1203)})
    assert len(cache.get([str(n) for n in range(1203)])) == 1203


def test_outcomes_and_records_share_a_file(tmp_path):
    outcomes, records = (kind(tmp_path / "one.sqlite") for kind in (OutcomeCache, RecordCache))
    records.put("n", {"a": b"1"})
    assert outcomes.get([]) == {}
    assert records.get(["a"]) == {"a": b"1"}
    outcomes.close()
    records.close()


def test_a_file_that_is_no_cache_is_told(tmp_path):
    path = tmp_path / "notes.sqlite"
    path.write_text("this is no database, and it is long enough to be read as one" * 20)
    with pytest.raises(UnavailableError, match="cannot be used"):
        RecordCache(path)
