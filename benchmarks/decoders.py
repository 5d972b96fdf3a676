"""Plain decoding against adaptive contrast: gold passages, and passages that were falsified.

    python -m benchmarks.decoders --data FOLDER [--limit 100]

gold: right with the gold passage (held-out quarter of nq_gold). follows: says what a falsified
passage says (nq_conflict/synth). Same prompts, same prefills, one row each. The default decoder is
the one that is better on gold passages: that is what most indexes hold.
"""

from __future__ import annotations

import time
from math import sqrt
from pathlib import Path

import click

from benchmarks.record import record
from rag_router.assembly import load_expert
from rag_router.cli.options import progress
from rag_router.decoders import DECODERS
from rag_router.eval.datasets import data_hash, is_held_out, read_questions
from rag_router.experts import Expert
from rag_router.models.prompts import closed_book_prompt, contextual_prompt
from rag_router.models.streams import Task, decode, start
from rag_router.scoring import alias_match
from rag_router.settings import GeneratorSettings, Settings
from rag_router.types import Passage, Question

MODELS = ("gemma-3-270m", "smollm2-135m-instruct")
BATCH = 8


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--limit", default=100, show_default=True)
def main(data: Path, limit: int) -> None:
    """Measure, print and record."""
    gold = read_questions([data / "nq_gold/dev.jsonl.gz"], answers=True)
    gold = [q for q in gold if is_held_out(q.id)][:limit]
    false = read_questions([data / "nq_conflict/synth.jsonl.gz"], limit=limit)
    figures: dict[str, object] = {"gold_n": len(gold), "falsified_n": len(false)}
    for name in MODELS:
        expert = load_expert(Settings(generator=GeneratorSettings(model=name)))
        rows = {}
        for decoder in DECODERS:
            right, _ = _answers(expert, decoder, gold, [_gold(q) for q in gold])
            good = [alias_match(a, q.answers) for a, q in zip(right, gold, strict=True)]
            said, ms = _answers(expert, decoder, false, [_false(q) for q in false])
            follows = [
                alias_match(a, q.meta["counterfactual_answers"])
                for a, q in zip(said, false, strict=True)
            ]
            memory = [alias_match(a, q.answers) for a, q in zip(said, false, strict=True)]
            rows[decoder] = {
                "gold": _share(good),
                "follows_context": _share(follows),
                "follows_memory": _share(memory),
                "ms_per_token": round(ms, 1),
            }
        figures[name] = rows
    record("decoders", figures, data_hash=data_hash([*gold, *false]))


def _answers(
    expert: Expert, decoder: str, questions: list[Question], passages: list[list[Passage]]
) -> tuple[list[str], float]:
    strategy = DECODERS.build(decoder)
    model, style = expert.model, expert.style
    out: list[str] = []
    spent, tokens = 0.0, 0
    bar, move = progress(f"{expert.name} {decoder}")
    with bar:
        for at in range(0, len(questions), BATCH):
            some = questions[at : at + BATCH]
            closed = [closed_book_prompt(model, style, q.text) for q in some]
            context = [
                contextual_prompt(model, style, q.text, p)
                for q, p in zip(some, passages[at : at + BATCH], strict=True)
            ]
            first = start(model.prefill([p.ids for p in closed]))
            second = start(model.prefill([p.ids for p in context]))
            tasks = [
                Task(streams={"closed": a, "context": b}, strategy=strategy, stop=p.stop)
                for a, b, p in zip(first, second, context, strict=True)
            ]
            begin = time.perf_counter()
            found = decode(model, tasks)
            spent += time.perf_counter() - begin
            tokens += sum(len(g.tokens) for g in found)
            out += [g.text for g in found]
            move(at + len(some), len(questions))
    return out, 1000 * spent / max(tokens, 1)


def _gold(question: Question) -> list[Passage]:
    return [p for p in question.contexts if p.meta.get("is_gold")]


def _false(question: Question) -> list[Passage]:
    return [p for p in question.contexts if p.meta.get("kind") == "counterfactual"]


def _share(values: list[bool]) -> dict[str, float]:
    p = sum(values) / len(values)
    return {"share": round(p, 4), "standard_error": round(sqrt(p * (1 - p) / len(values)), 4)}


if __name__ == "__main__":
    main()
