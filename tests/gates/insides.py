"""Hidden states with what is known planted in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rag_router.artefacts import Artefact, Card
from rag_router.gates import FittedGate, Lesson
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import ScriptedModel
from rag_router.signals import Board, ClosedBook, ClosedBookPass, Reading
from rag_router.types import Question

__all__ = ["board_of", "kept", "planted", "planted_lesson", "saved"]


def planted(
    n: int, width: int, *, seed: int = 0, strength: float = 3.0, share_right: float = 0.5
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """States of n questions, noise but for one direction along which the known ones lie."""
    draw = np.random.default_rng(seed)
    right = np.arange(n) < round(share_right * n)
    states = draw.normal(size=(n, width))
    states += strength * np.where(right, 1.0, -1.0)[:, None] * np.eye(width)[0] / 2
    mixed = draw.permutation(n)
    return states[mixed], right[mixed]


def planted_lesson(n: int = 200, width: int = 12, **more: Any) -> Lesson:
    states, right = planted(n, width, **more)
    return Lesson(features=states, right=right)


def kept(gate: FittedGate, name: str = "gate", **more: Any) -> Artefact:
    """What a fit would write down about the gate."""
    card = Card(
        method=f"gate/{name}", model="m", model_fingerprint="f", notes=dict(gate.options), **more
    )
    return Artefact(card=card, weights=gate.learned)


def saved(gate: FittedGate, folder: Any, **more: Any) -> Artefact:
    """The same, after it was on the disk."""
    kept(gate, **more).save(folder)
    return Artefact.load(folder)


def board_of(states: Mapping[str, NDArray[Any]], *, experts: Any = None) -> Board:
    """A board on which the closed-book pass has left these states, (layers + 1, width) each."""
    board = Board(
        ScriptedModel({}), PromptStyle(shots=0), [Question(id=id_, text=id_) for id_ in states]
    )
    read = board.read(ClosedBookPass(), range(len(states)))
    for row, (one, state) in enumerate(zip(read, states.values(), strict=True)):
        seen = ClosedBook(one.prompt, one.stream, torch.from_numpy(state).float(), experts)
        board.preset(ClosedBookPass(), row, Reading(seen))
    return board
