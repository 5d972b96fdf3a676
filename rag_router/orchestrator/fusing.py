"""Answers that several experts give together, token by token.

The leading expert goes through the stages as if it were alone: its prompts are read, its passages
are kept, its decoder weighs. Wherever an answer is decoded, from passages or from memory, the
others read the same prompts and speak with it. Who knows best has the say in whether it is looked
up at all: where experts are weighed by what they know, the verdict is that of the one that counts
most.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_router.experts import Expert
from rag_router.experts.card import Card
from rag_router.experts.fusion import TokenFusion
from rag_router.experts.fusion.decoding import Shared, decode_together
from rag_router.experts.fusion.ensemble import Ensemble
from rag_router.experts.fusion.weighing import EvenWeighing, Weighing
from rag_router.experts.reading import read_prompts
from rag_router.experts.routing.base import RoutingContext
from rag_router.models.prompts import Prompt
from rag_router.models.streams import Generation, Heard, OneStream, Role, Started, Task
from rag_router.orchestrator.ask import Request
from rag_router.orchestrator.composition import Composition
from rag_router.orchestrator.gating import begin
from rag_router.orchestrator.normalising import Asked
from rag_router.orchestrator.orchestrator import Orchestrator
from rag_router.orchestrator.turns import turns
from rag_router.orchestrator.work import Batch, Work
from rag_router.signals import Cost
from rag_router.signals.question_embedding import QuestionEmbedding
from rag_router.types import Opinion, Verdict

__all__ = ["FusedOrchestrator"]


@dataclass(frozen=True, slots=True)
class _FusedBatch(Batch):
    """A batch whose answers are decoded by several experts together.

    Attributes:
        others: The experts besides the leading one.
        fusion: What makes one next-token distribution of several.
        fusion_name: What it is called.
        ensemble: The models of all.
        weights: How much each expert counts for each question, by its row.
        read: Questions alone that an expert has read, by its name and the prompt.
        memories: What they answer from memory, by the question's row.
    """

    others: tuple[Expert, ...] = ()
    fusion: TokenFusion = field(kw_only=True)
    fusion_name: str = "fusion"
    ensemble: Ensemble = field(kw_only=True)
    weights: tuple[tuple[float, ...], ...] = ()
    read: dict[tuple[str, tuple[int, ...]], Started] = field(default_factory=dict)
    memories: dict[int, Generation] = field(default_factory=dict)

    def decode(
        self, tasks: Sequence[tuple[Work, Task]], heard: Heard | None = None
    ) -> list[Generation]:
        wanted = [
            {role: self._prompt(one, role) for role in task.strategy.streams} for one, task in tasks
        ]
        rows = {expert.name: self._read(expert, wanted) for expert in self.others}
        for number, (one, _) in enumerate(tasks):
            begun = [stream for lines in rows.values() for stream in lines[number][1]]
            one.read_rows += len(begun)
            one.read_tokens += sum(stream.tokens for stream in begun)
        shared = [
            Shared(
                task=task,
                others={name: lines[number][0] for name, lines in rows.items()},
                weights=self.weights[one.row],
            )
            for number, (one, task) in enumerate(tasks)
        ]
        return decode_together(
            self.ensemble,
            shared,
            fusion=self.fusion,
            heard=heard,
            cancelled=self.request.ask.cancelled,
        )

    def from_memory(self, one: Work) -> Generation:
        return self.all_from_memory([one])[0]

    def all_from_memory(self, work: Sequence[Work]) -> list[Generation]:
        missing = {one.row: one for one in work if one.row not in self.memories}
        # A work of its own, so that what is read and decoded for it is charged where it belongs.
        tasks = [
            (Work(row, one.question, one.verdict, []), self._memory_task(one))
            for row, one in missing.items()
        ]
        for (one, _), said in zip(tasks, self.decode(tasks) if tasks else [], strict=True):
            self.memories[one.row] = said
            rows = said.forward_rows
            self.board.charge(one.row, Cost(one.read_tokens, rows, rows + one.read_rows))
        return [self.memories[one.row] for one in work]

    def remembered(self, one: Work) -> bool:
        return one.row in self.memories

    def opinions(self, one: Work) -> tuple[Opinion, ...]:
        if one.generation is None:
            return ()
        return tuple(
            Opinion(expert=name, answer=None, weight=weight, why=f"{self.fusion_name} of tokens")
            for name, weight in zip(self.ensemble.names, self.weights[one.row], strict=True)
        )

    def _memory_task(self, one: Work) -> Task:
        closed = self.closed(one)
        return Task(
            streams={"closed": closed.stream},
            strategy=OneStream("closed"),
            max_new_tokens=self.parts.max_new_tokens,
            stop=closed.prompt.stop,
            trace=True,
            deadline=self.request.deadline.passed,
        )

    def _prompt(self, one: Work, role: Role) -> Prompt:
        """What the leading expert has read to begin a stream."""
        if role in one.prompts:
            return one.prompts[role]
        if one.alone is not None and not one.read:
            return one.alone[0]
        return self.closed(one).prompt

    def _read(
        self, expert: Expert, wanted: Sequence[dict[Role, Prompt]]
    ) -> list[tuple[dict[Role, Started], list[Started]]]:
        """Let an expert read prompts; those of questions alone are read once.

        Returns:
            For each question its streams, and those among them that were read now.
        """
        missing = [
            {
                role: prompt
                for role, prompt in prompts.items()
                if role != "closed" or (expert.name, tuple(prompt.ids)) not in self.read
            }
            for prompts in wanted
        ]
        out: list[tuple[dict[Role, Started], list[Started]]] = []
        for prompts, streams in zip(wanted, read_prompts(expert, missing), strict=True):
            if "closed" in streams:
                self.read[expert.name, tuple(prompts["closed"].ids)] = streams["closed"]
            kept = {
                role: streams.get(role) or self.read[expert.name, tuple(prompt.ids)]
                for role, prompt in prompts.items()
            }
            out.append((kept, list(streams.values())))
        return out


@dataclass(frozen=True, kw_only=True)
class FusedOrchestrator(Orchestrator):
    """Answers questions with several experts at once, of which the first one leads.

    It is composed as the leading expert's orchestrator is.

    Attributes:
        others: The other experts, each with the gate that says what it knows.
        cards: Of all experts, the leading one first.
        fusion: What makes one next-token distribution of several.
        fusion_name: What it is called in answers.
        weighing: How much each expert counts.
    """

    others: tuple[Orchestrator, ...]
    cards: tuple[Card, ...]
    fusion: TokenFusion
    fusion_name: str = "fusion"
    weighing: Weighing = field(default_factory=EvenWeighing)

    def _held(self, request: Request) -> AbstractContextManager[None]:
        return turns((one._turn for one in (self, *self.others)), request.ask.cancelled)

    def _begin(
        self, asked: Sequence[Asked], request: Request, *, first: int
    ) -> tuple[Batch, list[Work]]:
        batch, work = begin(asked, self, request, first=first)
        boards = {self.cards[0].name: (batch, work)}

        def knowing(name: str, rows: Sequence[int]) -> list[float]:
            if name not in boards:
                boards[name] = begin(asked, self._parts_of(name), request, first=first)
            return [boards[name][1][row].verdict.p_know for row in rows]

        weights = self.weighing.weigh(
            [one.question.text for one in work],
            self.cards,
            RoutingContext(
                embeddings=self._embeddings(batch, work),
                p_know=knowing,
                calibrated=lambda name: self._parts_of(name).gate.fitted,
                seed=self.seed,
            ),
        )
        fused = _FusedBatch(
            batch.parts,
            batch.request,
            batch.board,
            batch.first,
            others=tuple(
                replace(parts.expert, name=card.name)
                for card, parts in zip(self.cards[1:], self.others, strict=True)
            ),
            fusion=self.fusion,
            fusion_name=self.fusion_name,
            ensemble=self._ensemble,
            weights=tuple(weights),
        )
        for name, (own, theirs) in boards.items():
            if own is not batch:
                _take_over(name, own, theirs, fused, work)
        for one, line in zip(work, weights, strict=True):
            one.verdict = self._verdict(one, line, boards)
        return fused, work

    @property
    def _ensemble(self) -> Ensemble:
        parts = (self, *self.others)
        names = [card.name for card in self.cards]
        return Ensemble({name: one.expert.model for name, one in zip(names, parts, strict=True)})

    def _parts_of(self, name: str) -> Composition:
        number = [card.name for card in self.cards].index(name)
        return self.others[number - 1]

    def _verdict(
        self,
        one: Work,
        weights: Sequence[float],
        boards: dict[str, tuple[Batch, list[Work]]],
    ) -> Verdict:
        """The verdict of the expert that counts most, of those whose gates were asked."""
        names = [card.name for card in self.cards]
        told = [n for n, name in enumerate(names) if name in boards]
        most = max(told, key=lambda n: (weights[n], -n))
        verdict = one.verdict if most == 0 else boards[names[most]][1][one.row].verdict
        if len(told) == 1:
            return verdict
        return replace(verdict, reason=f"{names[most]}: {verdict.reason}")

    def _embeddings(self, batch: Batch, work: Sequence[Work]) -> NDArray[Any] | None:
        if "embeddings" not in self.weighing.needs:
            return None
        read = batch.board.read(QuestionEmbedding(), [one.row for one in work])
        return np.stack([one.vector for one in read])


def _take_over(
    name: str, own: Batch, theirs: Sequence[Work], fused: _FusedBatch, work: Sequence[Work]
) -> None:
    """Keep what another expert has read of the questions alone, and charge what that cost."""
    for one, mine in zip(work, theirs, strict=True):
        closed, cost = own.closed(mine), own.board.cost(mine.row)
        fused.read[name, tuple(closed.prompt.ids)] = closed.stream
        one.read_rows += cost.forward_rows
        one.read_tokens += closed.stream.tokens + cost.prefill_tokens
        for note in mine.notes:
            if note.stage == "gate":
                one.note(note.stage, note.what)
