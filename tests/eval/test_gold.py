"""How well the bundled generator reads, on questions of people who did not know it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rag_router.assembly import load_expert
from rag_router.eval.answers import with_gold, without_passages
from rag_router.eval.datasets import read_questions
from rag_router.settings import Settings

DATA = Path(os.environ.get("BENCH_DATA") or Path(__file__).parents[3] / "shared/data")
QUESTIONS = DATA / "nq_gold" / "dev.jsonl.gz"

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not QUESTIONS.is_file(), reason=f"{QUESTIONS} is not there"),
]


def test_a_gold_passage_helps_the_bundled_generator():
    questions = read_questions([QUESTIONS], limit=40, answers=True)
    assert all(any(p.meta.get("is_gold") for p in q.contexts) for q in questions)
    expert = load_expert(Settings())
    reading, remembering = with_gold(expert, questions), without_passages(expert, questions)
    print(f"with gold {reading.accuracy:.3f}, from memory {remembering.accuracy:.3f}")
    assert reading.accuracy >= 0.25
    assert reading.accuracy > remembering.accuracy
