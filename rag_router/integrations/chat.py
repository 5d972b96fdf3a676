"""Answers with their sources, or that nobody knows: as a LangChain chat model.

    from rag_router.integrations.chat import ChatRagRouter

    model = ChatRagRouter.open(settings)
    reply = model.invoke("Who wrote Hamlet?")
    reply.response_metadata["citations"]

The last human message is the question, and system messages are what the model is told before it. A
question that refers to what was said before is made into one that stands by itself, as the service
does it (`rag_router.conversations`). Importing this module imports langchain-core, which takes
about a second.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, Field

from rag_router.conversations import Lines, condense
from rag_router.conversations.lines import LONGEST_LINE
from rag_router.experts.writing import Written
from rag_router.integrations.messages import conversation_of
from rag_router.models.prompts import Inquiry
from rag_router.models.sampling import Sampling
from rag_router.orchestrator import Ask
from rag_router.orchestrator.events import Event, Spoke
from rag_router.settings import Settings
from rag_router.types import Answer, Question, Retrieval

__all__ = ["ChatRagRouter"]

_END: Final = object()
_TOLD: Final = (
    "question",
    "abstained",
    "reason",
    "confidence",
    "knowledge",
    "citations",
    "degraded",
)
"""What of an answer stands in `response_metadata`, beside the passages that are cited."""


class ChatRagRouter(BaseChatModel):
    """Whoever answers here, as LangChain's `BaseChatModel`.

    Attributes:
        answers: Who answers: an orchestrator, or anything that does as one.
        retrieval: Let the gate decide, or overrule it.
        indexes: Names of the indexes to look in; None means all there are.
        reliance: How far memory is relied on where it conflicts with the passages, in [0, 1].
        expert: Name of the expert that is to answer; None lets the router choose.
        temperature: Of draws, >= 0; None and 0 take the likeliest tokens.
        seed: Of draws.
        max_tokens: Longest answer.
        timeout: Seconds after which what is still undone is left undone.
        stop: Strings that end an answer.
        condense: Makes of a conversation a question that stands by itself; None does it as the
            service does.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    answers: Any = Field(exclude=True, repr=False)
    retrieval: Retrieval = "auto"
    indexes: tuple[str, ...] | None = None
    reliance: float | None = None
    expert: str | None = None
    temperature: float | None = None
    seed: int = 0
    max_tokens: int | None = None
    timeout: float | None = None
    stop: list[str] | None = None
    condense: Callable[[Sequence[BaseMessage]], str] | None = Field(default=None, exclude=True)

    @classmethod
    def open(cls, settings: Settings | None = None, **fields: Any) -> ChatRagRouter:
        """Load what the settings name; nothing is fetched.

        Raises:
            UnavailableError: a model or an index is not to be had.
            UsageError: the settings are wrong.
        """
        from rag_router.pooling import load_service

        return cls(answers=load_service(settings or Settings()), **fields)

    @property
    def _llm_type(self) -> str:
        return "rag_router"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        return params | LangSmithParams(
            ls_provider="rag_router", ls_model_name=kwargs.get("model", "rag_router")
        )

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        del run_manager
        answer = self._answered(messages, self._ask(messages, stop, kwargs))
        message = AIMessage(
            content=answer.message,
            usage_metadata=_usage(answer),
            response_metadata=_metadata(answer),
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        ask = self._ask(messages, stop, kwargs)
        told: queue.Queue[Any] = queue.Queue()
        stopped, answers = threading.Event(), list[Answer]()
        errors: list[Exception] = []

        def work() -> None:
            wanted = replace(ask, heard=told.put, cancelled=stopped.is_set)
            try:
                answers.append(self._answered(messages, wanted))
            except Exception as exc:  # noqa: BLE001  # raised again where the words are read
                errors.append(exc)
            finally:
                told.put(_END)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        said = ""
        try:
            while (event := told.get()) is not _END:
                if words := _words(event):
                    said += words
                    yield _piece(words, run_manager)
        finally:
            # Whoever stops reading wants nothing more to be computed.
            stopped.set()
            thread.join()
        if errors:
            raise errors[0]
        (answer,) = answers
        if rest := answer.message.removeprefix(said):
            yield _piece(rest, run_manager)
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content="",
                usage_metadata=_usage(answer),
                response_metadata=_metadata(answer),
                chunk_position="last",
            )
        )

    def _answered(self, messages: Sequence[BaseMessage], ask: Ask) -> Answer:
        """Answer the last question of a conversation; what was written for that is charged."""
        if self.condense is not None:
            (answer,) = self.answers.answer([self.condense(messages)], ask)
            return cast("Answer", answer)
        lines = Lines(partial(self._write, cancelled=ask.cancelled))
        said = conversation_of(messages)
        one = condense(said.asked, said.before, lines)
        question = Question(id="1", text=one.question, queries=one.queries)
        (answer,) = self.answers.answer([question], ask)
        return lines.charged(answer)

    def _write(
        self, inquiry: Inquiry, case: Sequence[str], *, cancelled: Callable[[], bool] | None
    ) -> Written:
        written = self.answers.write(
            inquiry, case, max_new_tokens=LONGEST_LINE, cancelled=cancelled
        )
        return cast("Written", written)

    def _ask(
        self, messages: Sequence[BaseMessage], stop: list[str] | None, more: dict[str, Any]
    ) -> Ask:
        temperature = more.get("temperature", self.temperature)
        return Ask(
            retrieval=more.get("retrieval", self.retrieval),
            indexes=more.get("indexes", self.indexes),
            reliance=more.get("reliance", self.reliance),
            # Other models have a model where this one has an expert.
            expert=more.get("expert", more.get("model", self.expert)),
            instructions=conversation_of(messages).instructions,
            sampling=Sampling(temperature=temperature, seed=self.seed) if temperature else None,
            max_new_tokens=more.get("max_tokens", self.max_tokens),
            deadline_s=more.get("timeout", self.timeout),
            stop=tuple(filter(None, stop or self.stop or ())),
        )


def _words(event: Event) -> str:
    return event.text if isinstance(event, Spoke) and event.certain else ""


def _piece(words: str, run_manager: CallbackManagerForLLMRun | None) -> ChatGenerationChunk:
    chunk = ChatGenerationChunk(message=AIMessageChunk(content=words))
    if run_manager is not None:
        run_manager.on_llm_new_token(words, chunk=chunk)
    return chunk


def _usage(answer: Answer) -> UsageMetadata:
    read, said = answer.usage.prompt_tokens, answer.usage.completion_tokens
    return UsageMetadata(input_tokens=read, output_tokens=said, total_tokens=read + said)


def _metadata(answer: Answer) -> dict[str, Any]:
    told = answer.to_json()
    cited = {one["passage_id"] for one in told["citations"]}
    return {
        "model_name": "rag_router",
        "model_provider": "rag_router",
        "expert": told["route"]["expert"]["name"],
        **{key: told[key] for key in _TOLD},
        "passages": [one for one in told["passages"] if one["id"] in cited],
    }
