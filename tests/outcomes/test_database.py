from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from rag_router.outcomes import OutcomeCache, RecordCache

TOGETHER = 6


def test_many_may_open_a_new_file_at_once(tmp_path):
    # Whoever looks first and makes the tables then would find them made by somebody else.
    for number in range(5):
        path, begin = tmp_path / f"{number}.sqlite", Barrier(TOGETHER)

        def keep(at, path=path, begin=begin):
            begin.wait()
            OutcomeCache(path).close()
            records = RecordCache(path)
            records.put("n", {str(at): b"1"})
            records.close()

        with ThreadPoolExecutor(TOGETHER) as pool:
            list(pool.map(keep, range(TOGETHER)))
        records = RecordCache(path)
        assert len(records.get([str(at) for at in range(TOGETHER)])) == TOGETHER
        records.close()


def test_what_is_written_is_seen_by_whoever_has_the_file_open(tmp_path):
    one, other = (RecordCache(tmp_path / "o.sqlite") for _ in range(2))
    one.put("n", {"a": b"1"})
    assert other.get(["a"]) == {"a": b"1"}
    one.close()
    other.close()
