"""Several experts over one base, each with questions of its own, answered side by side.

Each expert's own gate, retriever and filters see to its questions, as if it were alone. What goes
through the base does so together: questions alone are read in one pass, passages in another, and
all answers are decoded in one loop, every row under its own adapter or under none. So four
adapters take the passes of one, and an answer is the one that its expert would give alone.

Where a common pass fails nobody can tell whose fault it is: each expert is then read and decoded
by itself, and whoever cannot answer is the only one who does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rag_router.errors import UnavailableError
from rag_router.models.side_by_side import base_of
from rag_router.orchestrator.decoding import decode_answers_of_all
from rag_router.orchestrator.orchestrator import Orchestrator
from rag_router.orchestrator.parties import Party, Share, timed
from rag_router.orchestrator.reading import read_passages_of_all
from rag_router.orchestrator.shared_memories import read_alone_together, remember_together
from rag_router.orchestrator.turns import stop_if, turns
from rag_router.types import Answer

__all__ = ["Share", "answer_side_by_side", "can_share"]


def can_share(some: Iterable[object]) -> bool:
    """Whether these are orchestrators that read and decode themselves, over one base."""
    bases = {id(base_of(one.expert.model)) if type(one) is Orchestrator else None for one in some}
    return len(bases) == 1 and None not in bases


def answer_side_by_side(shares: Sequence[Share]) -> list[list[Answer] | UnavailableError]:
    """Answer the questions of several experts over one base.

    Returns:
        For each share its answers, or why its expert cannot answer.

    Raises:
        QuestionError: a question is empty or too long.
        UnknownNameError: an index or field named in an `ask` is not there.
        UsageError: an `ask` sets what its decoder does not have, or to what cannot be.
        CancelledError: the request was cancelled.
    """
    parties = [Party(share) for share in shares]
    cancelled = shares[0].ask.cancelled
    size = min(share.parts.batch_size for share in shares)
    with turns((share.parts._turn for share in shares), cancelled):
        _each(parties, Party.accept)
        for chunk in _chunks(shares, size):
            some = [(parties[number], at, end) for number, at, end in chunk]
            _answer([one for one in some if one[0].failure is None], cancelled)
    return [party.failure or party.answers for party in parties]


def _answer(some: Sequence[tuple[Party, int, int]], cancelled: Callable[[], bool] | None) -> None:
    """Answer one batch, of which each party has its part."""
    going = [party for party, at, end in some if party.set_out(at, end)]
    read_alone_together([party for party in going if party.request.known is None])
    going = _each(_each(going, Party.begin), Party.prepare)
    with timed(going, "decode"):
        stop_if(cancelled)
        going = _together(going, _read, Party.read)
        stop_if(cancelled)
        going = _together(going, _decode, Party.decode)
    remember_together(going)
    _each(going, Party.end)


def _read(parties: Sequence[Party]) -> None:
    read_passages_of_all([(one.course.left, one.course.batch) for one in parties])


def _decode(parties: Sequence[Party]) -> None:
    decode_answers_of_all([(one.course.left, one.course.batch) for one in parties])


def _together(
    parties: Sequence[Party],
    together: Callable[[Sequence[Party]], None],
    alone: Callable[[Party], None],
) -> list[Party]:
    """Let parties take a step together, or each by itself where that fails; returns who did."""
    if len(parties) > 1:
        try:
            together(parties)
        except UnavailableError:
            pass
        else:
            return list(parties)
    return _each(parties, alone)


def _each(parties: Iterable[Party], step: Callable[[Party], None]) -> list[Party]:
    """Let each party take a step; returns those that did."""
    left: list[Party] = []
    for one in parties:
        try:
            step(one)
        except UnavailableError as exc:
            one.failure = exc
        else:
            left.append(one)
    return left


_Chunk = list[tuple[int, int, int]]
"""Of some shares, by their numbers, the questions from one place up to another."""


def _chunks(shares: Sequence[Share], size: int) -> list[_Chunk]:
    """Cut the questions of all into batches, in the order in which they were asked."""
    order = sorted(
        (place, number, own)
        for number, share in enumerate(shares)
        for own, place in enumerate(share.places)
    )
    chunks: list[_Chunk] = []
    for at in range(0, len(order), size):
        rows: dict[int, list[int]] = {}
        for _, number, own in order[at : at + size]:
            rows.setdefault(number, []).append(own)
        chunks.append([(number, own[0], own[-1] + 1) for number, own in sorted(rows.items())])
    return chunks
