"""What batch jobs cost, and what they survive.

    python -m benchmarks.batch --part kills --part memory --part overhead
    python -m benchmarks.batch --part ray
    python -m benchmarks.batch --part loop --data FOLDER [--limit 500] [--minutes 15]

Each part is recorded by itself. `loop` answers nq_gold over the index `wiki` of RAG_ROUTER_HOME
with the real model, in a plain loop over `answer()` and as a batch, in turns; all others take no
weights.
"""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import click

from benchmarks.batch_loop import BLOCK, loop
from benchmarks.batch_services import Ready, sleepy
from rag_router.batch import Job, LocalEngine, Output, Prepared, Sizes, read_items
from rag_router.batch.inputs import items_of
from rag_router.batch.items import Done

PARTS = ("kills", "memory", "overhead", "ray", "loop")
ROOT = Path(__file__).parent.parent
_MB = 2**20


@click.command()
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), default=PARTS[:3])
@click.option("--data", type=click.Path(path_type=Path), help="Folder of question sets.")
@click.option("--limit", type=int, help="Fewer questions than the bars are set for.")
@click.option("--block", type=int, default=BLOCK, show_default=True, help="Of `loop`, in turns.")
@click.option("--minutes", type=float, help="Begin no block of `loop` after so long.")
@click.option("--seed", default=0, show_default=True)
def main(
    parts: tuple[str, ...],
    data: Path | None,
    limit: int | None,
    block: int,
    minutes: float | None,
    seed: int,
) -> None:
    """Measure, print and record."""
    from benchmarks.record import record

    for part in parts:
        with tempfile.TemporaryDirectory() as folder:
            where = Path(folder)
            if part == "kills":
                figures: Mapping[str, Any] = killed(where, limit or 300, kills=20, seed=seed)
            elif part == "memory":
                figures = memory(where, limit or 20_000)
            elif part == "overhead":
                figures = overhead(where, limit or 100_000)
            elif part == "ray":
                figures = by_ray(where, limit or 12_800)
            else:
                if data is None:
                    raise click.UsageError("--part loop needs --data.")
                most_s = None if minutes is None else 60 * minutes
                figures = loop(data, limit or 500, block=block, most_s=most_s)
        record(f"batch-{part}", figures, seed=seed)


def killed(folder: Path, questions: int, *, kills: int, seed: int) -> dict[str, Any]:
    """Kill a job at random moments, each time another one, and count what became of its lines."""
    path = _questions(folder, questions)
    whole = _job(path, folder / "whole.jsonl")
    begin = time.perf_counter()
    _run(whole, batch_s=0.002)
    took = time.perf_counter() - begin
    wanted = _lines(whole)
    draw, counts = random.Random(seed), Counter[str]()
    out = folder / "killed.jsonl"
    while counts["kills"] < kills:
        # What is left of a job takes less and less: begun afresh once it is done.
        job = _job(path, out)
        if not _in_a_child(partial(_run, job, batch_s=0.002), draw.uniform(0, took)):
            counts += _compared(wanted, _lines(job))
            for one in folder.glob("killed.jsonl*"):
                one.unlink()
            continue
        counts["kills"] += 1
    _run(_job(path, out), batch_s=0.002)
    counts += _compared(wanted, _lines(_job(path, out)))
    return {
        "questions": questions,
        "kills": counts["kills"],
        "jobs": counts["jobs"],
        **{name: counts[name] for name in ("lost", "duplicated", "different")},
    }


def memory(folder: Path, questions: int) -> dict[str, Any]:
    """Answer many questions, and see how far the memory of the process grows."""
    # The first thousand bring in everything that is imported.
    first = folder / "first"
    first.mkdir()
    _run(_job(_questions(first, 1000), first / "out.jsonl"))
    path = _questions(folder, questions)
    gc.collect()
    before, most = _resident(), 0

    def look(_: object) -> None:
        nonlocal most
        most = max(most, _resident())

    _run(_job(path, folder / "out.jsonl"), heard=look)
    gc.collect()
    grown = max(most, _resident()) - before
    return {"questions": questions, "grown_mb": round(grown / _MB, 1)}


