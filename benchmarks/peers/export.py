"""The held-out questions as other libraries read them: prompt, stop strings, and nothing else.

python -m benchmarks.peers.export --data FOLDER --model NAME --out IN.jsonl [--limit 500]
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from benchmarks.gates import SETS
from rag_router.assembly import load_expert
from rag_router.cli.evaluate.common import read_data
from rag_router.models.prompts import closed_book_text
from rag_router.settings import Settings


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--model", required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--limit", default=500, show_default=True, help="Most held-out questions of a set.")
def main(data: Path, model: str, out: Path, limit: int) -> None:
    """Write one line for each question."""
    asked = read_data([str(data / name) for name in SETS], limit=limit, held_out=True)
    expert = load_expert(Settings(), model=model)
    lines = []
    for question in asked.questions:
        row = {
            "id": question.id,
            "question": question.text,
            "prompt": closed_book_text(expert.model, expert.style, question.text),
            "stop": ["\n"],
            "max_new_tokens": 24,
        }
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    out.write_text("".join(lines), encoding="utf-8")
    print(f"{out}: {len(lines)} questions")


if __name__ == "__main__":
    main()
