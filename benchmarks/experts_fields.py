"""The fields that experts are compared on, and what may be trained on for it.

Which question goes where is decided by a hash of its id: one half may be asked, the other may be
trained on. A text that is in both is asked and not trained on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from rag_router.eval.datasets import is_held_out, read_questions, sample
from rag_router.scoring import normalise
from rag_router.types import Question

__all__ = ["FIELDS", "TRAINED", "asked_questions", "write_training"]

FIELDS: Final[Mapping[str, str]] = {
    "entities": "entity_questions/train.jsonl",
    "medicine": "pubmedqa/all.jsonl.gz",
    "trivia": "triviaqa/train.jsonl.gz",
    "searches": "nq_open/train_sample.jsonl",
    "facts": "webquestions/train.jsonl",
    "science": "arc_da/all.jsonl",
}
"""What questions of each field are taken from, under the folder of question sets."""

TRAINED: Final = ("entities", "medicine")
"""Fields that experts are trained for: where bases fail for want of knowing what is asked."""


def asked_questions(data: Path, limit: int) -> tuple[list[Question], list[str]]:
    """Return what experts are compared on, at most so many of a field, and the field of each."""
    questions: list[Question] = []
    fields: list[str] = []
    taken: set[str] = set()
    for name, path in FIELDS.items():
        found = [q for q in _read(data, path) if is_held_out(q.id)]
        fresh = {normalise(q.text): q for q in found if normalise(q.text) not in taken}
        chosen = sample(fresh.values(), limit)
        taken |= set(fresh)
        # Contexts would answer what is to be answered from memory.
        questions += [replace(q, id=f"{name}/{q.id}", contexts=()) for q in chosen]
        fields += [name] * len(chosen)
    return questions, fields


def write_training(data: Path, folder: Path) -> dict[str, int]:
    """Write what may be trained on, a file for each field of `TRAINED`; return their sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    asked = {
        normalise(q.text)
        for path in FIELDS.values()
        for q in _read(data, path)
        if is_held_out(q.id)
    }
    sizes = {}
    for name in TRAINED:
        rows = [
            q
            for q in _read(data, FIELDS[name])
            if not is_held_out(q.id) and normalise(q.text) not in asked
        ]
        lines = [
            json.dumps({"id": q.id, "question": q.text, "answers": q.answers}, ensure_ascii=False)
            for q in rows
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        sizes[name] = len(rows)
    return sizes


def _read(data: Path, path: str) -> list[Question]:
    return read_questions([data / path], answers=True)
