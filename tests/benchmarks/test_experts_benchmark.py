"""What experts are trained on is never what they are compared on."""

from __future__ import annotations

import gzip
import json

import numpy as np
from little_house import write_jsonl

from benchmarks.experts_fields import FIELDS, TRAINED, asked_questions, write_training
from benchmarks.experts_judged import parts_of


def made(folder):
    """Forty questions of every field; the first of each is the same in all of them."""
    for name, path in FIELDS.items():
        rows = [
            {
                "id": f"{name}-{n}",
                "question": "Who was it?" if n == 0 else f"{name} number {n}?",
                "answers": ["yes"],
                "contexts": [{"id": "c", "text": "It says so."}],
            }
            for n in range(40)
        ]
        (folder / path).parent.mkdir(parents=True)
        plain = folder / path.removesuffix(".gz")
        write_jsonl(plain, rows)
        if path.endswith(".gz"):
            (folder / path).write_bytes(gzip.compress(plain.read_bytes()))
            plain.unlink()
    return folder


def test_training_and_matrix_share_no_text(tmp_path):
    data = made(tmp_path / "data")
    questions, fields = asked_questions(data, 400)
    sizes = write_training(data, tmp_path / "training")
    asked = {question.text for question in questions}
    for name in TRAINED:
        rows = (tmp_path / "training" / f"{name}.jsonl").read_text().splitlines()
        texts = {json.loads(row)["question"] for row in rows}
        assert len(rows) == sizes[name] > 5
        assert not texts & asked
    assert set(fields) == set(FIELDS)
    assert [q.id.partition("/")[0] for q in questions] == fields
    # A text that stands in several fields is asked once, and contexts are not shown.
    assert len(asked) == len(questions)
    assert not any(question.contexts for question in questions)


def test_a_limit_holds_for_each_field(tmp_path):
    _, fields = asked_questions(made(tmp_path / "data"), 5)
    assert all(fields.count(name) == 5 for name in FIELDS)


def test_parts_are_of_about_one_size_and_do_not_move():
    ids = [f"question {n}" for n in range(1_000)]
    part = parts_of(ids, 5, 0)
    assert len(np.bincount(part)) == 5
    assert all(150 < count < 250 for count in np.bincount(part))
    assert (parts_of(ids[:10], 5, 0) == part[:10]).all()
    assert not np.array_equal(parts_of(ids, 5, 1), part)
