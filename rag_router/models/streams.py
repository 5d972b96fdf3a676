"""The one decoding loop: several streams of one question are rows of one batch.

A *stream* is a prompt that is being continued: the question alone (`closed`), the question with
passages (`context`), or the question with an instruction to abstain (`abstain`). All streams of
all questions advance together, one forward pass a step, and the token that a question's strategy
chooses is fed to every stream of that question. The loop knows no strategy; it takes one as a
callable that maps the streams' logits to scores, row by row. The likeliest token is chosen, or
one is drawn where a task asks for that.

Prompts are read before: their caches are joined with short ones padded on the left, the same
cache serves again and again (caches are values), and rows that have ended leave the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, Final, Literal, Protocol

import torch
from torch import Tensor

from rag_router.errors import CancelledError, ModelError
from rag_router.models.base import CausalModel, Prefill, StepCache
from rag_router.models.distributions import divergence, entropy
from rag_router.models.sampling import Sampling, sample
from rag_router.types import TokenTrace

__all__ = [
    "Facts",
    "Generation",
    "OneStream",
    "Role",
    "Started",
    "StepInput",
    "StepOutput",
    "Strategy",
    "Task",
    "decode",
    "start",
]

Role = Literal["closed", "context", "abstain"]

Finish = Literal["end", "stop", "length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about a row before decoding.

    Attributes:
        p_know: Calibrated probability that the model alone is right, in [0, 1].
        support: Calibrated probability that the passages contain the answer, in [0, 1].
        trust: How far the passages' source is trusted, in [0, 1].
    """

    p_know: float | None = None
    support: float | None = None
    trust: float = 1.0


@dataclass(frozen=True, slots=True)
class StepInput:
    """One step of several rows. Nothing of one row may depend on another.

    Attributes:
        logits: For each stream, float32 of shape (rows, vocabulary).
        facts: One for each row.
        state: What the strategy returned for each row one step ago; None at the first.
    """

    logits: Mapping[Role, Tensor]
    facts: Sequence[Facts]
    state: Sequence[Any]


@dataclass(frozen=True, slots=True)
class StepOutput:
    """What a strategy makes of one step.

    Attributes:
        scores: Unnormalised log-probabilities, shape (rows, vocabulary).
        alpha: Weight given to the passages in each row, shape (rows,); None where there is none.
        state: Handed back at the next step.
    """

    scores: Tensor
    alpha: Tensor | None = None
    state: Sequence[Any] | None = None


class Strategy(Protocol):
    """How the streams of a row become one distribution. A pure function of its input."""

    @property
    def streams(self) -> tuple[Role, ...]:
        """The streams it reads."""

    def step(self, step: StepInput) -> StepOutput: ...


@dataclass(frozen=True, slots=True)
class OneStream:
    """Read one stream as it is: ordinary decoding."""

    role: Role

    @property
    def streams(self) -> tuple[Role, ...]:
        return (self.role,)

    def step(self, step: StepInput) -> StepOutput:
        return StepOutput(step.logits[self.role])


@dataclass(frozen=True, slots=True)
class Started:
    """A stream whose prompt has been read: one row of a prefill."""

    logits: Tensor
    cache: StepCache
    tokens: int


