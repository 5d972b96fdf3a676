"""What gates read off questions, computed batch by batch and kept.

All gates share one board a batch, so that a signal which several of them read is computed once.
A gate's features depend on the model, the prompt, the question and the gate's options, and on
nothing it learned; they are kept under all of these, and an interrupted run goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rag_router import __version__
from rag_router.artefacts import fingerprint_of, identity_of
from rag_router.eval.labels import Labelled
from rag_router.experts import Expert
from rag_router.gates import FittedGate, signals_of
from rag_router.gates.blocks import join_blocks
from rag_router.models.prompts import closed_book_prompt
from rag_router.models.streams import Generation
from rag_router.outcomes import Outcome, OutcomeCache, RecordCache, answer_prompts
from rag_router.signals import (
    Board,
    ClosedBookAnswer,
    Cost,
    Partner,
    Partners,
    Reading,
    requirements,
)
from rag_router.signals.proxy_answer import ProxyAnswer
from rag_router.types import TokenTrace

__all__ = ["board_of", "contents_of", "marks_of", "read_features"]

OnProgress = Callable[[int, int], None]


def read_features(
    gates: Mapping[str, FittedGate],
    expert: Expert,
    labelled: Sequence[Labelled],
    *,
    partners: Partners | None = None,
    cache: RecordCache | None = None,
    answers: OutcomeCache | None = None,
    max_new_tokens: int = 24,
    batch_size: int = 8,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Read the features of several gates off the same questions.

    What a gate made of gates reads is put together from what its members read.

    Args:
        gates: By name.
        expert: Whose knowledge is judged.
        labelled: The questions with their closed-book answers, which are not decoded again.
        partners: Who else the gates' signals consult.
        cache: Where features are kept.
        answers: Where the proxy's answers are kept, if a gate asks it for any.
        max_new_tokens: What the closed-book answers were limited to.
        batch_size: Questions in one forward pass.
        seed: Of signals that sample.
        on_progress: Hears (done, all).

    Returns:
        For each gate an array of shape (questions, features).
    """
    read = _read(
        _single(gates),
        expert,
        labelled,
        partners=partners,
        cache=cache,
        answers=answers,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        seed=seed,
        on_progress=on_progress,
    )
    return {name: _joined(name, gate, read) for name, gate in gates.items()}


@runtime_checkable
class _MadeOfGates(Protocol):
    @property
    def parts(self) -> Mapping[str, FittedGate]: ...


def _single(gates: Mapping[str, FittedGate], start: str = "") -> dict[str, FittedGate]:
    """Gates that are made of none, each under the path that leads to it."""
    found: dict[str, FittedGate] = {}
    for name, gate in gates.items():
        path = f"{start}{name}"
        found |= _single(gate.parts, f"{path}/") if isinstance(gate, _MadeOfGates) else {path: gate}
    return found


