"""The gate as a LangChain runnable: does the model know, or is it to be looked up?

    from langchain_core.runnables import RunnableBranch
    from rag_router.integrations.gate import GateRunnable

    gate = GateRunnable(orchestrator)
    gate.invoke("Who wrote Hamlet?")["retrieve"]
    chain = RunnableBranch((lambda q: gate.invoke(q)["retrieve"], with_passages), from_memory)

Importing this module imports langchain-core, which takes about a second.
"""

from __future__ import annotations

from typing import Any, TypedDict

from langchain_core.runnables import Runnable, RunnableConfig

from rag_router.gates import assess
from rag_router.orchestrator import Orchestrator

__all__ = ["Assessment", "GateRunnable"]


class Assessment(TypedDict):
    """What the gate says of one question.

    Attributes:
        p_know: Probability in [0, 1] that the model alone answers correctly.
        retrieve: Whether the gate advises looking it up.
        threshold: What `p_know` is compared with, where the gate has such a figure.
        reason: Why, in words.
    """

    p_know: float
    retrieve: bool
    threshold: float | None
    reason: str


class GateRunnable(Runnable[str, Assessment]):
    """The gate of an orchestrator; a batch of questions is read in one pass.

    Args:
        orchestrator: Whose gate it is.
    """

    def __init__(self, orchestrator: Orchestrator) -> None:
        self._orchestrator = orchestrator

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> Assessment:
        """Assess one question.

        Raises:
            QuestionError: it is empty or too long.
        """
        del kwargs
        return self._call_with_config(lambda text: self._assessed([text])[0], input, config)

    def batch(
        self,
        inputs: list[str],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Assessment]:
        """Assess all at once.

        With `return_exceptions`, or settings of each run, they are assessed one by one.
        """
        if return_exceptions or config is not None or kwargs:
            return super().batch(inputs, config, return_exceptions=return_exceptions, **kwargs)
        return self._assessed(inputs)

    def _assessed(self, questions: list[str]) -> list[Assessment]:
        told = []
        for known in self._orchestrator.consider(questions):
            # What the gate reads has been read; asking it again costs no pass.
            verdict = assess(self._orchestrator.gate, known.board)[known.row]
            told.append(
                Assessment(
                    p_know=verdict.p_know,
                    retrieve=verdict.retrieve,
                    threshold=verdict.threshold,
                    reason=verdict.reason,
                )
            )
        return told
