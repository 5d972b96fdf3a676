"""The Ray engine: windows of questions on many machines, each answered by an actor.

Every actor of a Ray Data pool loads the service once, as the settings say, and answers some
windows at a time as the local engine does. Ray holds the lines in its object store, hands them out
as actors are free, and puts a new actor in the place of one that died, which answers that one's
windows again. What comes back goes into the same journal, so that a job may change its engine
between two runs.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from rag_router.batch.items import Done, Item, Trouble
from rag_router.batch.local import Answers, LocalEngine, Sizes
from rag_router.errors import UnavailableError, UsageError
from rag_router.orchestrator import Ask
from rag_router.types import Passage, Question

__all__ = ["RayEngine", "answered_rows", "task_size"]

Make = Callable[[], Answers]

_STARTS: Final = 3
"""How often a cluster of this machine is started before it is given up."""

_TASK: Final = 256
"""Questions of a task, at least, where there are enough: handing one out takes Ray some 30 ms."""


@dataclass(kw_only=True)
class RayEngine:
    """Answers with a pool of actors.

    Args:
        make: Makes what answers; called once in each actor, on whatever machine it runs.
        ask: What is wanted otherwise than the settings say.
        sizes: How much each actor does at once.
        by_length: Whether a window's questions are put in the order of their lengths.
        workers: How many actors, >= 1; None is one for each GPU, or one for each two cores.
        address: Of a running cluster, such as `auto`; None starts one in this machine.
        cores: Cores that are set aside for each actor.
        stopped: Asked after every window; true leaves the rest alone.

    Raises:
        UsageError: Ray is not installed.
    """

    make: Make
    ask: Ask = field(default_factory=Ask)
    sizes: Sizes = field(default_factory=Sizes)
    by_length: bool = True
    workers: int | None = None
    address: str | None = None
    cores: float = 1.0
    stopped: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"{self.workers} workers answer nothing; give at least 1.")
        _ray()

    def run(self, items: Iterable[Item]) -> Iterator[list[Done]]:
        """Yield what became of lines, in the order in which actors are done with them.

        Raises:
            UnavailableError: the cluster cannot be reached, or no actor can load the service.
            UsageError: what is asked for makes no sense for any line.
        """
        by_number = {item.number: item for item in items}
        if not by_number:
            return
        ray = _ray()
        started = self._connect(ray)
        try:
            yield from self._answered(ray, by_number)
        except ray.exceptions.RayError as exc:
            raise _cause(exc) from exc
        finally:
            if started:
                ray.shutdown()

    def _answered(self, ray: Any, by_number: dict[int, Item]) -> Iterator[list[Done]]:
        gpus = float(ray.cluster_resources().get("GPU", 0))
        cores = float(ray.cluster_resources().get("CPU", 1))
        workers = self.workers or max(int(gpus or cores // 2), 1)
        rows = [{"number": n, "line": json.dumps(_as_row(one))} for n, one in by_number.items()]
        at_once = task_size(len(rows), workers, self.sizes.window)
        blocks = -(-len(rows) // at_once)
        answered = ray.data.from_items(rows, override_num_blocks=blocks).map_batches(
            _Actor,
            batch_size=at_once,
            batch_format="numpy",
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=None if gpus else self.cores,
            num_gpus=min(gpus / workers, 1.0) if gpus else None,
            fn_constructor_kwargs={
                "make": self.make,
                "ask": self.ask,
                "sizes": self.sizes,
                "by_length": self.by_length,
            },
        )
        for block in answered.iter_batches(batch_size=None, batch_format="numpy"):
            done = []
            for number, said in zip(block["number"], block["said"], strict=True):
                item = by_number.pop(int(number), None)
                if item is not None:  # not told before, by an actor that died after it was done
                    done.append(_as_done(item, json.loads(str(said))))
            yield done
            if self.stopped():
                return

    def _connect(self, ray: Any) -> bool:
        """Join the cluster, or start one; tells whether it is to be shut down again."""
        if ray.is_initialized():
            return False
        # A machine that is busy may not start all of a cluster in the time that Ray gives it.
        for left in range(1 if self.address else _STARTS, 0, -1):
            try:
                ray.init(
                    address=self.address,
                    log_to_driver=False,
                    include_dashboard=False if self.address is None else None,
                    logging_level="ERROR",
                )
                break
            except Exception as exc:  # Ray raises just that where a node is slow
                ray.shutdown()
                if left > 1 and not isinstance(exc, ValueError):
                    continue
                raise UnavailableError(
                    f"there is no Ray cluster at {self.address or 'this machine'}: {exc}.",
                    hint="Start one with `ray start --head`, or leave --address out.",
                ) from exc
        # What it says to people about its plans is no part of ours.
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        return True


class _Actor:
    """Answers windows of lines; lives as long as the job."""

    def __init__(self, make: Make, ask: Ask, sizes: Sizes, by_length: bool) -> None:
        self._engine: Final = LocalEngine(service=make(), ask=ask, sizes=sizes, by_length=by_length)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        numbers = [int(number) for number in batch["number"]]
        lines = [str(line) for line in batch["line"]]
        return {"number": numbers, "said": answered_rows(self._engine, numbers, lines)}


def task_size(rows: int, workers: int, window: int) -> int:
    """Return how many questions an actor is given at once.

    Whole windows; enough of them that handing them out costs little, and no more than leave some
    for every actor.

    Args:
        rows: Of the whole job, >= 1.
        workers: Actors, >= 1.
        window: Questions that go through the stages together, >= 1.
    """
    share = -(-rows // (workers * window))
    return window * max(min(-(-_TASK // window), share), 1)


def answered_rows(engine: LocalEngine, numbers: list[int], lines: list[str]) -> list[str]:
    """Answer lines as they travel between machines, which is as JSON.

    Args:
        engine: Who answers.
        numbers: Of the lines.
        lines: A JSON object each.

    Returns:
        What became of each, in order: a JSON object with `answer` or `error`.
    """
    items = [
        _as_item(number, json.loads(line)) for number, line in zip(numbers, lines, strict=True)
    ]
    said = {done.item.number: done for window in engine.run(items) for done in window}
    return [json.dumps(_said(said[number])) for number in numbers]


def _said(done: Done) -> dict[str, Any]:
    if done.answer is not None:
        return {"answer": dict(done.answer)}
    trouble = done.trouble or Trouble("Unknown", "")
    return {"error": [trouble.kind, trouble.message, trouble.hint]}


def _as_done(item: Item, said: dict[str, Any]) -> Done:
    if "answer" in said:
        return Done(item=item, answer=said["answer"])
    return Done(item=item, trouble=item.trouble or Trouble(*said["error"]))


def _as_row(item: Item) -> dict[str, Any]:
    if item.question is None:
        return {"id": item.id, "text": None}
    one = item.question
    contexts = [[p.id, p.title, p.text, p.document_id, p.start] for p in one.contexts]
    return {"id": one.id, "text": one.text, "contexts": contexts, "queries": list(one.queries)}


def _as_item(number: int, row: dict[str, Any]) -> Item:
    if row["text"] is None:
        return Item(number=number, id=row["id"])
    contexts = tuple(
        Passage(id=id_, title=title, text=text, document_id=document, start=start)
        for id_, title, text, document, start in row["contexts"]
    )
    question = Question(
        id=row["id"], text=row["text"], contexts=contexts, queries=tuple(row["queries"])
    )
    return Item(number=number, id=row["id"], question=question)


def _cause(exc: BaseException) -> UsageError | UnavailableError:
    """Find out whether an actor refused what was asked of it, or could not work at all."""
    said = f"{exc}"
    cause = getattr(exc, "cause", None) or exc.__cause__
    if isinstance(cause, UsageError):
        return UsageError(cause.message, hint=cause.hint)
    last = next((line for line in reversed(said.splitlines()) if line.strip()), said)
    return UnavailableError(
        f"the actors cannot answer: {last.strip()}",
        hint="Each machine needs the same models, indexes and home as this one.",
    )


def _ray() -> Any:
    try:
        import ray
        import ray.data
        import ray.exceptions
    except ModuleNotFoundError as exc:
        raise UsageError(
            "the engine 'ray' takes Ray, which is not installed.",
            hint="Install it: pip install 'rag-router[ray]'.",
        ) from exc
    return ray
