"""A batch of real questions against a plain loop over `answer()`, in turns.

Both ways answer the same block of questions, one after the other, and whoever comes first changes
from block to block: whatever else the machine does meanwhile falls on both, and a run that is
broken off after some blocks is as fair as a whole one.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from rag_router.batch import LocalEngine, Sizes, read_items
from rag_router.batch.inputs import items_of
from rag_router.types import Answer, Question

__all__ = ["BLOCK", "loop"]

BLOCK = 64
"""Questions of a block: two windows."""


def loop(
    data: Path, questions: int, *, block: int = BLOCK, most_s: float | None = None
) -> dict[str, Any]:
    """Answer real questions over a real index, one by one and as a batch.

    Args:
        data: Folder of question sets.
        questions: How many of nq_gold.
        block: Questions that both ways answer before either goes on.
        most_s: No block but the first is begun after so many seconds; None goes through all.
    """
    from rag_router.assembly import assemble, load_parts
    from rag_router.batch.pinning import pinned
    from rag_router.orchestrator import Ask
    from rag_router.settings import load_settings

    settings = load_settings(None).model_copy(update={"indexes": ("wiki",)})
    service = pinned(assemble(settings, load_parts(settings)))
    path = data / "nq_gold" / "dev.jsonl.gz"
    asked = [one.question for one in islice(read_items([path])(), questions) if one.question]
    engine = LocalEngine(service=service, sizes=Sizes())
    service.answer(asked[:2])
    took, cpu = {"loop": 0.0, "batch": 0.0}, {"loop": 0.0, "batch": 0.0}
    stages: defaultdict[str, float] = defaultdict(float)
    answered = same = looked_up = 0
    begun = time.monotonic()

    def alone(some: list[Question]) -> list[Answer | BaseException]:
        return [service.answer([one], Ask())[0] for one in some]

    def together(some: list[Question]) -> list[Answer | BaseException]:
        said = [[one for _, one in window] for window in engine.answers(items_of(some))]
        # All answers of a window took the same time, which is the window's.
        for window in said:
            first = next((one for one in window if isinstance(one, Answer)), None)
            for name, ms in first.timings_ms.items() if first else ():
                stages[name] += ms
        return [one for window in said for one in window]

    ways: dict[str, Callable[[list[Question]], list[Answer | BaseException]]]
    ways = {"loop": alone, "batch": together}
    for number, at in enumerate(range(0, len(asked), block)):
        if at and most_s is not None and time.monotonic() - begun >= most_s:
            break
        some, said = asked[at : at + block], {}
        for way in sorted(ways, reverse=number % 2 == 0):
            before, busy = time.perf_counter(), time.process_time()
            said[way] = ways[way](some)
            took[way] += time.perf_counter() - before
            cpu[way] += time.process_time() - busy
        answered += len(some)
        texts = [[getattr(one, "text", one) for one in said[way]] for way in ("loop", "batch")]
        same += sum(one == other for one, other in zip(*texts, strict=True))
        looked_up += sum(isinstance(a, Answer) and a.knowledge.retrieve for a in said["batch"])
        _tell(answered, len(asked), took, cpu, engine.padding.share)
    return {
        "questions": answered,
        "loop_s": round(took["loop"], 1),
        "batch_s": round(took["batch"], 1),
        "share": round(took["batch"] / took["loop"], 3),
        "cpu_share": round(cpu["batch"] / cpu["loop"], 3),
        "padding": round(engine.padding.share, 4),
        "same_answers": same,
        "looked_up": looked_up,
        "stages_ms": {
            name: round(ms / answered, 1) for name, ms in stages.items() if name != "total"
        },
        "model": settings.generator.model,
    }


def _tell(
    answered: int, total: int, took: dict[str, float], cpu: dict[str, float], padding: float
) -> None:
    print(
        f"{answered} of {total}: loop {took['loop']:.0f} s, batch {took['batch']:.0f} s, "
        f"share {took['batch'] / took['loop']:.3f} ({cpu['batch'] / cpu['loop']:.3f} of the "
        f"processor's time), padding {padding:.3f}",
        file=sys.stderr,
        flush=True,
    )
