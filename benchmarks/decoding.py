"""What contrastive decoding costs beside plain decoding, and beside stock transformers.

    python -m benchmarks.decoding [--model NAME] [--quick] [--strict]

Times of batches of 1 to 16 questions with passages of 128 to 1024 tokens, 16 new tokens each,
and whole answers with 512 tokens of passages: memory against passages (AdaCAD) beside the
passages alone, where a gate has read the question already; beside two models in lock-step that do
the same work; and with a trace beside without. The contestants are described in `contestants.py`;
they take turns within every repetition, ratios are taken within it, and medians are reported, of
wall time and of processor time. Then, on the same model: whether the loop says what whole passes
without any cache say, and whether an answer is the same alone, in a batch and in another order.

Bars, at 512 tokens: contrast / plain at most 1.20 for one question and 1.35 for eight; contrast /
lock-step at most 0.75; without / with a trace at least 0.95; no token but after a close step may
differ from whole passes. Which of them are met is recorded and said; with `--strict` a bar that is
missed is an error.

Prompts are running text of the example corpora. Every cell is kept as soon as it is measured, so
that a run that was stopped goes on; the file is removed when all is recorded.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks.contestants import CONTESTANTS, Contestant, Endless, Spent, Work, contrast, plain
from benchmarks.record import record
from rag_router.cli.options import progress
from rag_router.decoders.adaptive_context_aware import AdaptiveContextAwareDecoder
from rag_router.decoders.plain import PlainDecoder
from rag_router.eval.reference_decoding import CLOSE, Case, agreement, decode_well
from rag_router.models.store import ModelStore
from rag_router.models.streams import Started, start

CORPORA = Path(__file__).parent.parent / "examples" / "corpora"
CLOSED_TOKENS = 96
"""About as long as the prompt of a question alone, with its worked examples."""
NEW_TOKENS = 16
BAR_TOKENS = 512
STRATEGY = AdaptiveContextAwareDecoder()
_WHOLE = f"whole_answers.context_{BAR_TOKENS}"
BARS: tuple[tuple[str, str, float], ...] = (
    (f"{_WHOLE}.batch_1.contrast_over_plain.wall", "at most", 1.20),
    (f"{_WHOLE}.batch_8.contrast_over_plain.wall", "at most", 1.35),
    (f"{_WHOLE}.batch_1.contrast_over_lock_step.wall", "at most", 0.75),
    (f"{_WHOLE}.batch_8.contrast_over_lock_step.wall", "at most", 0.75),
    (f"{_WHOLE}.batch_1.untraced_over_traced.wall", "at least", 0.95),
    (f"{_WHOLE}.batch_8.untraced_over_traced.wall", "at least", 0.95),
    ("correct.plain_passes.different", "at most", 0),
)
"""Where a figure stands, on which side of the bar it must be, and the bar."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much is measured.

    Attributes:
        batches: Questions decoded together.
        contexts: Tokens of prompts with passages.
        steps: How often each cell of the grid is decoded, from prompts that were read once.
        bars: Questions decoded together -> repetitions of whole answers.
        prompts: Pairs of prompts decoded both ways for correctness.
        long: How many of them are longer than a sliding window.
    """

    batches: Sequence[int] = (1, 4, 8, 16)
    contexts: Sequence[int] = (128, 512, 1024)
    steps: int = 3
    bars: Mapping[int, int]
    prompts: int
    long: int


MODEL = "gemma-3-270m"
"""Whose figures stand under the plain name; those of others have theirs behind it."""

FULL = Scale(bars={1: 7, 8: 3}, prompts=100, long=4)
QUICK = Scale(batches=(1, 4), contexts=(128,), steps=1, bars={1: 2}, prompts=6, long=0)


@click.command()
@click.option("--model", "name", default=MODEL, show_default=True)
@click.option("--quick", is_flag=True, help="A small part, in a minute; nothing is recorded.")
@click.option("--strict", is_flag=True, help="A bar that is missed is an error.")
@click.option(
    "--keep",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path(os.environ.get("RAG_ROUTER_HOME", ".bench")) / "decoding-cells.json",
    show_default=True,
    help="Where cells are kept until all are recorded.",
)
def main(name: str, quick: bool, strict: bool, keep: Path) -> None:
    """Measure, print and record."""
    found = ModelStore().resolve(name)
    model = Endless.load(found.path, name=name, fingerprint=found.fingerprint, device="cpu")
    texts = Texts(model)
    scale = QUICK if quick else FULL
    kept = Kept(None if quick else keep, {"model": found.fingerprint, "torch": torch.__version__})
    cells = [*grid(model, texts, scale), *bars(model, texts, scale), *checks(model, texts, scale)]
    bar, move = progress(f"decoding with {name}")
    with bar:
        for number, (cell, measure) in enumerate(cells):
            move(number, len(cells))
            kept.take(cell, measure)
    figures = tree(kept.cells)
    if quick:
        print(json.dumps(figures, indent=2))
        return
    verdicts = judged(figures)
    record(
        "decoding" if name == MODEL else f"decoding-{name}",
        figures | {"bars": verdicts},
        models={name: found.fingerprint},
        threads=torch.get_num_threads(),
        closed_tokens=CLOSED_TOKENS,
        new_tokens=NEW_TOKENS,
        strategy=repr(STRATEGY),
    )
    keep.unlink(missing_ok=True)
    for bar_name, verdict in verdicts.items():
        said = "met" if verdict["met"] else "MISSED"
        print(f"{said}: {bar_name} {verdict['seen']}, {verdict['bar']}", file=sys.stderr)
    if strict and not all(verdict["met"] for verdict in verdicts.values()):
        raise SystemExit(1)


def judged(figures: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Hold the figures against their bars."""
    found: dict[str, dict[str, Any]] = {}
    for name, side, bar in BARS:
        seen: Any = figures
        for level in name.split("."):
            seen = seen[level]
        met = seen <= bar if side == "at most" else seen >= bar
        found[name] = {"seen": seen, "bar": f"{side} {bar}", "met": met}
    return found


