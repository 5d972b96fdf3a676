"""The one decoding loop: several streams of one question are rows of one batch.

A *stream* is a prompt that is being continued: the question alone (`closed`), the question with
passages (`context`), or the question with an instruction to abstain (`abstain`). All streams of
all questions advance together, one forward pass a step, and the token that a question's strategy
chooses is fed to every stream of that question. The loop knows no strategy; it takes one as a
callable that maps the streams' logits to scores, row by row. The likeliest token is chosen, or
one is drawn where a task asks for that.

Prompts are read before: their caches are joined with short ones padded on the left, the same
cache serves again and again (caches are values), and rows that have ended leave the batch. So
where the memory does not suffice nothing is lost: the batch is halved and taken up again from its
prompts' caches, and an answer that does not fit even alone carries fewer streams, and says so.

Answers that go on from the same prompts, as those of several strategies or of several draws do, go
through the model as one row for as long as they say the same. A strategy that chooses among
several answers has them decoded like that (see `spreading`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rag_router.errors import CancelledError, ModelError
from rag_router.models.base import CausalModel, StepCache
from rag_router.models.choosing import choose
from rag_router.models.exhaustion import out_of_memory
from rag_router.models.layers import LayerStates
from rag_router.models.rows import Row, begin
from rag_router.models.spreading import Spread
from rag_router.models.strategies import (
    Candidate,
    ChoosingStrategy,
    Facts,
    InformedStrategy,
    LayeredStrategy,
    OneStream,
    Role,
    StepInput,
    StepOutput,
    Strategy,
    facts_read,
    layers_of,
)
from rag_router.models.tasks import Asked, Finish, Generation, Spoken, Started, Task, start

__all__ = [
    "Candidate",
    "ChoosingStrategy",
    "Facts",
    "Finish",
    "Generation",
    "Heard",
    "InformedStrategy",
    "LayeredStrategy",
    "OneStream",
    "Role",
    "Spoken",
    "Started",
    "StepInput",
    "StepOutput",
    "Strategy",
    "Task",
    "decode",
    "facts_read",
    "layers_of",
    "start",
    "stream",
]

Heard = Callable[[Spoken], None]


def decode(
    model: CausalModel,
    tasks: Sequence[Task],
    *,
    heard: Heard | None = None,
    cancelled: Asked | None = None,
    deadline: Asked | None = None,
) -> list[Generation]:
    """Decode all tasks together, greedily unless they sample; each as if it were alone.

    Args:
        model: The model all streams belong to.
        tasks: What to decode.
        heard: Hears of every piece as soon as it is certain, as `stream` tells them.
        cancelled: Asked before every step; true stops everything, and nothing is returned.
        deadline: Asked before every step; true ends all answers with what they have said so far.

    Raises:
        ModelError: a strategy needs a stream that was not started, the model gives no
            distribution, or one answer alone does not fit into memory.
        CancelledError: `cancelled` said so.
    """
    spread = Spread.of(tasks)
    rows = begin(model, spread.tasks)
    for spoken in spread.told(rows, _run(model, rows, cancelled, deadline)):
        if heard is not None:
            heard(spoken)
    return spread.generations(rows)


def stream(
    model: CausalModel,
    tasks: Sequence[Task],
    *,
    cancelled: Asked | None = None,
    deadline: Asked | None = None,
) -> Iterator[Spoken]:
    """Decode all tasks together, as `decode` does, and tell each piece as soon as it is certain.

    Pieces of different tasks alternate. What is told is never taken back: the beginning of a stop
    string, an incomplete character and spaces at the end wait for what follows, and where a
    strategy chooses among several answers nothing is told before all of them have ended.

    Args:
        model: The model all streams belong to.
        tasks: What to decode.
        cancelled: Asked before every step; true stops everything.
        deadline: Asked before every step; true ends all answers with what they have said so far.

    Raises:
        ModelError: as for `decode`; what the strategies need is checked before the first piece.
        CancelledError: `cancelled` said so.
    """
    spread = Spread.of(tasks)
    rows = begin(model, spread.tasks)
    return spread.told(rows, _run(model, rows, cancelled, deadline))


@dataclass(frozen=True, slots=True)
class _Line:
    """What went through the model as one row: a prompt, and the tokens it was continued with."""

    started: int
    ids: tuple[int, ...]

    @property
    def before(self) -> _Line:
        """The line that the last token was fed to."""
        return _Line(self.started, self.ids[:-1])


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one forward pass yields, or the reading of the prompts: a row for each line.

    Attributes:
        lines: Each one once, and its row.
        heard: Those of them whose layers are shown, and which one in `layers` each is.
    """

    lines: dict[_Line, int]
    logits: Tensor
    cache: StepCache
    heard: dict[_Line, int]
    layers: LayerStates | None

    def of(self, rows: Sequence[Row]) -> tuple[Tensor, LayerStates | None]:
        """Logits of all streams of these rows, and the layers of those they listen to."""
        places = [self.lines[line] for row in rows for line in _lines(row, row.roles)]
        logits = self.logits if _all_in_order(places, len(self.lines)) else self.logits[places]
        if self.layers is None:
            return logits, None
        places = [self.heard[line] for row in rows for line in _lines(row, row.listened)]
        in_order = _all_in_order(places, len(self.heard))
        return logits, self.layers if in_order else self.layers.select(places)


