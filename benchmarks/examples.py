"""How many of the forty example questions come out right, by the decision that is right.

    python -m benchmarks.examples

The questions were written for the default model: "knows" are things it answers right from memory.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.record import record
from examples.demo import INDEXES, answers_to
from rag_router.assembly import assemble, load_embedder, load_parts
from rag_router.eval.datasets import data_hash, read_questions
from rag_router.eval.decisions import expected_decision, made_decision, was_right
from rag_router.indices.library import Library
from rag_router.settings import Settings

EXAMPLES = Path(__file__).parent.parent / "examples"


def main() -> None:
    """Measure, print and record."""
    questions = read_questions([EXAMPLES / "questions.jsonl"])
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        embedder = load_embedder(settings)
        library = Library(settings.home)
        for name, files in INDEXES.items():
            library.add(name, [EXAMPLES / "corpora" / file for file in files], embedder)
        parts = load_parts(settings)
        answers = answers_to(assemble(settings, parts), questions)
    right, asked, made = Counter[str](), Counter[str](), Counter[str]()
    for question, answer in zip(questions, answers, strict=True):
        decision = expected_decision(question)
        asked[decision] += 1
        right[decision] += was_right(question, answer)
        made[f"{decision}: {made_decision(answer)}"] += 1
    figures = {
        "n": len(questions),
        "right": right.total(),
        "right_by_decision": {kind: f"{right[kind]} of {n}" for kind, n in asked.items()},
        "decisions_made": dict(sorted(made.items())),
    }
    fingerprint = {parts.expert.name: parts.expert.model.fingerprint}
    record("examples", figures, data_hash=data_hash(questions), models=fingerprint)


if __name__ == "__main__":
    main()
