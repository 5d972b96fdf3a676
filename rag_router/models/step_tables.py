"""What the host is told of one step, all of it in one table of numbers.

Figures, likeliest tokens among them, are computed where a trace is asked for and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor

from rag_router.models.distributions import compared, entropy
from rag_router.models.likeliest import likeliest
from rag_router.models.rows import Row
from rag_router.models.sampling import sample
from rag_router.models.strategies import Role
from rag_router.models.transfers import sent
from rag_router.types import Alternative, TokenTrace

__all__ = ["ALTERNATIVES", "Choice", "Read", "Scored"]

ALTERNATIVES: Final = 5
"""How many of the likeliest next tokens are noted of a traced step."""

Read = Callable[[Sequence[int]], str]

_LIKELIEST: Final[tuple[tuple[str, Role], ...]] = (
    ("alternatives", "context"),
    ("alternatives_closed", "closed"),
)
_FIGURED: Final[tuple[Role, Role]] = ("closed", "context")
_EXPERT: Final = "expert "
"""Stands before an expert's name where columns are named."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The next token of one row.

    Attributes:
        token: Its number.
        trace: Its figures; the text is not known yet.
        state: What the strategy remembers of the row.
        scored: Whether the strategy left anything to choose.
        sound: Whether there was a distribution at all, be it the plainest stream's.
    """

    token: int
    trace: TokenTrace
    state: Any
    scored: bool
    sound: bool = True


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows of one strategy, the same streams and the same wish for a trace, and their scores.

    Attributes:
        places: Where each row stands among all.
        rows: The rows.
        streams: Logits of each of their streams, (rows, vocabulary).
        scores: Unnormalised log-probabilities, same shape.
        alpha: Weight given to the passages in each row, shape (rows,); None where there is none.
        states: What the strategy remembers of each row.
        experts: How much each expert counted in each row, by its name, shape (rows,).
    """

    places: list[int]
    rows: list[Row]
    streams: Mapping[Role, Tensor]
    scores: Tensor
    alpha: Tensor | None
    states: Sequence[Any]
    experts: Mapping[str, Tensor] = field(default_factory=dict)

    def table(self) -> tuple[Tensor, list[str]]:
        """Everything that is asked for, a line for each row, and what stands in each column.

        It is float64, which holds every token number and every figure exactly. The likeliest
        tokens of a stream are several columns of one name, their numbers first.
        """
        score, token = self.scores.max(dim=-1)
        # What is no number counts as the greatest, so that one such score shows here too.
        scored = torch.isfinite(score)
        if any(row.task.sampling for row in self.rows):
            token = _drawn(token, self.scores, self.rows)
            score = self.scores.gather(-1, token[:, None])[:, 0]
        columns = {
            "token": token,
            "scored": scored,
            "logprob": score - torch.logsumexp(self.scores, dim=-1),
        }
        if self.alpha is not None:
            columns["alpha"] = self.alpha
        columns |= {f"{_EXPERT}{name}": weight for name, weight in self.experts.items()}
        named: list[str] = []
        wide: list[Tensor] = []
        if self.rows[0].task.trace:
            columns |= _figures(self.streams)
            for name, role in _LIKELIEST:
                if role in self.streams:
                    log_p = torch.log_softmax(self.streams[role], dim=-1)
                    values, numbers = likeliest(log_p, ALTERNATIVES)
                    named += [name] * (2 * values.shape[1])
                    wide += [numbers.double(), values.double().exp()]
        narrow = torch.stack([column.double() for column in columns.values()], dim=1)
        return torch.cat([narrow, *wide], dim=1), [*columns, *named]

    def choices(
        self, lines: Sequence[Sequence[float]], names: Sequence[str], read: Read
    ) -> dict[int, Choice]:
        """Make sense of the table's lines: place -> choice.

        Args:
            lines: As they came to the host.
            names: What stands in each column.
            read: Turns tokens into text.
        """
        return {
            place: _choice(line, names, state, read)
            for place, line, state in zip(self.places, lines, self.states, strict=True)
        }


def _figures(streams: Mapping[Role, Tensor]) -> dict[str, Tensor]:
    if "closed" in streams and "context" in streams:
        closed, context, apart = compared(streams["closed"], streams["context"])
        return {"entropy_closed": closed, "entropy_context": context, "divergence": apart}
    return {f"entropy_{role}": entropy(streams[role]) for role in _FIGURED if role in streams}


def _drawn(likeliest: Tensor, scores: Tensor, rows: Sequence[Row]) -> Tensor:
    """Draw the tokens of the rows that sample; the others keep the likeliest, shape (rows,)."""
    drawing = [(p, row, row.task.sampling) for p, row in enumerate(rows) if row.task.sampling]
    places = sent([place for place, _, _ in drawing], like=likeliest)
    drawn = sample(
        scores[places],
        [sampling for _, _, sampling in drawing],
        [len(row.ids) for _, row, _ in drawing],
    )
    # Where there is nothing to draw, what is drawn may lie beyond the vocabulary.
    return likeliest.index_copy(0, places, drawn.clamp(max=scores.shape[-1] - 1))


def _choice(line: Sequence[float], names: Sequence[str], state: Any, read: Read) -> Choice:
    """Make sense of one line of a table."""
    named: dict[str, list[float]] = {}
    for name, value in zip(names, line, strict=True):
        named.setdefault(name, []).append(value)

    def figure(name: str) -> float | None:
        return named[name][0] if name in named else None

    trace = TokenTrace(
        text="",
        logprob=named["logprob"][0],
        alpha=figure("alpha"),
        entropy_closed=figure("entropy_closed"),
        entropy_context=figure("entropy_context"),
        divergence=figure("divergence"),
        alternatives=_alternatives(named.get("alternatives", []), read),
        alternatives_closed=_alternatives(named.get("alternatives_closed", []), read),
        experts={
            name.removeprefix(_EXPERT): values[0]
            for name, values in named.items()
            if name.startswith(_EXPERT)
        },
    )
    return Choice(int(named["token"][0]), trace, state, bool(named["scored"][0]))


def _alternatives(line: Sequence[float], read: Read) -> tuple[Alternative, ...]:
    half = len(line) // 2
    return tuple(
        Alternative(text=read([int(token)]), probability=share)
        for token, share in zip(line[:half], line[half:], strict=True)
    )