def _run(
    model: CausalModel, rows: list[Row], cancelled: Asked | None, deadline: Asked | None
) -> Iterator[Spoken]:
    """Decode batch after batch; there is one, unless it does not fit into memory."""
    waiting = [rows]
    while waiting:
        batch = waiting.pop()
        smaller: list[list[Row]] = []
        try:
            yield from _advance(model, batch, cancelled, deadline)
        except RuntimeError as exc:
            if not out_of_memory(exc):
                raise
            smaller = _smaller([row for row in batch if row.finish is None])
            if not smaller:
                raise ModelError(
                    f"{model.name}: an answer does not fit into memory, alone and in one stream.",
                    hint="Lower the passages' token budget, or take a smaller model.",
                ) from exc
        # Not before the error is forgotten: it holds on to what did not fit.
        waiting += smaller[::-1]


def _advance(
    model: CausalModel, rows: list[Row], cancelled: Asked | None, deadline: Asked | None
) -> Iterator[Spoken]:
    """Decode rows that have been fed equally many tokens, one forward pass a step."""
    last: _Pass | None = None
    while True:
        if cancelled is not None and cancelled():
            raise CancelledError("decoding was cancelled.")
        over = deadline is not None and deadline()
        alive: list[Row] = []
        for row in rows:
            if row.finish is None and (over or (row.task.deadline and row.task.deadline())):
                row.finish = "deadline"
                yield from row.tell()
            if row.finish is None:
                alive.append(row)
        if not alive:
            return
        last = _taken_up(model, alive) if last is None else _step(model, last, alive)
        rows = alive
        logits, layers = last.of(rows)
        choices = choose(rows, logits, layers, model.decode)
        for row, choice in zip(rows, choices, strict=True):
            if not choice.sound:
                raise ModelError(
                    f"{model.name} gives no next-token distribution: its logits are no numbers.",
                    hint="Its precision may be too low; try float32 or bfloat16.",
                )
            if not choice.scored:
                row.unscored.append(len(row.ids) + 1)
            row.state = choice.state
            row.accept(model, choice.token, choice.trace)
            yield from row.tell()


def _taken_up(model: CausalModel, rows: Sequence[Row]) -> _Pass:
    """Go on from the prompts' caches; tokens that were chosen before are fed again."""
    begun = {
        line: row.task.streams[role]
        for row in rows
        for role, line in zip(row.roles, _lines(row, row.roles), strict=True)
    }
    heard = [line for row in rows for line in _lines(row, row.listened)]
    told = {line: begun[line].layers for line in heard}
    layers = [one for one in told.values() if one is not None]
    cache = model.join(
        [one.cache for one in begun.values()],
        room=max(row.task.max_new_tokens for row in rows),
    )
    last = _Pass(
        lines=_numbered(begun),
        logits=torch.stack([one.logits for one in begun.values()]),
        cache=cache,
        heard=_numbered(told),
        layers=LayerStates.join(layers) if layers else None,
    )
    # What was said already is fed again to lines that are told apart by it from the start.
    for number in range(len(rows[0].ids)):
        last = _fed(model, last, last.cache, [line.ids[number] for line in last.lines], rows)
    return last


def _step(model: CausalModel, last: _Pass, rows: Sequence[Row]) -> _Pass:
    """Feed each row's token to every stream of that row; what has ended leaves the batch."""
    lines = _numbered(line for row in rows for line in _lines(row, row.roles))
    heard = _numbered(line for row in rows for line in _lines(row, row.listened))
    places = [last.lines[line.before] for line in lines]
    cache = last.cache
    if not _all_in_order(places, len(last.lines)):
        cache = cache.select(places)
    here = _Pass(lines, last.logits, cache, heard, None)
    return _fed(model, here, cache, [line.ids[-1] for line in lines], rows)


def _fed(
    model: CausalModel, here: _Pass, cache: StepCache, tokens: Sequence[int], rows: Sequence[Row]
) -> _Pass:
    """Feed a token to each line."""
    layers = None
    if here.heard:
        numbers = [here.lines[line] for line in here.heard]
        logits, grown, layers = model.step_layers(cache, tokens, numbers)
    else:
        logits, grown = model.step(cache, tokens)
    for row in rows:
        row.forward_rows += len(row.roles)
    return _Pass(here.lines, logits, grown, here.heard, layers)


def _lines(row: Row, roles: Sequence[Role]) -> list[_Line]:
    """The lines that these streams of a row are."""
    said = tuple(row.ids)
    return [_Line(id(row.task.streams[role]), said) for role in roles]


def _numbered(lines: Iterable[_Line]) -> dict[_Line, int]:
    """Number lines, each one once, in the order in which they come first."""
    return {line: number for number, line in enumerate(dict.fromkeys(lines))}


def _all_in_order(places: Sequence[int], count: int) -> bool:
    return list(places) == list(range(count))


def _smaller(rows: list[Row]) -> list[list[Row]]:
    """Halve a batch that did not fit; a single answer carries less. Empty where nothing helps."""
    if len(rows) == 1:
        return [rows] if rows[0].narrow() else []
    for row in rows:
        row.note_once("the memory was full: taken up again in a smaller batch")
    half = (len(rows) + 1) // 2
    return [rows[:half], rows[half:]]
