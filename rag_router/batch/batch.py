"""Many questions from Python: an iterator of answers, or a file of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rag_router.batch.facts import job_facts
from rag_router.batch.inputs import items_of
from rag_router.batch.job import Job, Prepared
from rag_router.batch.local import Answers, LocalEngine, Sizes
from rag_router.batch.pinning import pinned
from rag_router.batch.progress import Progress
from rag_router.batch.writing import Output
from rag_router.orchestrator import Ask
from rag_router.types import Answer, Question

__all__ = ["Batch"]


class Batch:
    """Answers many questions with a service: an orchestrator, or a pool of experts.

        for answer in Batch(orchestrator).run(questions):
            ...

    Answers are those of `service.answer`; they only come sooner. Of an index that is published
    anew meanwhile, everything is answered from the generation that was open at the start.

    Args:
        service: Who answers.
        ask: What is wanted otherwise than the settings say.
        sizes: How much is done at once.
    """

    def __init__(
        self, service: Answers, *, ask: Ask | None = None, sizes: Sizes | None = None
    ) -> None:
        self._service, self._ask, self._sizes = service, ask or Ask(), sizes or Sizes()

    def run(self, questions: Iterable[Question | str]) -> Iterator[Answer]:
        """Yield answers in the order of the questions, which are read as they are needed.

        Raises:
            RagRouterError: a question has no answer, not even when it was tried again; the ones
                before it have been yielded.
        """
        for _, said in self.outcomes(questions):
            if isinstance(said, BaseException):
                raise said
            yield said

    def outcomes(
        self, questions: Iterable[Question | str]
    ) -> Iterator[tuple[str, Answer | BaseException]]:
        """Yield the id of each question, and its answer or why it has none, in order."""
        engine = LocalEngine(service=pinned(self._service), ask=self._ask, sizes=self._sizes)
        for window in engine.answers(items_of(questions)):
            yield from ((item.id, said) for item, said in window)

    def write(
        self,
        questions: Iterable[Question | str],
        out: Path,
        *,
        fresh: bool = False,
        heard: Callable[[Progress], None] = lambda progress: None,
    ) -> Progress:
        """Write answers to a file, and go on with what is in it from an earlier run.

        Args:
            questions: What is asked; gone through twice.
            out: .jsonl, .csv or .parquet; a journal lies beside it.
            fresh: Whether what is there is dropped.
            heard: Hears how far it is.

        Raises:
            BusyError: another process works on the file.
            ConflictError: what is there was answered by another model, index or request.
            UnavailableError: the disk is full, or nobody is there to answer any more.
            UsageError: the file cannot be written.
        """
        asked = list(questions)

        def prepare() -> Prepared:
            service = pinned(self._service)
            engine = LocalEngine(service=service, ask=self._ask, sizes=self._sizes)
            return Prepared(engine, job_facts(service, self._ask))

        job = Job(items=lambda: items_of(asked), output=Output(path=out), fresh=fresh)
        return job.run(prepare, heard)
