"""What gates say about questions whose closed-book answer is known, and what asking them costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import fingerprint_of, identity_of
from rag_router.eval.features import board_of, marks_of, read_features
from rag_router.eval.labels import Labelled
from rag_router.experts import Expert
from rag_router.gates import FittedGate, Gate, assess
from rag_router.outcomes import RecordCache
from rag_router.signals import Board, ClosedBookPass, Partners

__all__ = ["Judgement", "Price", "judge_questions", "price_of"]

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one gate says about every question.

    Attributes:
        p_know: P(the closed-book answer is right), shape (n,).
        retrieve: Whether it would look the answer up, shape (n,).
        fitted: Whether `p_know` is calibrated for this model.
    """

    p_know: NDArray[np.float64]
    retrieve: NDArray[np.bool_]
    fitted: bool


@dataclass(frozen=True, slots=True)
class Price:
    """What asking a gate costs, beyond the closed-book pass; means over questions.

    Attributes:
        prefill_tokens: Prompt tokens read.
        decode_steps: Steps decoded; a closed-book answer is used again if the model knows.
        ms: Milliseconds.
        pass_ms: Milliseconds of the closed-book pass itself.
    """

    prefill_tokens: float
    decode_steps: float
    ms: float
    pass_ms: float


def judge_questions(
    gates: Mapping[str, Gate],
    expert: Expert,
    labelled: Sequence[Labelled],
    *,
    partners: Partners | None = None,
    cache: RecordCache | None = None,
    batch_size: int = 8,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> dict[str, Judgement]:
    """Let every gate judge every question.

    A gate that learned judges by its kept features, so that fitting it anew asks the model for
    nothing; another one's verdicts are kept under all that they depend on.
    """
    learned = {name: gate for name, gate in gates.items() if isinstance(gate, FittedGate)}
    features = read_features(
        learned,
        expert,
        labelled,
        partners=partners,
        cache=cache,
        batch_size=batch_size,
        seed=seed,
        on_progress=on_progress,
    )
    found: dict[str, Judgement] = {}
    for name, gate in gates.items():
        if isinstance(gate, FittedGate):
            p = gate.probabilities(features[name])
            limit = getattr(gate, "threshold", None)
            found[name] = Judgement(p, p < (0.5 if limit is None else limit), gate.fitted)
        else:
            service = _Service(expert, partners, batch_size, seed)
            found[name] = _asked(gate, service, labelled, cache, on_progress)
    return found


def price_of(
    gate: Gate,
    expert: Expert,
    labelled: Sequence[Labelled],
    *,
    partners: Partners | None = None,
    batch_size: int = 8,
    seed: int = 0,
) -> Price:
    """Ask a gate as a service would, with nothing known but the closed-book pass, and watch.

    Args:
        gate: Who is asked.
        expert: Whose knowledge is judged.
        labelled: A few questions; the first batch is for warming up and is not counted.
        partners: Who else the gate consults.
        batch_size: Questions asked at once.
        seed: Of signals that sample.
    """
    tokens: list[int] = []
    steps: list[int] = []
    spent = read = 0.0
    for at in range(0, len(labelled), batch_size):
        some = labelled[at : at + batch_size]
        board = Board(
            expert.model,
            expert.style,
            [one.question for one in some],
            batch_size=batch_size,
            partners=partners,
            seed=seed,
        )
        begin = time.perf_counter()
        board.read(ClosedBookPass(), range(len(some)))
        ready = time.perf_counter()
        assess(gate, board)
        if at or len(labelled) <= batch_size:
            read += ready - begin
            spent += time.perf_counter() - ready
            costs = [board.cost(row) for row in range(len(some))]
            tokens += [cost.prefill_tokens for cost in costs]
            steps += [cost.decode_steps for cost in costs]
    n = max(len(steps), 1)
    return Price(sum(tokens) / n, sum(steps) / n, 1000 * spent / n, 1000 * read / n)


@dataclass(frozen=True, slots=True)
class _Service:
    """Whom a gate is asked about, and who may be consulted."""

    expert: Expert
    partners: Partners | None
    batch_size: int
    seed: int

    def board(self, labelled: Sequence[Labelled]) -> Board:
        return board_of(
            self.expert,
            labelled,
            partners=self.partners,
            batch_size=self.batch_size,
            seed=self.seed,
        )

    def key(self, gate: Gate, one: Labelled) -> str:
        return fingerprint_of(
            "verdict",
            *marks_of(self.expert, self.partners),
            identity_of(gate),
            str(self.seed),
            one.question.text,
            one.outcome.answer,
        )


def _asked(
    gate: Gate,
    service: _Service,
    labelled: Sequence[Labelled],
    cache: RecordCache | None,
    on_progress: OnProgress | None,
) -> Judgement:
    keys = [service.key(gate, one) for one in labelled]
    known = cache.get_arrays(keys) if cache is not None else {}
    todo = sorted(
        (row for row, key in enumerate(keys) if key not in known),
        key=lambda row: len(labelled[row].question.text),
    )
    for at in range(0, len(todo), service.batch_size):
        rows = todo[at : at + service.batch_size]
        board = service.board([labelled[row] for row in rows])
        said = assess(gate, board)
        fresh = {
            keys[row]: np.array([verdict.p_know, verdict.retrieve], dtype="<f4")
            for row, verdict in zip(rows, said, strict=True)
        }
        known |= fresh
        if cache is not None:
            cache.put_arrays("verdict", fresh)
        if on_progress is not None:
            on_progress(len(labelled) - len(todo) + at + len(rows), len(labelled))
    table = np.array([known[key] for key in keys], dtype=np.float64).reshape(-1, 2)
    return Judgement(table[:, 0], table[:, 1] > 0.5, gate.fitted)
