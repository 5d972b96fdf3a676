from __future__ import annotations

from benchmarks.decoding_table import markdown

ROW = {key: {"wall": value} for key, value in (("contrast_over_plain", 1.084),)}
CELL = {
    key: {"wall": value}
    for key, value in (
        ("prefill_ms", 1141.3),
        ("plain_ms_per_token", 52.2),
        ("contrast_ms_per_token", 59.6),
    )
}
FIGURES = {
    "correct": {
        "plain_passes": {"prompts": 100, "tokens": 500, "different": 0},
        "company": {"equal_alone_and_in_batches_of_8": 1},
    },
    "whole_answers": {"context_512": {"batch_1": ROW}},
    "grid": {"batch_1": {"context_1024": CELL}},
}


def test_each_model_has_its_ratios_and_its_grid():
    text = markdown({"tiny": FIGURES})
    assert "**tiny**: 100 prompts, 500 tokens, 0 other than" in text
    assert "| batch 1 | 1.08 |  |  |  |  |" in text
    assert "| 1, 1024 | 1,141 | 52 | 60 |" in text
