"""What each stage of an answer takes on this machine, watched on a few questions.

Every question is answered twice, alone: without looking anything up, and with. What the second
answer takes longer, beyond finding passages, is what passages add to reading and writing. A gate
that reads nothing but the question's own pass costs what the gate's stage takes beyond that pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from rag_router.costs import Cost, Stages
from rag_router.errors import DataError
from rag_router.experts.base import Answering
from rag_router.orchestrator import Ask
from rag_router.types import Answer, Question

__all__ = ["Measured", "measure_costs"]

_FINDING = ("route", "retrieve", "filter")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was watched; times are medians over questions, counts are means.

    Attributes:
        stages: What each stage costs.
        read_ms: Reading a question alone; None where nobody lets itself be watched reading.
        token_ms: Writing one token without passages.
        looked_up: Whether there was anything to look in; without, lookups cost nothing.
        n: Questions that were watched.
    """

    stages: Stages
    read_ms: float | None
    token_ms: float
    looked_up: bool
    n: int


def measure_costs(
    service: Answering,
    questions: Sequence[Question],
    *,
    read: Callable[[str], object] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Measured:
    """Watch a service answer.

    Args:
        service: Who answers.
        questions: The first one only warms up, where there are several.
        read: Reads a question and does nothing else; None where that cannot be had apart.
        clock: Seconds that only ever grow.

    Raises:
        DataError: there are no questions.
    """
    if not questions:
        raise DataError("there are no questions to watch.", hint="Give at least one.")
    bare = [Question(id=q.id, text=q.text, answers=q.answers) for q in questions]
    never = [_alone(service, question, Ask(retrieval="never")) for question in bare]
    always = [_alone(service, question, Ask(retrieval="always")) for question in bare]
    reading = [_timed(read, question.text, clock) for question in bare] if read else []
    warm = slice(1 if len(bare) > 1 else 0, None)
    never, always, reading = never[warm], always[warm], reading[warm]
    read_ms = median(reading) if reading else None
    gate_ms = 0.0
    if read_ms is not None:
        gate_ms = max(0.0, median(one.timings_ms["gate"] for one in never) - read_ms)
    gate = Cost(
        ms=gate_ms,
        passes=fmean(one.knowledge.extra_decode_steps for one in never),
        prompt_tokens=fmean(one.knowledge.extra_prefill_tokens for one in never),
    )
    without, with_ = _spent(never), _spent(always)
    finding = Cost(ms=median(sum(one.timings_ms[s] for s in _FINDING) for one in always))
    looked_up = any(one.knowledge.retrieve for one in always)
    return Measured(
        stages=Stages(
            gate=gate,
            answer=_above(without - gate),
            retrieve=finding if looked_up else Cost(),
            context=_above(with_ - without - finding) if looked_up else Cost(),
        ),
        read_ms=read_ms,
        token_ms=median(
            one.timings_ms["decode"] / max(1, one.usage.completion_tokens) for one in never
        ),
        looked_up=looked_up,
        n=len(never),
    )


def _alone(service: Answering, question: Question, ask: Ask) -> Answer:
    return service.answer([question], ask)[0]


def _timed(read: Callable[[str], object], text: str, clock: Callable[[], float]) -> float:
    started = clock()
    read(text)
    return 1000 * (clock() - started)


def _spent(answers: Sequence[Answer]) -> Cost:
    return Cost(
        ms=median(one.timings_ms["total"] for one in answers),
        passes=fmean(one.usage.lm_forward_passes for one in answers),
        prompt_tokens=fmean(one.usage.prompt_tokens for one in answers),
        completion_tokens=fmean(one.usage.completion_tokens for one in answers),
    )


def _above(cost: Cost) -> Cost:
    """Nothing takes less than no time: what comes out so was too little to be watched."""
    return Cost(
        ms=max(0.0, cost.ms),
        passes=max(0.0, cost.passes),
        prompt_tokens=max(0.0, cost.prompt_tokens),
        completion_tokens=cost.completion_tokens,
    )
