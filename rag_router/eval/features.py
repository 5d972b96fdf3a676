"""What gates read off questions, computed batch by batch and kept.

All gates share one board a batch, so that a signal which several of them read is computed once.
A gate's features depend on the model, the prompt, the question and the gate's options, and on
nothing it learned; they are kept under all of these, and an interrupted run goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rag_router import __version__
from rag_router.artefacts import fingerprint_of
from rag_router.eval.labels import Labelled
from rag_router.experts import Expert
from rag_router.gates import FittedGate, signals_of
from rag_router.models.streams import Generation
from rag_router.outcomes import Outcome, RecordCache
from rag_router.signals import Board, ClosedBookAnswer, Cost, Partners, Reading
from rag_router.types import TokenTrace

__all__ = ["board_of", "marks_of", "read_features"]

OnProgress = Callable[[int, int], None]


def read_features(
    gates: Mapping[str, FittedGate],
    expert: Expert,
    labelled: Sequence[Labelled],
    *,
    partners: Partners | None = None,
    cache: RecordCache | None = None,
    max_new_tokens: int = 24,
    batch_size: int = 8,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Read the features of several gates off the same questions.

    Args:
        gates: By name.
        expert: Whose knowledge is judged.
        labelled: The questions with their closed-book answers, which are not decoded again.
        partners: Who else the gates' signals consult.
        cache: Where features are kept.
        max_new_tokens: What the closed-book answers were limited to.
        batch_size: Questions in one forward pass.
        seed: Of signals that sample.
        on_progress: Hears (done, all).

    Returns:
        For each gate an array of shape (questions, features).
    """
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
        steps = len(one.outcome.logprobs)
        reading = Reading(_said(one.outcome), Cost(decode_steps=steps, forward_rows=steps))
        board.preset(ClosedBookAnswer(max_new_tokens), row, reading)
    return board


def _said(outcome: Outcome) -> Generation:
    return Generation(
        text=outcome.answer,
        tokens=tuple(TokenTrace(text="", logprob=value) for value in outcome.logprobs),
        finish="stop",
        forward_rows=len(outcome.logprobs),
    )


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


def _key(
    gate: FittedGate, expert: Expert, partners: Partners | None, seed: int, one: Labelled
) -> str:
    return fingerprint_of(
        "features",
        *marks_of(expert, partners),
        type(gate).__qualname__,
        repr(sorted(gate.options.items())),
        repr(signals_of(gate)),
        str(seed),
        one.question.text,
        one.outcome.answer,
    )
