"""The orchestrator of an expert that is behind an endpoint and shows its words alone.

The stages are those of any other expert, in the same order; what asks for logits, hidden states or
a second stream is done without, and every answer says so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial

from rag_router.experts.deadline import Deadline
from rag_router.experts.writing import Written
from rag_router.models.prompts import Inquiry, inquiry_messages
from rag_router.models.remote import RemoteModel
from rag_router.models.remote_client import Chat
from rag_router.orchestrator.ask import Request
from rag_router.orchestrator.gating import begin
from rag_router.orchestrator.normalising import Asked
from rag_router.orchestrator.orchestrator import Orchestrator
from rag_router.orchestrator.remote_answering import decode_remotely, read_remotely
from rag_router.orchestrator.remote_board import RemoteBoard
from rag_router.orchestrator.work import Batch, Work

__all__ = ["RemoteOrchestrator"]


@dataclass(frozen=True, kw_only=True)
class RemoteOrchestrator(Orchestrator):
    """Answers questions with an expert that is talked to.

    Attributes:
        instead: What was put in the place of what it does not show; told with every answer.

    Raises:
        RemoteError: from `answer`, where the endpoint does not answer in its share of the time.
    """

    instead: tuple[str, ...] = ()
    _proxy_turn: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @property
    def _model(self) -> RemoteModel:
        model = self.expert.model
        assert isinstance(model, RemoteModel)
        return model

    def write(
        self,
        inquiry: Inquiry,
        case: Sequence[str],
        *,
        max_new_tokens: int = 24,
        cancelled: Callable[[], bool] | None = None,
    ) -> Written:
        chat = Chat(
            messages=inquiry_messages(self.expert.style, inquiry, case), max_tokens=max_new_tokens
        )
        reply = self._model.chat_all([chat], cancelled=cancelled)[0]
        line = reply.text.partition("\n")[0].strip()
        return Written(line, reply.prompt_tokens, reply.completion_tokens)

    def _held(self, request: Request) -> AbstractContextManager[None]:
        # Whoever waits for an endpoint keeps no core busy, and nobody else from asking it.
        del request
        return nullcontext()

    def _begin(
        self, asked: Sequence[Asked], request: Request, *, first: int
    ) -> tuple[Batch, list[Work]]:
        deadline = request.deadline
        given_s = deadline.left_s * self._model.share
        until = Deadline.within(given_s, clock=deadline.clock)
        board = partial(RemoteBoard, left_s=lambda: until.left_s, turn=self._proxy_turn)
        batch, work = begin(asked, self, request, first=first, board_of=board, passes=())
        shown = ", ".join(("hidden states", "logits", "streams"))
        for one in work:
            one.note("expert", f"{self.expert.name} shows no {shown}: its words are all there is")
            for what in self.instead:
                one.note("expert", what)
        return batch, work

    def _read(self, work: Sequence[Work], batch: Batch) -> None:
        read_remotely(work, batch)

    def _decode(self, work: Sequence[Work], batch: Batch) -> None:
        decode_remotely(work, batch)