Cell = tuple[str, Callable[[], Any]]
"""Where a figure stands, its levels parted by dots, and what measures it."""


class Kept:
    """Cells that have been measured, in a file that every new one is written to.

    Args:
        path: The file; None keeps nothing.
        made_by: What the cells depend on; cells of anything else are not taken.
    """

    def __init__(self, path: Path | None, made_by: Mapping[str, str]) -> None:
        self._path, self._made_by = path, dict(made_by)
        self.cells: dict[str, Any] = {}
        if path is not None and path.exists():
            held = json.loads(path.read_text(encoding="utf-8"))
            if held["made_by"] == self._made_by:
                self.cells = held["cells"]

    def take(self, cell: str, measure: Callable[[], Any]) -> None:
        """Measure a cell unless that has been done."""
        if cell in self.cells:
            return
        self.cells[cell] = measure()
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            held = {"made_by": self._made_by, "cells": self.cells}
            scratch = self._path.with_suffix(".part")
            scratch.write_text(json.dumps(held), encoding="utf-8")
            scratch.replace(self._path)


class Texts:
    """Prompts of any length, cut out of the example corpora."""

    def __init__(self, model: Endless) -> None:
        lines = [
            json.loads(line)["text"]
            for path in sorted(CORPORA.glob("*.jsonl"))
            for line in path.read_text(encoding="utf-8").splitlines()
        ]
        self._begin = model.encode("")
        self._ids = model.encode("\n".join(lines), begin=False)

    def prompts(self, count: int, tokens: int, seed: int) -> list[list[int]]:
        """Cut prompts of so many tokens, each from somewhere else."""
        draw = random.Random(f"{seed} {tokens}")
        body = tokens - len(self._begin)
        starts = [draw.randrange(len(self._ids) - body) for _ in range(count)]
        return [[*self._begin, *self._ids[at : at + body]] for at in starts]

    def work(self, batch: int, context: int) -> Work:
        """What a batch of questions is."""
        return Work(
            closed=self.prompts(batch, CLOSED_TOKENS, 0),
            context=self.prompts(batch, context, 1),
            strategy=STRATEGY,
            tokens=NEW_TOKENS,
        )