def _joined(
    path: str, gate: FittedGate, read: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    if not isinstance(gate, _MadeOfGates):
        return read[path]
    return join_blocks([_joined(f"{path}/{name}", part, read) for name, part in gate.parts.items()])


def _read(
    gates: Mapping[str, FittedGate],
    expert: Expert,
    labelled: Sequence[Labelled],
    *,
    partners: Partners | None,
    cache: RecordCache | None,
    answers: OutcomeCache | None,
    max_new_tokens: int,
    batch_size: int,
    seed: int,
    on_progress: OnProgress | None,
) -> dict[str, NDArray[np.float64]]:
    keys = {
        name: [_key(gate, expert, partners, seed, one) for one in labelled]
        for name, gate in gates.items()
    }
    known: dict[str, NDArray[np.float32]] = {}
    if cache is not None:
        known = cache.get_arrays([key for line in keys.values() for key in line])
    todo = [row for row in range(len(labelled)) if any(k[row] not in known for k in keys.values())]
    # Questions of like length share a batch, so that little is padded.
    todo.sort(key=lambda row: len(labelled[row].question.text))
    said = _proxy_answers(gates, [labelled[row] for row in todo], partners, answers, batch_size)
    for at in range(0, len(todo), batch_size):
        rows = todo[at : at + batch_size]
        board = board_of(
            expert,
            [labelled[row] for row in rows],
            partners=partners,
            max_new_tokens=max_new_tokens,
            batch_size=batch_size,
            seed=seed,
        )
        for place, outcomes in enumerate(said[at : at + batch_size]):
            for signal, outcome in outcomes.items():
                board.preset(signal, place, _given(outcome))
        fresh: dict[str, NDArray[np.float64]] = {}
        for name, gate in gates.items():
            if all(keys[name][row] in known for row in rows):
                continue
            view = board.signals(range(len(rows)), signals_of(gate))
            found = gate.features(board.questions, view)
            fresh |= {keys[name][row]: line for row, line in zip(rows, found, strict=True)}
        known |= {key: np.asarray(line, dtype="<f4") for key, line in fresh.items()}
        if cache is not None:
            cache.put_arrays("features", fresh)
        if on_progress is not None:
            on_progress(len(labelled) - len(todo) + at + len(rows), len(labelled))
    return {
        name: np.array([known[key] for key in line], dtype=np.float64)
        for name, line in keys.items()
    }


def board_of(
    expert: Expert,
    labelled: Sequence[Labelled],
    *,
    partners: Partners | None = None,
    max_new_tokens: int = 24,
    batch_size: int = 8,
    seed: int = 0,
) -> Board:
    """Lay out a board on which the closed-book answers are known already."""
    board = Board(
        expert.model,
        expert.style,
        [one.question for one in labelled],
        batch_size=batch_size,
        partners=partners,
        seed=seed,
    )
    for row, one in enumerate(labelled):
        board.preset(ClosedBookAnswer(max_new_tokens), row, _given(one.outcome))
    return board


def _given(outcome: Outcome) -> Reading[Generation]:
    steps = len(outcome.logprobs)
    said = Generation(
        text=outcome.answer,
        tokens=tuple(TokenTrace(text="", logprob=value) for value in outcome.logprobs),
        finish="stop",
        forward_rows=steps,
    )
    return Reading(said, Cost(decode_steps=steps, forward_rows=steps))


def _proxy_answers(
    gates: Mapping[str, FittedGate],
    labelled: Sequence[Labelled],
    partners: Partners | None,
    cache: OutcomeCache | None,
    batch_size: int,
) -> list[dict[ProxyAnswer, Outcome]]:
    """What the proxy says to each question, from the cache where it has said so before."""
    found: list[dict[ProxyAnswer, Outcome]] = [{} for _ in labelled]
    if cache is None or partners is None or partners.proxy is None:
        return found
    model, style = partners.proxy
    asked = {s for gate in gates.values() for s in signals_of(gate) if isinstance(s, ProxyAnswer)}
    for signal in sorted(asked, key=lambda one: one.max_new_tokens):
        outcomes = answer_prompts(
            model,
            [closed_book_prompt(model, style, one.question.text) for one in labelled],
            cache=cache,
            max_new_tokens=signal.max_new_tokens,
            batch_size=batch_size,
        )
        for line, outcome in zip(found, outcomes, strict=True):
            line[signal] = outcome
    return found


def contents_of(index: Any) -> str:
    """Return what an index holds, in short: its manifest names the hash of every file."""
    manifest = getattr(index, "manifest", None)
    return identity_of(index) if manifest is None else str(manifest.model_dump_json())


def marks_of(expert: Expert, partners: Partners | None) -> tuple[str, ...]:
    """Return what all that is kept about a gate depends on: version, model, prompt, partners."""
    consulted = partners or Partners()
    return (
        __version__,
        expert.model.fingerprint,
        expert.style.fingerprint,
        consulted.proxy[0].fingerprint if consulted.proxy else "",
        consulted.embedder.fingerprint if consulted.embedder else "",
    )


def _only(partners: Partners, asked: frozenset[Partner]) -> Partners:
    return Partners(
        proxy=partners.proxy if "proxy" in asked else None,
        embedder=partners.embedder if "embedder" in asked else None,
        indexes=partners.indexes if "indexes" in asked else (),
    )


def _key(
    gate: FittedGate, expert: Expert, partners: Partners | None, seed: int, one: Labelled
) -> str:
    signals = signals_of(gate)
    # Whoever is at hand but not asked changes nothing.
    asked = _only(partners or Partners(), requirements(signals).partners)
    return fingerprint_of(
        "features",
        *marks_of(expert, asked),
        *(contents_of(index) for index in asked.indexes),
        type(gate).__qualname__,
        repr(sorted(gate.options.items())),
        repr(signals),
        str(seed),
        one.question.text,
        one.outcome.answer,
    )
