"""What do LM-Polygraph's white-box estimators make of the questions that the gates were asked?

    PEER_PYTHON -m benchmarks.peers.lm_polygraph.run --model FOLDER --questions IN --out OUT

Needs the environment of requirements.txt, which is not the project's. README.md says what is read
and written.
"""

from __future__ import annotations

import json
import math
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.peers.lm_polygraph.decoding import Limits, Reader

TOP_K = 50
"""The library's default: samples are drawn from the 50 likeliest tokens."""

Row = dict[str, Any]
Batch = list[tuple[Row, list[int]]]
"""Questions, and the token ids of their prompts."""


@click.command()
@click.option("--model", "folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--questions", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--batch-size", default=16, show_default=True, help="Questions read together.")
@click.option("--samples", default=10, show_default=True, help="Answers drawn at temperature 1.")
@click.option("--seed", default=0, show_default=True)
@click.option("--estimators", default="", help="Names, separated by commas; all if not given.")
@click.option("--nli", type=click.Path(path_type=Path, exists=True), help="Entailment model.")
@click.option("--with-end", is_flag=True, help="Count the token that ends an answer.")
def main(
    folder: Path,
    questions: Path,
    out: Path,
    batch_size: int,
    samples: int,
    seed: int,
    estimators: str,
    nli: Path | None,
    with_end: bool,
) -> None:
    """Estimate and write; questions that OUT holds already are left as they are."""
    done = resumed(out)
    rows = [row for row in _lines(questions) if row["id"] not in done]
    if not rows:
        print("nothing left to do", file=sys.stderr)
        return
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from benchmarks.peers.lm_polygraph.estimation import Estimation

    # Only eager attention can be looked at.
    model = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, attn_implementation="eager"
    )
    model.float().eval()
    # The library pads on the left and some of its calculators count from the right.
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, padding_side="left")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    names = [name.strip() for name in estimators.split(",") if name.strip()]
    try:
        estimation = Estimation(model, tokenizer, names=names, nli=nli)
    except ValueError as exc:
        raise click.BadParameter(str(exc), param_hint="--estimators") from exc
    reader = Reader(model, tokenizer)
    drawn = samples if estimation.samples_needed else 0

    began, written = time.perf_counter(), 0
    prompts = [reader.encode(row["prompt"]) for row in rows]
    with out.open("a", encoding="utf-8") as sink:
        for batch in batches(rows, prompts, batch_size):
            for line in _estimated(batch, reader, estimation, drawn, seed, with_end=with_end):
                sink.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
            sink.flush()
            written += len(batch)
            each = (time.perf_counter() - began) / written
            print(f"{written} of {len(rows)}, {each:.2f} s each", file=sys.stderr)


def _estimated(
    batch: Batch, reader: Reader, estimation: Any, samples: int, seed: int, *, with_end: bool
) -> Iterator[Row]:
    """Answer the questions of a batch and yield a line for each."""
    limits = [
        Limits(
            stop=tuple(row.get("stop", ("\n",))),
            max_new_tokens=row.get("max_new_tokens", 24),
            with_end=with_end,
        )
        for row, _ in batch
    ]
    draws = [
        quantiles(row["id"], seed, (samples, limit.max_new_tokens))
        for (row, _), limit in zip(batch, limits, strict=True)
    ]
    marks = [time.process_time()]
    read = reader.read([ids for _, ids in batch])
    greedy = reader.greedy(read, limits)
    marks.append(time.process_time())
    sampled = reader.samples(read, limits, draws, top_k=TOP_K)
    marks.append(time.process_time())
    seconds = {"greedy": marks[1] - marks[0], "samples": marks[2] - marks[1]}
    values, others = estimation([row for row, _ in batch], greedy, sampled)
    ms = {what: round(1000 * s / len(batch), 1) for what, s in (seconds | others).items()}
    for place, (row, _) in enumerate(batch):
        yield {
            "id": row["id"],
            "estimators": {name: _finite(line[place]) for name, line in values.items()},
            "greedy_text": greedy[place].text.strip(),
            "samples": [one.text.strip() for one in sampled[place]],
            "ms": ms,
        }


def resumed(out: Path) -> set[str]:
    """Ids of the questions that are done; a last line that was not written out is cut off."""
    if not out.exists():
        return set()
    text = out.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        out.write_bytes(whole)
    return {json.loads(line)["id"] for line in whole.split(b"\n") if line}


def batches(rows: Sequence[Row], prompts: Sequence[list[int]], size: int) -> Iterator[Batch]:
    """Questions together with others whose prompts have as many tokens, shortest first."""
    pairs = sorted(zip(rows, prompts, strict=True), key=lambda pair: len(pair[1]))
    for _, group in groupby(pairs, key=lambda pair: len(pair[1])):
        same = list(group)
        for first in range(0, len(same), size):
            yield same[first : first + size]


def quantiles(question_id: str, seed: int, shape: tuple[int, int]) -> np.ndarray:
    """Uniform numbers in [0, 1) that depend on nothing but the question's id and the seed."""
    return np.random.default_rng([seed, zlib.crc32(question_id.encode())]).random(shape)


def _lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line.strip()]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


if __name__ == "__main__":
    main()