def grid(model: Endless, texts: Texts, scale: Scale) -> Iterator[Cell]:
    """Prefill of each batch and context, and a token of it, plain and contrastive."""
    for batch in scale.batches:
        for context in scale.contexts:
            work = texts.work(batch, context)
            cell = f"grid.batch_{batch}.context_{context}"
            yield cell, partial(_grid, model, work, scale.steps)


def _grid(model: Endless, work: Work, steps: int) -> dict[str, Any]:
    read = plain(model, replace(work, tokens=1))
    closed = _read(model, work)
    spent: dict[str, list[Spent]] = {"plain": [], "contrast": []}
    # What was read once serves every repetition: prompts' caches are values.
    reading = Reread(model, work)
    for repetition in range(steps):
        for name in turns(list(spent), repetition):
            spent[name].append(CONTESTANTS[name](reading, replace(work, read=closed)))
    out: dict[str, Any] = {"prefill_ms": _ms([read.prefill])}
    for name, runs in spent.items():
        out[f"{name}_ms_per_token"] = _ms([run.decode for run in runs], share=work.tokens)
    return out


class Reread(Endless):
    """The same model with the batch's prompts with passages read already."""

    def __init__(self, model: Endless, work: Work) -> None:
        self.__dict__.update(model.__dict__)
        self._held = model.prefill(work.context)

    def prefill(self, *_: Any, **__: Any) -> Any:
        return self._held


def bars(model: Endless, texts: Texts, scale: Scale) -> Iterator[Cell]:
    """Whole answers of all contestants, and the ratios that have a bar."""
    for batch, repetitions in scale.bars.items():
        work = texts.work(batch, BAR_TOKENS)
        cell = f"whole_answers.context_{BAR_TOKENS}.batch_{batch}"
        yield cell, partial(_bars, model, work, repetitions)


def _bars(model: Endless, work: Work, repetitions: int) -> dict[str, Any]:
    read = replace(work, read=_read(model, work))
    entries: dict[str, tuple[Contestant, Work]] = {
        "plain": (plain, work),
        "contrast_after_gate": (contrast, read),
        "contrast_after_gate_traced": (contrast, replace(read, trace=True)),
        "contrast": (contrast, work),
        "lock_step": (CONTESTANTS["lock_step"], work),
        "padded_pair": (CONTESTANTS["padded_pair"], work),
    }
    for contestant, entry in entries.values():  # the first pass of each warms up
        contestant(model, replace(entry, tokens=2, context=[one[:32] for one in entry.context]))
    runs: dict[str, list[Spent]] = {name: [] for name in entries}
    for repetition in range(repetitions):
        for name in turns(list(entries), repetition):
            contestant, entry = entries[name]
            runs[name].append(contestant(model, entry))
    said = {name: runs[name][0].texts for name in runs}
    return {
        "contrast_over_plain": ratio(runs["contrast_after_gate"], runs["plain"]),
        "contrast_over_lock_step": ratio(runs["contrast"], runs["lock_step"]),
        "contrast_over_padded_pair": ratio(runs["contrast"], runs["padded_pair"]),
        "contrast_over_lock_step_steps_only": ratio(
            runs["contrast"], runs["lock_step"], part=lambda spent: spent.decode
        ),
        "untraced_over_traced": ratio(
            runs["contrast_after_gate"], runs["contrast_after_gate_traced"]
        ),
        "answers_equal_to_lock_step": _equal(said["contrast"], said["lock_step"]),
        "answers_equal_to_padded_pair": _equal(said["contrast"], said["padded_pair"]),
        "repetitions": repetitions,
        "whole_ms": {name: _ms([run.whole for run in each]) for name, each in runs.items()},
        "prefill_ms": {name: _ms([run.prefill for run in each]) for name, each in runs.items()},
    }


