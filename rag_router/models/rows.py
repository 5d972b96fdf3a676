"""One answer while it is being decoded: what it has said, and what of that may be told.

A token's text counts once its characters are whole. What could still turn out to be the beginning
of a stop string is held back, together with all that follows it: so nothing is ever told that a
later token would take back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from rag_router import telemetry
from rag_router.errors import ModelError
from rag_router.models.base import CausalModel
from rag_router.models.strategies import OneStream, Role, Strategy, layers_of
from rag_router.models.tasks import Finish, Generation, Spoken, Task
from rag_router.types import TokenTrace

__all__ = ["Row", "begin", "plainest"]

_WATCHED: Final[tuple[Role, Role]] = ("closed", "context")
_PLAINEST: Final[tuple[Role, ...]] = ("context", "closed", "abstain")


@dataclass(slots=True)
class Row:
    """One unfinished answer.

    Attributes:
        number: The task's place among those that are decoded.
        task: What was asked for.
        strategy: The task's own, or a plainer one where that did not fit into memory.
        roles: The streams it carries: those that the strategy reads, then those only watched.
        ids: The tokens it has been fed.
        tokens: Those of them that make up the text.
        text: What it says, spaces around it included.
        state: What the strategy remembers.
        forward_rows: Rows that went through the model for it.
        finish: What ended it; None while it goes on.
        unscored: Numbers of the tokens at which the strategy left nothing to choose.
        notes: What did not go as it was asked for.
    """

    number: int
    task: Task
    strategy: Strategy
    roles: tuple[Role, ...]
    ids: list[int] = field(default_factory=list)
    tokens: list[TokenTrace] = field(default_factory=list)
    text: str = ""
    state: Any = None
    forward_rows: int = 0
    finish: Finish | None = None
    unscored: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _told: int = 0
    _characters: int = 0
    _shown: int = 0

    @property
    def listened(self) -> tuple[Role, ...]:
        """The streams whose later layers it reads."""
        return layers_of(self.strategy)

    def accept(self, model: CausalModel, token: int, trace: TokenTrace) -> None:
        """Add the chosen token, and end the answer where it is due."""
        if token in model.end_ids:
            self.finish = "end"
            return
        self.ids.append(token)
        # A character of several bytes may still be incomplete; it counts once it is whole.
        whole = model.decode(self.ids).rstrip("\ufffd")
        text = self.text + whole[len(self.text) :]
        cut = min((at for at in map(text.find, self.task.stop) if at >= 0), default=-1)
        if cut >= 0:
            self.finish, text = "stop", text[:cut]
        elif len(self.ids) >= self.task.max_new_tokens:
            self.finish = "length"
        piece = text[len(self.text) :]
        if cut >= 0 and not piece.strip():
            # The stop string began in earlier tokens, which were taken for the answer's.
            self.tokens = _within(self.tokens, len(text))
        else:
            self.tokens.append(replace(trace, text=piece))
        self.text = text

    def tell(self) -> Iterator[Spoken]:
        """Tell what has become certain since the last time, and how it ended once it has."""
        certain = len(self.text) - (0 if self.finish else _held_back(self.text, self.task.stop))
        told: list[Spoken] = []
        for token in self.tokens[self._told :]:
            if self._characters + len(token.text) > certain:
                break
            self._told += 1
            self._characters += len(token.text)
            # Spaces at either end of the answer are not part of it, and never shown.
            text = self.text[: self._characters].strip()
            told.append(Spoken(number=self.number, text=text[self._shown :], token=token))
            self._shown = len(text)
        if self.finish is not None:
            if told and told[-1].finish is None:
                told[-1] = replace(told[-1], finish=self.finish)
            else:
                told.append(Spoken(number=self.number, text="", token=None, finish=self.finish))
        return iter(told)

    def narrow(self) -> bool:
        """Carry less, and say so; false where nothing can be left out."""
        at = f"from token {len(self.ids) + 1} on"
        if len(self.roles) > len(self.strategy.streams):
            left_out = ", ".join(self.roles[len(self.strategy.streams) :])
            self.roles = self.strategy.streams
            self.notes.append(f"the memory was full: the stream {left_out} not watched {at}")
            return True
        if len(self.roles) == 1 and not self.listened:
            return False
        role = next(role for role in _PLAINEST if role in self.task.streams)
        self.notes.append(
            f"the memory was full: the stream {role!r} read as it is {at}, "
            f"without {type(self.strategy).__name__}"
        )
        self.strategy, self.roles, self.state = OneStream(role), (role,), None
        telemetry.count(telemetry.FALLBACKS, rung="decoder")
        return True

    def note_once(self, note: str) -> None:
        """Note something, unless it has been noted."""
        if note not in self.notes:
            self.notes.append(note)

    @property
    def generation(self) -> Generation:
        """The whole answer, once it has ended."""
        assert self.finish is not None
        notes = list(self.notes)
        if self.unscored:
            at = ", ".join(map(str, self.unscored))
            notes.append(
                f"{type(self.task.strategy).__name__} left nothing to choose at token {at}: "
                f"the stream {plainest(self.task.strategy)!r} read as it is there"
            )
        return Generation(
            text=self.text.strip(),
            tokens=tuple(self.tokens),
            finish=self.finish,
            forward_rows=self.forward_rows,
            notes=tuple(notes),
        )


def plainest(strategy: Strategy) -> Role:
    """Return the stream to fall back on: the passages if they are read, else the first one."""
    return "context" if "context" in strategy.streams else strategy.streams[0]


def begin(model: CausalModel, tasks: Sequence[Task]) -> list[Row]:
    """Make a row of each task.

    Raises:
        ModelError: a strategy needs a stream that was not started, or layers that were not read;
            or streams are over different vocabularies.
    """
    _check_widths(tasks)
    return [Row(n, task, task.strategy, _roles(model, task)) for n, task in enumerate(tasks)]


def _roles(model: CausalModel, task: Task) -> tuple[Role, ...]:
    needed, name = task.strategy.streams, type(task.strategy).__name__
    for role in needed:
        if role not in task.streams:
            raise ModelError(
                f"{name} reads the stream {role!r}, but only {sorted(task.streams)} were started."
            )
    for role in layers_of(task.strategy):
        if "hidden_states" not in model.abilities:
            raise ModelError(
                f"{name} reads the layers of the model, but {model.name} does not show them.",
                hint="Choose another decoder, or a model with the ability 'hidden_states'.",
            )
        if task.streams[role].layers is None:
            raise ModelError(
                f"{name} reads the layers of the stream {role!r}, "
                "whose prompt was read without them.",
                hint="Read it with prefill(..., layers=True).",
            )
    watched = tuple(r for r in _WATCHED if task.trace and r in task.streams and r not in needed)
    return (*needed, *watched)


def _check_widths(tasks: Sequence[Task]) -> None:
    """Make sure that all streams are over as many tokens: one model's, or models' that share."""
    widths: dict[int, str] = {}
    for number, task in enumerate(tasks):
        for role, started in task.streams.items():
            widths.setdefault(started.logits.shape[-1], f"{role!r} of answer {number + 1}")
    if len(widths) > 1:
        seen = " and ".join(f"{width} tokens ({where})" for width, where in widths.items())
        raise ModelError(
            f"streams are over vocabularies of different sizes: {seen}.",
            hint="Start all streams with the model that decodes them.",
        )


def _held_back(text: str, stops: Sequence[str]) -> int:
    """Return how many characters at the end could be the beginning of a stop string."""
    return max(
        (
            length
            for stop in stops
            for length in range(1, min(len(stop) - 1, len(text)) + 1)
            if text.endswith(stop[:length])
        ),
        default=0,
    )


def _within(tokens: Sequence[TokenTrace], characters: int) -> list[TokenTrace]:
    """Return the tokens that make up the first so many characters, the last one cut to fit."""
    kept: list[TokenTrace] = []
    for token in tokens:
        if characters <= 0 and token.text:
            break
        kept.append(replace(token, text=token.text[:characters]))
        characters -= len(token.text)
    return kept
