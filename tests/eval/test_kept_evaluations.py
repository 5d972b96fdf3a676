"""The newest evaluation is kept, and a report tells the same."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rag_router.errors import DataError
from rag_router.eval.kept_evaluations import Evaluated, keep_evaluation, kept_evaluation, reported

FOUND = Evaluated(
    source="nq",
    gate="p_ik",
    p_know=(0.25, 0.75),
    retrieved=(True, False),
    never=(False, True),
    always=(True, True),
)


def test_the_newest_evaluation_of_each_model_is_kept(tmp_path):
    assert kept_evaluation(tmp_path, "a") is None
    keep_evaluation(tmp_path, "a", replace(FOUND, source="older"))
    keep_evaluation(tmp_path, "path:/b", replace(FOUND, gate="always"))
    keep_evaluation(tmp_path, "a", FOUND)
    kept = kept_evaluation(tmp_path, "a")
    assert kept is not None
    assert kept.source.startswith("nq, 20")
    assert replace(kept, source="nq") == FOUND
    assert kept.n == 2
    other = kept_evaluation(tmp_path, "path:/b")
    assert other is not None
    assert other.gate == "always"
    assert len(list((tmp_path / "evaluations").iterdir())) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"source": "", "gate": "", "p_know": [1], "retrieved": [], "never": [], "always": []}',
    ],
)
def test_a_broken_one_says_so(tmp_path, text):
    keep_evaluation(tmp_path, "a", FOUND)
    [path] = (tmp_path / "evaluations").iterdir()
    path.write_text(text)
    with pytest.raises(DataError, match="cannot be read"):
        kept_evaluation(tmp_path, "a")


def report_of(rows):
    return json.dumps(
        {"title": "When a looks things up", "summary": {"gate": "p_ik"}, "questions": rows}
    )


def test_a_report_tells_the_same(tmp_path):
    rows = [
        {"p_know": 0.25, "looked up": True, "never right": False, "always right": True},
        {"p_know": 0.75, "looked up": False, "never right": True, "always right": True},
    ]
    (tmp_path / "report.json").write_text(report_of(rows))
    expected = replace(FOUND, source="When a looks things up")
    assert reported(tmp_path) == reported(tmp_path / "report.json") == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no report of answers"),
        (report_of([{"p_know": 0.5}]), "is no report of answers"),
        (report_of([]), "no row for each question"),
    ],
)
def test_another_report_is_refused(tmp_path, text, said):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(DataError, match=said):
        reported(tmp_path)
