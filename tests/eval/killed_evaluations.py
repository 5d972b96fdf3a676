"""Kill evaluations while a model reads, each in a process of its own, and go on with another one.

Run as a program: killed_evaluations.py FOLDER. Prints one JSON line for each death. Processes are
forked, so that the libraries are imported once.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from stand_ins import passage, question
from watched import WatchedModel, expert_of

from rag_router.decoders.adaptive_contrast import AdaptiveContrastDecoder
from rag_router.decoders.plain import PlainDecoder
from rag_router.eval.answering import answer_questions
from rag_router.eval.disputes import Dispute
from rag_router.eval.judging import judge_questions
from rag_router.eval.labels import label
from rag_router.eval.settling import settle
from rag_router.gates.profile import ProfileGate
from rag_router.models.scripted import Reply
from rag_router.orchestrator import Ask, Orchestrator
from rag_router.outcomes import OutcomeCache, RecordCache

BATCH = 2
TEN = [question(f"which city is number {n}", str(n), answers=("Oslo",)) for n in range(10)]
DISPUTES = [Dispute(row, one, "gold", (passage(f"It is {row}."),)) for row, one in enumerate(TEN)]


class DyingModel(WatchedModel):
    """Kills its process where the other one raises an error."""

    def prefill(self, *arguments: Any, **named: Any) -> Any:
        if self.prefills >= self.lasts:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().prefill(*arguments, **named)


def script(prompt: str) -> Reply:
    return Reply("Oslo", 0.9)


TOLD = label(expert_of(WatchedModel(script)), TEN)


def labels(model: WatchedModel, path: Path) -> Any:
    return label(expert_of(model), TEN, cache=OutcomeCache(path), batch_size=BATCH)


def answers(model: WatchedModel, path: Path) -> Any:
    service = Orchestrator(
        expert=expert_of(model), gate=ProfileGate(), decoder=PlainDecoder(), batch_size=BATCH
    )
    found = answer_questions(service, TEN, Ask(retrieval="never"), cache=RecordCache(path))
    return [one.answer for one in found]


def judgements(model: WatchedModel, path: Path) -> Any:
    gates = {"profile": ProfileGate()}
    found = judge_questions(
        gates, expert_of(model), TOLD, cache=RecordCache(path), batch_size=BATCH
    )
    return found["profile"].p_know.tolist()


def settled(model: WatchedModel, path: Path) -> Any:
    both = {"contrast": AdaptiveContrastDecoder()}  # reads both streams, one prefill each
    return settle(both, expert_of(model), DISPUTES, cache=RecordCache(path), batch_size=BATCH)


EVALUATIONS: dict[str, tuple[Callable[[WatchedModel, Path], Any], int]] = {
    "labels": (labels, 1),
    "answers": (answers, 1),
    "judgements": (judgements, 1),
    "settled": (settled, 2),
}
"""What is evaluated, and prefills of a batch."""


def kept(path: Path) -> int:
    connection = sqlite3.connect(path)
    counts = [
        connection.execute(f"select count(*) from {table}").fetchone()[0]
        for table in ("outcomes", "records")
    ]
    connection.close()
    return sum(counts)


def main(folder: Path) -> None:
    for name, (evaluate, prefills) in EVALUATIONS.items():
        for lasts in range(5 * prefills):
            path = folder / f"{name}-{lasts}.sqlite"
            child = os.fork()
            if not child:
                evaluate(DyingModel(script, lasts=lasts), path)
                os._exit(0)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            left = kept(path)
            model = WatchedModel(script)
            resumed = evaluate(model, path)
            whole = evaluate(WatchedModel(script), folder / f"{name}-whole-{lasts}.sqlite")
            line = {
                "evaluation": name,
                "batches": lasts // prefills,
                "status": status,
                "kept": left,
                "read": len(model.prompts) / prefills,
                "same": resumed == whole,
            }
            sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
