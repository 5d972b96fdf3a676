"""Our answers as a LangChain runnable, whose `batch` is a batch job's.

    from rag_router.integrations.langchain_answers import RagRouterAnswers

    answers = RagRouterAnswers.of(orchestrator)
    answers.invoke("Who wrote Hamlet?")["answer"]
    answers.batch(questions)

Importing this module imports langchain-core, which takes about a second.
"""

from __future__ import annotations

from typing import Any, Self, cast

from langchain_core.runnables import Runnable, RunnableConfig

from rag_router.batch import Batch, Sizes
from rag_router.batch.local import Answers
from rag_router.orchestrator import Ask

__all__ = ["RagRouterAnswers"]


class RagRouterAnswers(Runnable[str, dict[str, Any]]):
    """Questions in, the documented JSON of answers out.

    Args:
        service: Who answers: an orchestrator, or a pool of them.
        ask: What is wanted otherwise than the settings say.
        sizes: How much a batch does at once.
    """

    def __init__(
        self, service: Answers, *, ask: Ask | None = None, sizes: Sizes | None = None
    ) -> None:
        self._batch = Batch(service, ask=ask, sizes=sizes)

    @classmethod
    def of(cls, service: Answers, **more: Any) -> Self:
        """Wrap what was put together in Python."""
        return cls(service, **more)

    def invoke(
        self, input: str, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Answer one question.

        Raises:
            RagRouterError: it cannot be answered.
        """
        return self._call_with_config(self._answer, input, config)

    def batch(
        self,
        inputs: list[str],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[dict[str, Any]]:
        """Answer all questions as a batch job does, without a callback for each.

        With settings of each run they are answered one by one.

        Raises:
            RagRouterError: one cannot be answered, and errors are not to be returned.
        """
        if config is not None or kwargs:
            return super().batch(inputs, config, return_exceptions=return_exceptions, **kwargs)
        said = [one for _, one in self._batch.outcomes(inputs)]
        if not return_exceptions:
            for one in said:
                if isinstance(one, BaseException):
                    raise one
        told = [one if isinstance(one, BaseException) else one.to_json() for one in said]
        return cast("list[dict[str, Any]]", told)

    def _answer(self, question: str) -> dict[str, Any]:
        return self.batch([question])[0]
