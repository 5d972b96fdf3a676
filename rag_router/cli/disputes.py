"""What `decoder fit-auto` learns from: disputes, and what a service would know of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rag_router.cli.options import fetch_announced, progress

if TYPE_CHECKING:
    from rag_router.cli.evaluate.common import DataSet
    from rag_router.eval.disputes import Dispute
    from rag_router.experts import Expert
    from rag_router.models.streams import Facts
    from rag_router.outcomes import RecordCache
    from rag_router.settings import Settings

__all__ = ["Taught"]


@dataclass(frozen=True, slots=True)
class Taught:
    """Disputes of the half of each set that is learned from.

    Attributes:
        expert: Who answers.
        disputes: Questions with their passages.
        facts: What is known about each.
        memory: What memory answers to each.
        sets: Which set each dispute's question is of.
        records: Where what is computed is kept.
    """

    expert: Expert
    disputes: list[Dispute]
    facts: list[Facts]
    memory: list[str]
    sets: list[str]
    records: RecordCache

    @classmethod
    def gathered(
        cls, settings: Settings, data: DataSet, known: DataSet | None, *, seed: int
    ) -> Taught:
        """Load who answers, ask it from memory, and look for passages beside the point.

        What the gate says of a question comes from one that was fitted to others alone: in service,
        too, it will not have learned from what it is asked.

        Args:
            settings: What to load.
            data: Questions with true and falsified passages.
            known: Further questions, for passages beside the point.
            seed: Of the halves.

        Raises:
            DataError: the sets bring no passages that are true or falsified, or too few questions
                for the gate.
        """
        from rag_router.assembly import (
            load_embedder,
            load_expert,
            load_filters,
            load_gate,
            load_retriever,
            open_indexes,
        )
        from rag_router.errors import DataError
        from rag_router.eval.datasets import is_held_out
        from rag_router.eval.dispute_facts import facts_of
        from rag_router.eval.disputes import disputes_of, found_beside_the_point
        from rag_router.eval.labels import label
        from rag_router.eval.unacquainted import unacquainted_p_know
        from rag_router.filters import FittedFilter
        from rag_router.gates import FittedGate
        from rag_router.outcomes import OutcomeCache, RecordCache
        from rag_router.settings import Component

        questions = [*data.questions, *(known.questions if known else [])]
        names = [*data.sets, *(known.sets if known else [])]
        ours = [row for row, one in enumerate(questions) if not is_held_out(one.id, seed=seed)]
        asked, sets = [questions[row] for row in ours], [names[row] for row in ours]
        disputes = disputes_of(asked)
        if not disputes:
            raise DataError(
                f"none of {len(questions)} questions brings a passage that is true or falsified.",
                hint="Make a set: rag-router eval make-conflicts --data FILE --out FILE.",
            )
        expert = load_expert(settings, fetch=fetch_announced)
        embedder = load_embedder(settings, fetch=fetch_announced)
        kept = settings.home / "outcomes.sqlite"
        records, batch_size = RecordCache(kept), settings.generator.batch_size
        bar, move = progress(f"{expert.name} answers")
        with bar:
            labelled = label(
                expert, asked, cache=OutcomeCache(kept), batch_size=batch_size, on_progress=move
            )
        opened = tuple(open_indexes(settings, embedder).values())
        options = {"k": 20, **settings.retriever.options}
        disputes += found_beside_the_point(
            asked,
            load_retriever(Component(name=settings.retriever.name, **options), embedder, opened),
            opened,
            embedder,
            rows=[row for row, one in enumerate(labelled) if one.right],
        )
        gate = load_gate(settings.gate, expert)
        filters = load_filters(settings, embedder)
        bar, move = progress("what is known before")
        with bar:
            facts = facts_of(
                disputes,
                labelled,
                expert,
                filters=[one for one in filters if isinstance(one, FittedFilter) and one.fitted],
                embedder=embedder,
                cache=records,
                batch_size=batch_size,
                on_progress=move,
            )
        if isinstance(gate, FittedGate) and gate.fitted:
            p_know = unacquainted_p_know(
                settings.gate.name,
                gate,
                expert,
                labelled,
                sets=sets,
                cache=records,
                batch_size=batch_size,
            )
            facts = [
                replace(fact, p_know=p_know[one.row])
                for fact, one in zip(facts, disputes, strict=True)
            ]
        return cls(
            expert,
            disputes,
            facts,
            [labelled[one.row].outcome.answer for one in disputes],
            [sets[one.row] for one in disputes],
            records,
        )