def checks(model: Endless, texts: Texts, scale: Scale) -> Iterator[Cell]:
    """Equality with whole passes, and of answers alone, in a batch and in another order."""
    yield "correct.plain_passes", partial(_against_plain_passes, model, texts, scale)
    yield "correct.company", partial(_in_company, model, texts, scale)


def _cases(texts: Texts, count: int, long: int) -> list[Case]:
    """Pairs of prompts of a few lengths, so that whole passes can share batches."""
    strategies = (STRATEGY, PlainDecoder())
    cases = []
    for number in range(count):
        tokens = BAR_TOKENS + 48 if number < long else (48, 80)[number % 4 // 2]
        strategy = strategies[number % 2]
        prompts = {
            "closed": texts.prompts(1, (24, 40)[number % 4 // 2], number)[0],
            "context": texts.prompts(1, tokens, number)[0],
        }
        cases.append(
            Case(
                prompts={role: prompts[role] for role in strategy.streams},
                strategy=strategy,
                max_new_tokens=5,
            )
        )
    return cases


def _against_plain_passes(model: Endless, texts: Texts, scale: Scale) -> dict[str, Any]:
    cases = _cases(texts, scale.prompts, scale.long)
    found = agreement(model, model.network, cases, batch_size=8)
    return {
        "prompts": found.cases,
        "tokens": found.tokens,
        "different": len(found.different),
        "different_from_a_close_step_on": len(found.ties),
        "close_steps": found.close_steps,
        "close_nats": CLOSE,
    }


def _in_company(model: Endless, texts: Texts, scale: Scale) -> dict[str, Any]:
    cases = _cases(texts, scale.prompts, scale.long)
    together = [one.text for one in decode_well(model, cases, batch_size=8)]
    alone = [one.text for one in decode_well(model, cases, batch_size=1)]
    order = random.Random(0).sample(range(len(cases)), len(cases))
    other = decode_well(model, [cases[place] for place in order], batch_size=8)
    shuffled = {place: one.text for place, one in zip(order, other, strict=True)}
    return {
        "prompts": len(cases),
        "equal_alone_and_in_batches_of_8": _equal(alone, together),
        "equal_in_another_order": _equal([shuffled[n] for n in range(len(cases))], together),
    }


def _read(model: Endless, work: Work) -> list[Started]:
    return start(model.prefill(work.closed))


def turns(names: Sequence[str], repetition: int) -> list[str]:
    """Let another one begin each time."""
    first = repetition % len(names)
    return [*names[first:], *names[:first]]


def _ms(spans: Sequence[tuple[float, float]], share: int = 1) -> dict[str, float]:
    """Milliseconds: medians on the wall and of processors, and the fastest on the wall."""
    wall, busy = zip(*spans, strict=True)
    figures = {
        "wall": statistics.median(wall),
        "processors": statistics.median(busy),
        "fastest": min(wall),
    }
    return {name: round(1e3 * value / share, 2) for name, value in figures.items()}


def ratio(
    above: Sequence[Spent],
    below: Sequence[Spent],
    part: Callable[[Spent], tuple[float, float]] = lambda spent: spent.whole,
) -> dict[str, float]:
    """Medians of the ratios within each repetition, and the ratio of the fastest ones.

    On a machine with other work the fastest are most alike; on an idle one all three are.
    """
    pairs = [(part(a), part(b)) for a, b in zip(above, below, strict=True)]
    figures = {
        "wall": statistics.median(a[0] / b[0] for a, b in pairs),
        "processors": statistics.median(a[1] / b[1] for a, b in pairs),
        "fastest": min(a[0] for a, _ in pairs) / min(b[0] for _, b in pairs),
    }
    return {name: round(value, 3) for name, value in figures.items()}


def _equal(left: Sequence[str], right: Sequence[str]) -> float:
    return round(statistics.mean(a == b for a, b in zip(left, right, strict=True)), 4)


def tree(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Make levels of the dots in the cells' names."""
    out: dict[str, Any] = {}
    for name, value in cells.items():
        *above, last = name.split(".")
        level = out
        for part in above:
            level = level.setdefault(part, {})
        level[last] = value
    return out


if __name__ == "__main__":
    main()