def start(prefill: Prefill) -> list[Started]:
    """Take a prefill apart into its rows."""
    return [
        Started(prefill.logits[row], prefill.cache.select([row]), tokens)
        for row, tokens in enumerate(prefill.tokens)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One answer to be decoded.

    Attributes:
        streams: The streams that have been started; the strategy's must be among them. Others
            are carried along only where `trace` asks for their figures.
        strategy: What turns their logits into scores.
        facts: What is known about the row.
        max_new_tokens: Most tokens to generate, >= 1.
        stop: Strings that end the answer; they are not part of it.
        trace: Whether to note entropies and divergence of every step.
        sampling: How tokens are drawn; None takes the likeliest one. Whatever is drawn from, the
            log-probability noted is that under the strategy's own scores, at temperature 1 and
            before any cut: it says how likely the model holds the answer, drawn or not.
    """

    streams: Mapping[Role, Started]
    strategy: Strategy
    facts: Facts = field(default_factory=Facts)
    max_new_tokens: int = 24
    stop: tuple[str, ...] = ("\n",)
    trace: bool = False
    sampling: Sampling | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A decoded answer.

    Attributes:
        text: Without stop strings and surrounding spaces.
        tokens: The tokens that make up the text, each with its figures.
        finish: What ended it: the model's end token, a stop string, or the limit.
        forward_rows: Rows that went through the model for it, beyond the prefills.
    """

    text: str
    tokens: tuple[TokenTrace, ...]
    finish: Finish
    forward_rows: int


@dataclass(slots=True)
class _Row:
    """One unfinished answer."""

    number: int
    task: Task
    roles: tuple[Role, ...]
    ids: list[int] = field(default_factory=list)
    tokens: list[TokenTrace] = field(default_factory=list)
    text: str = ""
    state: Any = None
    forward_rows: int = 0
    finish: Finish | None = None


OnToken = Callable[[int, TokenTrace], None]

_TRACED: Final[tuple[Role, Role]] = ("closed", "context")


def decode(
    model: CausalModel,
    tasks: Sequence[Task],
    *,
    on_token: OnToken | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[Generation]:
    """Decode all tasks together, greedily unless they sample; each as if it were alone.

    Args:
        model: The model all streams belong to.
        tasks: What to decode.
        on_token: Hears of every token as it is chosen: the task's number and the token.
        cancelled: Asked between steps; true stops everything.

    Raises:
        ModelError: a strategy needs a stream that was not started.
        CancelledError: `cancelled` said so.
    """
    done: dict[int, Generation] = {}
    for row, spoke in _run(model, tasks, cancelled):
        if spoke and on_token is not None:
            on_token(row.number, row.tokens[-1])
        if row.finish is not None:
            done[row.number] = Generation(
                text=row.text.strip(),
                tokens=tuple(row.tokens),
                finish=row.finish,
                forward_rows=row.forward_rows,
            )
    return [done[number] for number in range(len(tasks))]


def _run(
    model: CausalModel, tasks: Sequence[Task], cancelled: Callable[[], bool] | None
) -> Iterator[tuple[_Row, bool]]:
    """Yield each row after each step, and whether the step added to its answer."""
    rows = [_Row(n, task, _roles(task)) for n, task in enumerate(tasks)]
    if not rows:
        return
    started = [row.task.streams[role] for row in rows for role in row.roles]
    logits = torch.stack([stream.logits for stream in started])
    cache = model.join([stream.cache for stream in started])
    while True:
        if cancelled is not None and cancelled():
            raise CancelledError("decoding was cancelled.")
        chosen = _choose(rows, logits)
        alive: list[_Row] = []
        for row, (token, trace) in zip(rows, chosen, strict=True):
            yield row, _accept(model, row, token, trace)
            if row.finish is None:
                alive.append(row)
        if not alive:
            return
        if len(alive) < len(rows):
            cache = cache.select(_stream_numbers(rows, keep={row.number for row in alive}))
        rows = alive
        logits, cache = model.step(cache, [row.ids[-1] for row in rows for _ in row.roles])
        for row in rows:
            row.forward_rows += len(row.roles)


def _roles(task: Task) -> tuple[Role, ...]:
    needed = task.strategy.streams
    for role in needed:
        if role not in task.streams:
            raise ModelError(
                f"{type(task.strategy).__name__} reads the stream {role!r}, "
                f"but only {sorted(task.streams)} were started."
            )
    watched = tuple(r for r in _TRACED if task.trace and r in task.streams and r not in needed)
    return (*needed, *watched)


def _stream_numbers(rows: Sequence[_Row], keep: set[int]) -> list[int]:
    owners = [row.number for row in rows for _ in row.roles]
    return [number for number, owner in enumerate(owners) if owner in keep]


def _choose(rows: Sequence[_Row], logits: Tensor) -> list[tuple[int, TokenTrace]]:
    """Choose the next token of every row; one transfer from the device for all of them."""
    first = list(accumulate((len(row.roles) for row in rows), initial=0))
    groups: dict[tuple[int, tuple[Role, ...], bool], list[int]] = {}
    for place, row in enumerate(rows):
        key = (id(row.task.strategy), row.roles, row.task.trace)
        groups.setdefault(key, []).append(place)
    out: list[tuple[int, TokenTrace] | None] = [None] * len(rows)
    for (_, roles, traced), places in groups.items():
        streams: dict[Role, Tensor] = {
            role: logits[[first[place] + offset for place in places]]
            for offset, role in enumerate(roles)
        }
        group = [rows[place] for place in places]
        step = group[0].task.strategy.step(
            StepInput(streams, [r.task.facts for r in group], [r.state for r in group])
        )
        if step.state is not None:
            for row, state in zip(group, step.state, strict=True):
                row.state = state
        figures = _figures(step, streams, group, traced)
        for place, values in zip(places, figures, strict=True):
            out[place] = values
    return [values for values in out if values is not None]


def _figures(
    step: StepOutput, streams: Mapping[Role, Tensor], rows: Sequence[_Row], traced: bool
) -> list[tuple[int, TokenTrace]]:
    scores = torch.log_softmax(step.scores, dim=-1)
    best = scores.max(dim=-1)
    token, logprob = best.indices, best.values
    if any(row.task.sampling for row in rows):
        token = _drawn(token, step.scores, rows)
        logprob = scores.gather(-1, token[:, None])[:, 0]
    # double holds every token number and every figure exactly, so that one transfer carries all.
    columns = {"token": token.double(), "logprob": logprob.double()}
    if step.alpha is not None:
        columns["alpha"] = step.alpha.double()
    if traced and "closed" in streams:
        columns["entropy_closed"] = entropy(streams["closed"]).double()
    if traced and "context" in streams:
        columns["entropy_context"] = entropy(streams["context"]).double()
    if traced and "closed" in streams and "context" in streams:
        columns["divergence"] = divergence(streams["context"], streams["closed"]).double()
    table = torch.stack(list(columns.values()), dim=1).tolist()
    names = list(columns)
    return [
        (int(line[0]), TokenTrace(text="", **dict(zip(names[1:], line[1:], strict=True))))
        for line in table
    ]


def _drawn(likeliest: Tensor, scores: Tensor, rows: Sequence[_Row]) -> Tensor:
    """Draw the tokens of the rows that sample; the others keep the likeliest, shape (rows,)."""
    drawing = [(p, row, row.task.sampling) for p, row in enumerate(rows) if row.task.sampling]
    places = torch.tensor([place for place, _, _ in drawing], device=scores.device)
    drawn = sample(
        scores[places],
        [sampling for _, _, sampling in drawing],
        [len(row.ids) for _, row, _ in drawing],
    )
    return likeliest.index_copy(0, places, drawn)


def _accept(model: CausalModel, row: _Row, token: int, trace: TokenTrace) -> bool:
    """Add a token to a row; false where it adds nothing to the answer."""
    if token in model.end_ids:
        row.finish = "end"
        return False
    row.ids.append(token)
    # A character of several bytes may still be incomplete; it counts once it is whole.
    text = model.decode(row.ids).rstrip("\ufffd")
    cut = min((at for at in map(text.find, row.task.stop) if at >= 0), default=-1)
    if cut >= 0:
        row.finish, text = "stop", text[:cut]
        if len(text.strip()) <= len(row.text.strip()):
            # The stop string began in earlier tokens, which were taken for the answer's.
            row.text, row.tokens = text, _within(row.tokens, len(text))
            return False
    elif len(row.ids) >= row.task.max_new_tokens:
        row.finish = "length"
    row.tokens.append(replace(trace, text=text[len(row.text) :]))
    row.text = text
    return True


def _within(tokens: Sequence[TokenTrace], characters: int) -> list[TokenTrace]:
    """Return the tokens that make up the first so many characters, the last one cut to fit."""
    kept: list[TokenTrace] = []
    for token in tokens:
        if characters <= 0:
            break
        kept.append(replace(token, text=token.text[:characters]))
        characters -= len(token.text)
    return kept
