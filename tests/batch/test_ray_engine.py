"""The Ray engine: what travels, and one small job on a cluster in this machine."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from batch_stand_ins import Echo

from rag_router.batch import LocalEngine
from rag_router.batch.inputs import items_of
from rag_router.batch.ray_engine import _as_done, _as_item, _as_row, answered_rows, task_size
from rag_router.types import Passage, Question

TESTS = Path(__file__).parent.parent
WITH_PASSAGES = Question(
    id="q",
    text="Who?",
    contexts=(Passage(id="p", title="T", text="He.", document_id="d", start=3),),
    queries=("who else",),
)


def test_a_line_travels_whole():
    (item,) = items_of([WITH_PASSAGES])
    assert _as_item(0, json.loads(json.dumps(_as_row(item)))) == item


def test_what_comes_back_is_what_the_local_engine_says():
    items = list(items_of(["a", "b", "c"]))
    broken = Echo(lambda one: ValueError("no") if one.text == "b" else None)
    lines = [json.dumps(_as_row(item)) for item in items]
    said = answered_rows(LocalEngine(service=broken), [0, 1, 2], lines)
    done = [_as_done(item, json.loads(one)) for item, one in zip(items, said, strict=True)]
    (window,) = LocalEngine(service=broken).run(items)
    assert [one.to_json() for one in done] == [one.to_json() for one in window]


@pytest.mark.parametrize(
    ("rows", "workers", "window", "wanted"),
    [(12800, 2, 32, 256), (100, 2, 32, 64), (40, 2, 32, 32), (1, 2, 32, 32), (10000, 2, 300, 300)],
)
def test_a_task_is_of_whole_windows_and_leaves_some_for_every_actor(rows, workers, window, wanted):
    assert task_size(rows, workers, window) == wanted


# In a process of its own: a cluster opens sockets of this machine's own address.
JOB = """
import json, sys
from functools import partial
from benchmarks.batch_services import sleepy
from rag_router.batch import Sizes
from rag_router.batch.inputs import items_of
from rag_router.batch.ray_engine import RayEngine
engine = RayEngine(
    make=partial(sleepy, sys.argv[1], 0.0), sizes=Sizes(window=4), workers=2, cores=0.5
)
done = [one for some in engine.run(items_of("abcdefghij")) for one in some]
print(json.dumps({one.item.id: one.answer["answer"] for one in done}))
"""


KILLED = """
import json, sys
from pathlib import Path
from benchmarks.batch import by_ray
found = by_ray(Path(sys.argv[1]), 640)
print(json.dumps([found["same_as_local"], found["same_with_one_killed"]]))
"""

on_a_cluster = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None or "TEST_RAY" not in os.environ,
    reason="a cluster takes Ray, and minutes to start; set TEST_RAY=1",
)


def ran(job, tmp_path):
    root = TESTS.parent
    done = subprocess.run(
        [sys.executable, "-c", job, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=590,
        cwd=root,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
    )
    return json.loads(done.stdout.splitlines()[-1])


@on_a_cluster
def test_a_small_job_is_answered_by_actors(tmp_path):
    # One-letter texts are the same backwards.
    assert ran(JOB, tmp_path) == {str(n): letter for n, letter in enumerate("abcdefghij", start=1)}
    assert 1 <= len(list(tmp_path.iterdir())) <= 2


@on_a_cluster
def test_an_actor_that_is_killed_takes_no_answer_with_it(tmp_path):
    assert ran(KILLED, tmp_path) == [True, True]
