"""What several experts over one base know by themselves, read and decoded in common passes.

What is found out is put on each expert's board, where its gate and its judge look for it. Where a
common pass fails nothing is put there, and each of them finds out by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag_router.errors import UnavailableError
from rag_router.models.prompts import closed_book_prompt
from rag_router.models.side_by_side import going_on, prefill_each
from rag_router.models.streams import Generation, Task, decode
from rag_router.orchestrator.parties import Party, timed
from rag_router.orchestrator.work import Work
from rag_router.signals import ClosedBookAnswer, ClosedBookPass
from rag_router.signals.closed_book import closed_books

__all__ = ["read_alone_together", "remember_together"]


def read_alone_together(parties: Sequence[Party]) -> None:
    """Read questions alone, and decode what gates ask for; each does so itself where this fails."""
    if len(parties) < 2:
        return
    with timed(parties, "gate"):
        _find_out(parties)


def _find_out(parties: Sequence[Party]) -> None:
    experts = [one.share.parts.expert for one in parties for _ in one.course.asked]
    texts = [asked.question.text for one in parties for asked in one.course.asked]
    prompts = [
        closed_book_prompt(expert.model, expert.style, text)
        for expert, text in zip(experts, texts, strict=True)
    ]
    try:
        prefill = prefill_each(
            [expert.model for expert in experts],
            [prompt.ids for prompt in prompts],
            hidden=True,
            shared=[prompt.shared for prompt in prompts],
        )
    except UnavailableError:
        return
    readings = iter(closed_books(prompts, prefill))
    wanted: list[_Memory] = []
    for one in parties:
        signals = [s for s in one.share.parts.gate.needs if isinstance(s, ClosedBookAnswer)]
        for row, reading in zip(range(len(one.course.asked)), readings, strict=False):
            one.found.append((ClosedBookPass(), row, reading))
            for signal in signals:
                tasks = signal.tasks([reading.value], one.request.deadline.passed)
                wanted.append(_Memory(one, signal, row, tasks[0]))
    for memory, said in _said(wanted):
        memory.party.found.append((memory.signal, memory.row, memory.signal.readings([said])[0]))


def remember_together(parties: Sequence[Party]) -> None:
    """Decode the answers from memory that judging asks for."""
    wanted: list[_Memory] = []
    for one in parties:
        parts, batch = one.share.parts, one.course.batch
        signal = ClosedBookAnswer(parts.max_new_tokens)
        for work in one.course.left:
            if _judged_by_memory(work, one) and not batch.board.has(signal, work.row):
                tasks = signal.tasks([batch.closed(work)], one.request.deadline.passed)
                wanted.append(_Memory(one, signal, work.row, tasks[0]))
    if len({id(memory.party) for memory in wanted}) < 2:
        return
    with timed(parties, "verify"):
        for memory, said in _said(wanted):
            reading = memory.signal.readings([said])[0]
            memory.party.course.batch.board.preset(memory.signal, memory.row, reading)


def _judged_by_memory(work: Work, party: Party) -> bool:
    """Whether judging is going to look at what the expert answers from memory."""
    parts, request = party.share.parts, party.request
    if work.generation is None or parts.verifier is not None:
        return False
    same = request.as_fitted and request.decoder == parts.decoder
    return request.ask.observed is not None or (parts.outlook.fitted and same and work.read)


@dataclass(frozen=True, slots=True)
class _Memory:
    """An answer from memory that is to be decoded, and whose it is."""

    party: Party
    signal: ClosedBookAnswer
    row: int
    task: Task


def _said(wanted: Sequence[_Memory]) -> list[tuple[_Memory, Generation]]:
    """Decode answers from memory, all in one loop; nothing where that fails."""
    # Parts of one question have its row in common.
    distinct = list({(id(m.party), m.signal, m.row): m for m in wanted}.values())
    if not distinct:
        return []
    try:
        said = decode(
            going_on([memory.party.share.parts.expert.model for memory in distinct]),
            [memory.task for memory in distinct],
            cancelled=distinct[0].party.request.ask.cancelled,
        )
    except UnavailableError:
        return []
    return list(zip(distinct, said, strict=True))
