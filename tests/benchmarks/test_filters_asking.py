from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pytest

from benchmarks import filters_asking, record
from rag_router.types import Passage, Question


@pytest.fixture
def found(tmp_path):
    """What was recorded today, of two questions."""
    about = {"n": 2, "fitted_on": 1, "passages": 5}
    day = datetime.now(UTC).date().isoformat()
    path = tmp_path / f"{day}-asked.json"
    document = {
        "figures": {**about, "m": {"none": {"answer_accuracy": 0.5}}},
        "manifest": {"data_hash": "h"},
    }
    path.write_text(json.dumps(document))
    return tmp_path, about


def test_a_run_goes_on_behind_what_was_recorded_of_the_same_questions(found):
    folder, about = found
    assert filters_asking._so_far("asked", about, "h", folder)["m"]["none"]
    assert filters_asking._so_far("asked", about, "other", folder) is None
    assert filters_asking._so_far("asked", {**about, "n": 3}, "h", folder) is None
    assert filters_asking._so_far("another", about, "h", folder) is None


def test_passages_are_looked_up_by_their_ids_in_the_order_they_were_found(tmp_path):
    rows = [{"id": f"w{n}", "title": "T", "text": f"text {n}"} for n in range(4)]
    with gzip.open(tmp_path / "passages_0.jsonl.gz", "wt") as lines:
        lines.write("\n".join(map(json.dumps, rows)))
    contexts = tuple(Passage(id=name, title="", text="") for name in ("w2", "w0", "w3"))
    asked = Question(id="q", text="q", contexts=contexts)
    hits = filters_asking._texts(tmp_path, [asked], 2)["q"]
    assert [(hit.passage.text, hit.rank) for hit in hits] == [("text 2", 1), ("text 0", 2)]


def test_all_filters_that_are_measured_are_there():
    assert set(filters_asking.FILTERS_ASKING) <= set(filters_asking.FILTERS)
    assert record.RESULTS.name == "results"
