"""Many questions cut into pieces that are read and decoded together, with little padding.

Whoever answers from memory is decoded with others who do, and whoever reads passages with others
who read about as many: in a batch, every prompt is as long as the longest one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rag_router.orchestrator.work import Batch, Work

__all__ = ["Padding", "Pieces"]

_CHARACTERS_A_TOKEN: Final = 3
"""Few enough that lengths are rather over- than underrated."""


@dataclass(slots=True)
class Padding:
    """What went through the model when prompts were read, counted.

    Attributes:
        tokens: Tokens of prompts, without the beginnings that are kept from before.
        padded: Places that were filled up to the longest prompt of each batch.
    """

    tokens: int = 0
    padded: int = 0

    @property
    def share(self) -> float:
        """Which part of all places was padding, in [0, 1]."""
        places = self.tokens + self.padded
        return self.padded / places if places else 0.0

    def add(self, lengths: Sequence[int]) -> None:
        """Count a batch of prompts of these lengths."""
        longest = max(lengths, default=0)
        self.tokens += sum(lengths)
        self.padded += sum(longest - length for length in lengths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """How large pieces are.

    Attributes:
        tokens: Most tokens of a piece, padding included, >= 1; a question that has more by
            itself is a piece of its own.
        rows: Most questions of a piece, >= 1.
        by_length: Whether questions are put in the order of their lengths; where neighbours share
            their passages, it is better to leave them as they are.
        padding: Counts what is read.
    """

    tokens: int = 8192
    rows: int = 8
    by_length: bool = True
    padding: Padding = field(default_factory=Padding)

    def cut(self, work: Sequence[Work], batch: Batch) -> list[list[Work]]:
        """Cut works into pieces; what abstains costs nothing and goes with the first."""
        reading = [one for one in work if one.plan in ("contextual", "contrast")]
        others = [one for one in work if one.plan not in ("contextual", "contrast")]
        pieces = self._packed(others, [batch.closed_tokens(one) for one in others])
        return pieces + self._packed(reading, [_length(one) for one in reading])

    def note_gate(self, batch: Batch, work: Sequence[Work]) -> None:
        """Count what the gate has read: one prompt a question, in batches of the board's size."""
        prompts = [batch.closed_prompt(one) for one in work]
        lengths = [len(prompt.ids) - prompt.shared for prompt in prompts if prompt is not None]
        for at in range(0, len(lengths), batch.board.batch_size):
            self.padding.add(lengths[at : at + batch.board.batch_size])

    def note_read(self, piece: Sequence[Work]) -> None:
        """Count what a piece has read with its passages."""
        for role in sorted({role for one in piece for role in one.prompts}):
            some = [one.prompts[role] for one in piece if role in one.prompts]
            self.padding.add([len(prompt.ids) - prompt.shared for prompt in some])

    def _packed(self, work: Sequence[Work], lengths: Sequence[int]) -> list[list[Work]]:
        order = list(range(len(work)))
        if self.by_length:
            order.sort(key=lengths.__getitem__)
        pieces: list[list[Work]] = []
        longest = 0
        for number in order:
            longest = max(longest, lengths[number])
            last = pieces[-1] if pieces else []
            if not last or len(last) == self.rows or longest * (len(last) + 1) > self.tokens:
                pieces.append(last := [])
                longest = lengths[number]
            last.append(work[number])
        return pieces


def _length(one: Work) -> int:
    characters = sum(len(kept.hit.passage.text) for kept in one.evidence.kept)
    return (characters + len(one.question.text)) // _CHARACTERS_A_TOKEN + 1