def overhead(folder: Path, questions: int) -> dict[str, Any]:
    """Time everything that a job does besides answering: of the processor, and by the clock."""
    service = Ready()
    job = _job(_questions(folder, questions), folder / "out.jsonl")
    begin, cpu = time.perf_counter(), time.process_time()
    _run(job, service=service, sizes=Sizes())
    cpu_s = time.process_time() - cpu - service.cpu_s
    wall_s = time.perf_counter() - begin - service.spent_s
    return {
        "questions": questions,
        "overhead_ms": round(1000 * cpu_s / questions, 4),
        "overhead_wall_ms": round(1000 * wall_s / questions, 4),
    }


def by_ray(folder: Path, questions: int, *, batch_s: float = 0.02) -> dict[str, Any]:
    """Compare two actors with the local engine; then kill one of two, and compare what is said."""
    sizes, asked = Sizes(window=32), [f"question {n}" for n in range(questions)]
    local = LocalEngine(service=Ready(batch_s=batch_s), sizes=sizes)
    local_rate, wanted = _rate(local.run(items_of(asked)))
    rates, said = {}, {}
    for name in ("undisturbed", "killed"):
        pids = folder / name
        pids.mkdir()
        rates[name], said[name] = _rate(
            _ray_engine(pids, sizes, batch_s).run(items_of(asked)),
            (partial(_kill_one, pids) if name == "killed" else None),
        )
    return {
        "questions": questions,
        "batch_ms": 1000 * batch_s,
        "local_per_s": round(local_rate, 1),
        "ray_per_s": round(rates["undisturbed"], 1),
        "speedup": round(rates["undisturbed"] / local_rate, 2),
        "same_as_local": said["undisturbed"] == wanted,
        "same_with_one_killed": said["killed"] == wanted,
    }


def _questions(folder: Path, count: int) -> Path:
    path = folder / "questions.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for n in range(count):
            text = f"question number {n} {'of many ' * (n % 7)}?"
            file.write(json.dumps({"id": f"q{n}", "question": text}) + "\n")
    return path


def _job(path: Path, out: Path) -> Job:
    return Job(items=read_items([path]), output=Output(path=out))


def _run(
    job: Job,
    *,
    batch_s: float = 0.0,
    service: Ready | None = None,
    sizes: Sizes | None = None,
    heard: Callable[[object], None] = lambda progress: None,
) -> None:
    sizes = sizes or Sizes(window=8)
    engine = LocalEngine(service=service or Ready(batch_s=batch_s), sizes=sizes)
    job.run(lambda: Prepared(engine, {"model": "ready"}), heard)


def _lines(job: Job) -> list[dict[str, Any]]:
    return [json.loads(line) for line in job.output.path.read_text().splitlines()]


def _compared(wanted: list[dict[str, Any]], found: list[dict[str, Any]]) -> Counter[str]:
    ids = Counter(line["id"] for line in found)
    right = {line["id"]: line for line in wanted}
    return Counter(
        jobs=1,
        lost=sum(id_ not in ids for id_ in right),
        duplicated=sum(ids.values()) - len(ids),
        different=sum(right.get(line["id"]) != line for line in found),
    )


def _in_a_child(work: Callable[[], None], delay_s: float) -> bool:
    """Work in a process of its own; tell whether it was killed before it was done."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    time.sleep(delay_s)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in {0, -signal.SIGKILL}:
        raise RuntimeError(f"a job ended with {status}")
    return status != 0


def _resident() -> int:
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in one)
    return int(line.split()[1]) * 1024


def _ray_engine(folder: Path, sizes: Sizes, batch_s: float) -> Any:
    from rag_router.batch.ray_engine import RayEngine

    # Actors import this module, too.
    os.environ["PYTHONPATH"] = str(ROOT)
    make = partial(sleepy, str(folder), batch_s)
    return RayEngine(make=make, sizes=sizes, workers=2, cores=0.5)


def _rate(
    windows: Iterator[list[Done]], after_first: Callable[[], None] | None = None
) -> tuple[float, dict[str, Any]]:
    """Return lines a second once answers come, and what was said, by id."""
    said, first = {}, 0
    begin = 0.0
    for window in windows:
        said |= {one.item.id: one.answer for one in window}
        if not begin:
            begin, first = time.perf_counter(), len(said)
            if after_first is not None:
                after_first()
    return (len(said) - first) / (time.perf_counter() - begin), said


def _kill_one(folder: Path) -> None:
    os.kill(int(next(folder.iterdir()).name), signal.SIGKILL)


if __name__ == "__main__":
    main()
