"""Many questions cut into pieces that are read and decoded together, with little padding.

Whoever answers from memory is decoded with others who do, and whoever reads passages with others
who read about as many: in a batch, every prompt is as long as the longest one. Reading takes time
for each token, padding included, so pieces are cut where that is cheapest on a CPU; a step of
decoding takes about as long for many questions as for one, so several pieces are decoded together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rag_router.models.passes import ON_CPU, Passes
from rag_router.orchestrator.work import Batch, Work

__all__ = ["Padding", "Pieces"]

Groups = list[list[list[Work]]]
"""Pieces that are read each by itself, by the group that is decoded together."""


@dataclass(slots=True)
class Padding:
    """What went through the model when prompts were read, counted.

    Attributes:
        tokens: Tokens of prompts, without the beginnings that are kept from before.
        padded: Places that were filled up to the longest prompt of each batch, at most: a model on
            a CPU may cut closer.
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
    """How large pieces and groups are.

    Attributes:
        tokens: Most tokens of a group, padding included, >= 1; a question that has more by
            itself is a group of its own.
        rows: Most questions of a piece, >= 1.
        by_length: Whether questions are put in the order of their lengths; where neighbours share
            their passages, it is better to leave them as they are.
        padding: Counts what is read.
    """

    tokens: int = 8192
    rows: int = 8
    by_length: bool = True
    padding: Padding = field(default_factory=Padding)

    def cut(self, work: Sequence[Work], batch: Batch) -> Groups:
        """Cut works into pieces; what abstains costs nothing and goes with the first."""
        reading = [one for one in work if one.plan in ("contextual", "contrast")]
        others = [one for one in work if one.plan not in ("contextual", "contrast")]
        return [
            *self._grouped(others, [batch.closed_tokens(one) for one in others]),
            *self._grouped(reading, _lengths(reading, batch)),
        ]

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

    def _grouped(self, work: Sequence[Work], lengths: Sequence[int]) -> Groups:
        order = list(range(len(work)))
        if self.by_length:
            order.sort(key=lengths.__getitem__)
        groups: Groups = []
        rows = longest = 0
        for some in self._pieces([lengths[number] for number in order]):
            piece = [order[place] for place in some]
            longest = max(longest, *(lengths[number] for number in piece))
            rows += len(piece)
            if not groups or longest * rows > self.tokens:
                groups.append([])
                rows, longest = len(piece), max(lengths[number] for number in piece)
            groups[-1].append([work[number] for number in piece])
        return groups

    def _pieces(self, lengths: Sequence[int]) -> list[range]:
        """Cut a row of lengths, ascending where they are in order, into what is read at once."""
        if self.by_length:
            passes = Passes(fixed=ON_CPU.fixed, most=self.tokens).cut(lengths)
            ends = [len(one) for one in passes]
        else:
            ends = self._neighbours(lengths)
        pieces: list[range] = []
        begin = 0
        for count in ends:
            end = begin + count
            pieces += [range(at, min(at + self.rows, end)) for at in range(begin, end, self.rows)]
            begin = end
        return pieces

    def _neighbours(self, lengths: Sequence[int]) -> list[int]:
        """Count those that are read together where all stay as they are."""
        counts: list[int] = []
        longest = 0
        for length in lengths:
            longest = max(longest, length)
            full = not counts or counts[-1] == self.rows
            if full or longest * (counts[-1] + 1) > self.tokens:
                counts.append(0)
                longest = length
            counts[-1] += 1
        return counts


def _lengths(work: Sequence[Work], batch: Batch) -> list[int]:
    """Tokens of what each has to read besides what all prompts begin with."""
    model = batch.parts.expert.model
    texts = [
        "\n".join(
            [
                *(
                    f"{kept.hit.passage.title}\n{kept.hit.passage.text}"
                    for kept in one.evidence.kept
                ),
                one.question.text,
            ]
        )
        for one in work
    ]
    return [len(model.encode(text, begin=False)) for text in texts]
