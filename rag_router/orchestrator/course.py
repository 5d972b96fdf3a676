"""One batch of questions on its way through the stages.

Whoever takes a batch through them says how it is begun, read and decoded in between; so several
batches can go side by side, and be read and decoded together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Final

from rag_router import telemetry
from rag_router.orchestrator.announcing import (
    announce_answers,
    announce_begun,
    announce_filtered,
    announce_found,
    announce_plans,
    announce_verdicts,
)
from rag_router.orchestrator.apart import put_together, take_apart
from rag_router.orchestrator.ask import Request
from rag_router.orchestrator.composition import Composition
from rag_router.orchestrator.decoding import note_memory
from rag_router.orchestrator.filtering import filter_passages
from rag_router.orchestrator.judging import judge
from rag_router.orchestrator.looking import look_up
from rag_router.orchestrator.normalising import Asked
from rag_router.orchestrator.planning import plan
from rag_router.orchestrator.serving import serve_recalled
from rag_router.orchestrator.telling import tell
from rag_router.orchestrator.turns import stop_if
from rag_router.orchestrator.verifying import Stage, verify_answers
from rag_router.orchestrator.work import Batch, Work
from rag_router.types import Answer, ExpertChoice

__all__ = ["Course"]


class Course:
    """A batch on its way; the stages are to be called in their order.

    Args:
        parts: Who does the work.
        asked: The questions.
        request: What was asked for.
        first: Place of the first of them among all that were asked together.
    """

    def __init__(
        self, parts: Composition, asked: Sequence[Asked], request: Request, *, first: int
    ) -> None:
        self.asked: Final = tuple(asked)
        self.request: Final = request
        self.first: Final = first
        self.batch: Batch
        self.work: list[Work] = []
        self.left: list[Work] = []
        """Those that are still to be answered, the parts of whole questions among them."""
        self._watch = telemetry.Stopwatch()
        with self._watch.stage("route"):
            self._expert = ExpertChoice(name=parts.expert.name)

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Time what is done for it outside."""
        return self._watch.stage(name)

    def announce(self) -> None:
        """Tell that its turn has come."""
        announce_begun(self.asked, self.request, first=self.first)

    def begin(self, begin: Callable[[], tuple[Batch, list[Work]]]) -> None:
        """Read the questions alone, and ask the gate; `begin` does both."""
        with self.stage("gate"):
            self.batch, self.work = begin()
            announce_verdicts(self.work, self.batch)

    def prepare(self) -> None:
        """Look up, filter, and settle who answers."""
        self.look_up()
        self.choose()

    def look_up(self) -> None:
        """Look up what is to be looked up, which takes no generator."""
        work, batch = self.work, self.batch
        with self.stage("retrieve"):
            stop_if(self.request.ask.cancelled)
            look_up(work, batch)
            announce_found(work, batch)

    def choose(self) -> None:
        """Filter what was found, and settle who answers."""
        work, batch = self.work, self.batch
        with self.stage("filter"):
            stop_if(self.request.ask.cancelled)
            left = serve_recalled(work, batch)
            filter_passages(left, batch)
            announce_filtered(work, batch)
            plan(left, batch)
            announce_plans(work, batch)
            self.left, self._parted = take_apart(left)

    def end(self, read: Stage, decode: Stage) -> list[Answer]:
        """Verify and judge the answers, put them together, and tell them.

        Args:
            read: Reads the passages of those that are tried again.
            decode: Decodes their answers.
        """
        work, batch = self.work, self.batch
        with self.stage("verify"):
            verify_answers(self.left, batch, read=read, decode=decode)
            judge(self.left, batch)
            put_together(self._parted)
            note_memory(work, batch)
            answers = [tell(one, batch, self._expert) for one in work]
        timings = {**self._watch.ms, "total": self._watch.total()}
        answers = [replace(answer, timings_ms=timings) for answer in answers]
        ended = [one.generation.finish if one.generation else None for one in work]
        announce_answers(answers, self.request, first=self.first, finishes=ended)
        return answers
