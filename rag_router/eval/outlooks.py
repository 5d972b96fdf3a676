"""Reading off questions, once, what their two answers are worth: what was read is kept.

The whole service answers, without abstaining, and tells what it sees (`Ask.observed`). What is kept
is kept under everything that it depends on, as answers are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import fingerprint_of
from rag_router.eval.answering import key_of, setup_of
from rag_router.orchestrator import Ask, Orchestrator
from rag_router.outcomes import RecordCache
from rag_router.outlook import Observation, OutlookHead, Said
from rag_router.outlook.observation import DEPTHS
from rag_router.scoring import alias_match
from rag_router.types import Question

__all__ = ["Observed", "bold", "observe_questions"]

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """A question with what was read off it, and which of its answers were right.

    Attributes:
        question: With its accepted answers; one without any is answered rightly by nobody.
        seen: What was read off it.
        memory: Whether the answer from memory was right.
        passages: Whether the one from passages was; false where none was read.
    """

    question: Question
    seen: Observation
    memory: bool
    passages: bool

    @classmethod
    def of(cls, question: Question, seen: Observation) -> Observed:
        """Judge both answers by the accepted ones."""
        said = None if seen.passages is None else seen.passages.text
        return cls(
            question=question,
            seen=seen,
            memory=alias_match(seen.memory.text, question.answers),
            passages=alias_match(said, question.answers),
        )

    @property
    def read(self) -> bool:
        """Whether passages were read."""
        return self.seen.passages is not None


def bold(orchestrator: Orchestrator) -> Orchestrator:
    """Return one that always answers, and neither weighs nor verifies."""
    policy = replace(orchestrator.policy, abstain=False, min_support=0.0)
    return replace(orchestrator, policy=policy, outlook=OutlookHead(), verifier=None)


def observe_questions(
    orchestrator: Orchestrator,
    questions: Sequence[Question],
    ask: Ask,
    *,
    cache: RecordCache | None = None,
    on_progress: OnProgress | None = None,
) -> list[Observed]:
    """Let every question be answered from memory and from passages, and look on.

    Args:
        orchestrator: Who answers; it is made bold.
        questions: With accepted answers where there are any.
        ask: How to answer.
        cache: Where what was read is kept.
        on_progress: Hears (done, all) after each batch.

    Returns:
        One for each question, but for those that were answered before and are not read again.
    """
    daring = bold(orchestrator)
    setup = fingerprint_of("observation", setup_of(daring, ask))
    searched = daring.indices if ask.indexes is None else ask.indexes
    keys = [key_of(setup, question, shown=not searched) for question in questions]
    known = {} if cache is None else _kept(cache, keys)
    unique = dict(zip(keys, questions, strict=True))
    waiting = sorted((k for k in unique if k not in known), key=lambda k: _size(unique[k]))
    size = daring.batch_size
    for at in range(0, len(waiting), size):
        batch = waiting[at : at + size]
        heard: dict[str, Observation] = {}
        # Known by number: two sets may call their questions the same.
        asked = [replace(unique[key], id=str(number)) for number, key in enumerate(batch)]
        daring.answer(asked, replace(ask, observed=_into(heard)))
        told = ((key, heard.get(str(number))) for number, key in enumerate(batch))
        fresh = {key: seen for key, seen in told if seen is not None}
        if cache is not None:
            _keep(cache, fresh)
        known |= fresh
        if on_progress is not None:
            on_progress(len(unique) - len(waiting) + at + len(batch), len(unique))
    pairs = zip(questions, keys, strict=True)
    return [Observed.of(question, known[key]) for question, key in pairs if key in known]


def _into(heard: dict[str, Observation]) -> Callable[[Question, Observation], None]:
    def hear(question: Question, seen: Observation) -> None:
        heard[question.id] = seen

    return hear


def _size(question: Question) -> int:
    """Characters to be read, so that those of like length share a batch."""
    return len(question.text) + sum(len(passage.text) for passage in question.contexts)


def _keep(cache: RecordCache, fresh: dict[str, Observation]) -> None:
    # States first: what has a text is taken to be whole.
    cache.put_arrays("states", {_states_of(key): seen.states for key, seen in fresh.items()})
    rows = {}
    for key, seen in fresh.items():
        # The states do not go into JSON, and are no dataclass's business to copy.
        plain = replace(seen, states=np.zeros((0, 0), dtype=np.float32))
        rows[key] = {k: v for k, v in asdict(plain).items() if k != "states"}
    cache.put_json("observation", rows)


def _kept(cache: RecordCache, keys: Sequence[str]) -> dict[str, Observation]:
    rows = cache.get_json(keys)
    states = cache.get_arrays([_states_of(key) for key in rows])
    return {key: _observation(row, states[_states_of(key)]) for key, row in rows.items()}


def _observation(row: dict[str, Any], states: NDArray[np.float32]) -> Observation:
    read = row["passages"]
    said = {
        "memory": _said(row["memory"]),
        "passages": None if read is None else _said(read),
        "shown": tuple((title, text) for title, text in row["shown"]),
        "states": states.reshape((len(DEPTHS), -1) if states.size else (0, 0)),
    }
    return Observation(**(row | said))


def _said(row: dict[str, Any]) -> Said:
    return Said(row["text"], tuple(row["logprobs"]))


def _states_of(key: str) -> str:
    return fingerprint_of("states", key)
