from __future__ import annotations

from benchmarks.experts_table import markdown

ROUTER = {
    "accuracy": 0.3,
    "minus_best_single": [0.02, 0.01, 0.03],
    "regret": 0.125,
    "cost": 0.5,
    "ms_per_question": 0.256,
}
LOCAL = {
    "n": 1500,
    "fields": {"law": 800, "news": 700},
    "by_field": {"tiny": {"law": 0.25, "news": 0.5}},
    "routers": {"neighbours": ROUTER},
    "best_published": "neighbours",
    "minus_best_published": {"combined": [0.01, -0.01, 0.03]},
}
ASKED = {"combined": {"apgr": 0.64, "apgr_95": [0.59, 0.7]}, "random": {}}
RECORDED = {
    "mmlu": {"n": 2000, "parts": {"0": ASKED}, "halves": {"0": ASKED}},
    "gsm8k": {"skipped": "no outcomes are recorded in gsm8k"},
}


def test_each_expert_and_router_has_its_row():
    text = markdown({"local": LOCAL})
    assert "| expert | law | news |" in text
    assert "| `tiny` | 0.250 | 0.500 |" in text
    assert "| `neighbours` | 0.300 | +0.020 [+0.010, +0.030] | 0.125 | 0.5 | 0.26 |" in text
    assert "`combined` +0.010 [-0.010, +0.030]." in text


def test_recorded_outcomes_are_told_by_split_and_what_is_missing_is_said():
    text = markdown({"recorded": RECORDED})
    assert "| `combined` | 0.640 [0.590, 0.700] | 0.640 [0.590, 0.700] |" in text
    assert "`random`" not in text
    assert "Recorded, gsm8k: no outcomes are recorded in gsm8k." in text


def test_times_are_told():
    text = markdown({"ms_for_ten_experts": {"combined": {"median": 1.25, "p95": 1.75}}})
    assert "| `combined` | 1.25 | 1.75 |" in text
