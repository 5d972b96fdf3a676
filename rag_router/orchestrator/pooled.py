"""Questions in, answers out, by whichever expert of a pool should answer each.

Who may be asked is settled first, so that nobody who is forbidden is scored, named or loaded. A
router ranks the others for each question; questions are grouped by the expert that comes first,
and each group is answered by that expert as it would answer them alone. Experts over one base
answer side by side, in common passes. An expert that cannot answer is passed over for the next of
the ranking, and the answer says so.

Routers that go by what experts know make each candidate read the question alone; that is the pass
its gate makes in any case, and whoever wins goes on from it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rag_router.errors import ModelError
from rag_router.experts.access import candidates
from rag_router.experts.base import Answering
from rag_router.experts.deadline import Clock, Deadline
from rag_router.experts.pool import Pool
from rag_router.experts.routing import ExpertRouter
from rag_router.experts.writing import Written
from rag_router.indices.following import latest_of
from rag_router.models.base import Embedder
from rag_router.models.prompts import Inquiry
from rag_router.orchestrator.ask import Ask, chosen
from rag_router.orchestrator.events import Accepted, heard_as
from rag_router.orchestrator.knobs import require_a_knob
from rag_router.orchestrator.normalising import as_asked
from rag_router.orchestrator.orchestrator import Orchestrator
from rag_router.orchestrator.ranked import Ranked
from rag_router.retrievers import Searchable
from rag_router.types import Answer, Question

__all__ = ["PooledOrchestrator"]


@dataclass(frozen=True, kw_only=True)
class PooledOrchestrator:
    """Answers questions with the experts of a pool.

    Attributes:
        pool: Who may answer; each a whole orchestrator, or an endpoint.
        router: Who of them should.
        router_name: What the router is called in answers.
        gate_name: What the gate is called that most experts have.
        embedder: Embeds questions for routers that read embeddings.
        indices: What the experts look in, by name.
        batch_size: Most questions that all candidates read before any is answered: what each has
            read is kept until the choice is made.
        question_characters: Longest question accepted.
        answer_seconds: How long a request may take, > 0; None is as long as it takes.
        clock: What tells whether that time has passed.
        without_knob: Experts whose decoder has no knob for reliance on memory, with its name;
            where a request sets that, they answer as they are set, and say so.
        message: What a person reads where there was no time to ask anybody.
        ahead: Whether who would be asked next is loaded while an endpoint is waited for: worth it
            where more questions come.
        seed: Of everything that is drawn at random.
    """

    pool: Pool[Answering]
    router: ExpertRouter
    router_name: str = "router"
    gate_name: str = "gate"
    embedder: Embedder | None = None
    indices: Mapping[str, Searchable] = field(default_factory=dict)
    batch_size: int = 8
    question_characters: int = 10_000
    answer_seconds: float | None = None
    clock: Clock = field(default=time.monotonic, repr=False, compare=False)
    without_knob: Mapping[str, str] = field(default_factory=dict)
    message: str = "I don't know."
    ahead: bool = False
    seed: int = 0

    def answer(self, questions: Sequence[Question | str], ask: Ask | None = None) -> list[Answer]:
        """Answer questions, in order.

        Raises:
            QuestionError: a question is empty or too long; none is answered then.
            UnknownNameError: an index, field or expert named in `ask` is not there for the tenant.
            UsageError: `ask` sets what an expert does not have, or no expert is there at all.
            UnavailableError: none of the experts that may answer a question can.
        """
        ask = ask or Ask()
        allowed = candidates(self.pool.cards, ask.tenant, ask.expert)
        require_a_knob(allowed, ask, self.without_knob)
        within = Deadline.within(ask.deadline_s, self.answer_seconds, clock=self.clock)
        ask = replace(ask, expert=None, deadline=ask.deadline or within)
        asked = [
            one if isinstance(one, Question) else Question(id=str(number), text=one)
            for number, one in enumerate(questions, start=1)
        ]
        for number, one in enumerate(asked, start=1):
            as_asked(one, number, longest=self.question_characters)
        if ask.heard is not None:
            for row in range(len(asked)):
                ask.heard(Accepted(row=row))
        # What every candidate has read of a question is a lot to keep for many of them.
        size = self.batch_size if "p_know" in self.router.needs else max(len(asked), 1)
        answers: list[Answer] = []
        for at in range(0, len(asked), size):
            rows = range(at, min(at + size, len(asked)))
            heard = heard_as(ask.heard, list(rows))
            batch = Ranked(self, asked[at : at + size], replace(ask, heard=heard), allowed)
            answers += batch.answers()
        return answers

    def check(self, questions: Sequence[Question | str], ask: Ask) -> None:
        """Find what is wrong with a request, as far as that does not depend on who answers.

        Raises:
            QuestionError: a question is empty or too long.
            UnknownNameError: an index or expert named in `ask` is not there for the tenant.
            UsageError: no expert is there at all.
        """
        candidates(self.pool.cards, ask.tenant, ask.expert)
        if ask.indexes is not None:
            chosen(latest_of(self.indices, ask.within).indices, ask)
        for number, one in enumerate(questions, start=1):
            as_asked(one, number, longest=self.question_characters)

    def write(
        self,
        inquiry: Inquiry,
        case: Sequence[str],
        *,
        max_new_tokens: int = 24,
        cancelled: Callable[[], bool] | None = None,
    ) -> Written:
        """Write a line that is no answer, such as a title, with the smallest expert that is here.

        The arguments and errors are those of an orchestrator's `write`.

        Raises:
            ModelError: no expert that is here is open to everybody.
        """
        here = [one for one in self.pool.cards if one.kind != "remote" and one.tenants is None]
        for card in sorted(here, key=lambda one: one.parameters):
            with self.pool.using(card.name) as member:
                if isinstance(member, Orchestrator):
                    return member.write(
                        inquiry, case, max_new_tokens=max_new_tokens, cancelled=cancelled
                    )
        raise ModelError(
            "no expert that is here, and open to everybody, can write a line.",
            hint="Add a local expert without tenants.",
        )
