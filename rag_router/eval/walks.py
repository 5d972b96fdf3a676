"""Answers of fixed contrasts with all that they saw on their way: what `auto` learns from.

A *walk* is one greedy answer of log q + alpha (log q - log p), alpha being the same at every step,
with the figures of both streams and their likeliest tokens at each. Where a walk leads to the
wanted answer, it shows what another alpha would have had to choose at each of its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from rag_router import __version__
from rag_router.artefacts import fingerprint_of
from rag_router.decoders.arithmetic import interpolate
from rag_router.decoders.comparison import FIGURES, side_by_side
from rag_router.eval.disputes import Dispute
from rag_router.experts import Expert
from rag_router.experts.reading import Prompts, prompts_with_passages, read_prompts
from rag_router.models.likeliest import likeliest
from rag_router.models.prompts import closed_book_prompt
from rag_router.models.streams import Role, StepInput, StepOutput, Task, decode
from rag_router.outcomes import RecordCache

__all__ = ["CANDIDATES", "Walk", "walk"]

OnProgress = Callable[[int, int], None]

CANDIDATES = 48
"""How many of each stream's likeliest tokens are kept of a step."""

_FIELDS = len(FIGURES) + 1 + 3 * 2 * CANDIDATES


@dataclass(frozen=True, slots=True)
class Walk:
    """One answer, and what was seen on its way; its last step chose what ended it.

    Attributes:
        text: The answer.
        figures: Of both streams at each step, (steps, figures).
        chosen: Place of the chosen token among the candidates, (steps,).
        closed: Log-probabilities of the candidates without passages, (steps, candidates).
        context: The same with passages.
        tokens: Numbers of the candidates; one that both streams hold likely stands there twice.
    """

    text: str
    figures: NDArray[np.float32]
    chosen: NDArray[np.int64]
    closed: NDArray[np.float32]
    context: NDArray[np.float32]
    tokens: NDArray[np.int64]

    @classmethod
    def of(cls, text: str, flat: NDArray[np.float32]) -> Walk:
        """Bring back what was kept."""
        table = flat.reshape(-1, _FIELDS)
        figures, chosen, rest = np.split(table, [len(FIGURES), len(FIGURES) + 1], axis=1)
        tokens, closed, context = np.split(rest, 3, axis=1)
        return cls(text, figures, chosen[:, 0].astype(int), closed, context, tokens.astype(int))


@dataclass(frozen=True, slots=True)
class _Watched:
    """A contrast of fixed strength that writes down what it sees; for one answer."""

    alpha: float
    seen: list[torch.Tensor] = field(default_factory=list)

    @property
    def streams(self) -> tuple[Role, ...]:
        return ("closed", "context")

    def step(self, step: StepInput) -> StepOutput:
        closed, context = (torch.log_softmax(step.logits[role], dim=-1) for role in self.streams)
        share = context.new_full((1,), 1 + self.alpha)
        scores = interpolate(closed, context, share)
        tokens = torch.cat([likeliest(one, CANDIDATES)[1] for one in (closed, context)], dim=1)
        # Where the best token is neither stream's, it is the contrast's alone.
        best = scores.argmax(dim=-1, keepdim=True)
        found = (tokens == best).int()
        tokens[:, -1:] = torch.where(found.any(dim=1, keepdim=True), tokens[:, -1:], best)
        chosen = (tokens == best).int().argmax(dim=-1, keepdim=True)
        row = [
            side_by_side(closed, context),
            chosen,
            tokens,
            closed.gather(1, tokens).clamp(min=-50),
            context.gather(1, tokens).clamp(min=-50),
        ]
        self.seen.append(torch.cat([one.float() for one in row], dim=1)[0])
        return StepOutput(scores)


def walk(
    alphas: Sequence[float],
    expert: Expert,
    disputes: Sequence[Dispute],
    *,
    cache: RecordCache | None = None,
    max_new_tokens: int = 24,
    batch_size: int = 8,
    on_progress: OnProgress | None = None,
) -> list[list[Walk]]:
    """Answer every dispute at every alpha; what is kept is not asked again.

    Args:
        alphas: -1 is memory alone, 0 the passages as they are, above that goes beyond them.
        expert: Who answers.
        disputes: Questions with their passages.
        cache: Where walks are kept.
        max_new_tokens: Longest answer.
        batch_size: Disputes at a time.
        on_progress: Hears (done, all).

    Returns:
        A walk of each alpha for each dispute.
    """
    prompts: list[Prompts] = [
        {
            "closed": closed_book_prompt(expert.model, expert.style, one.question.text),
            **prompts_with_passages(expert, one.question.text, one.passages, ()),
        }
        for one in disputes
    ]
    keys = [[_key(expert, one, alpha, max_new_tokens) for alpha in alphas] for one in prompts]
    every = [key for line in keys for key in line]
    seen = cache.get_arrays(every) if cache is not None else {}
    texts = cache.get_json([_text(key) for key in every]) if cache is not None else {}
    missing = [
        [n for n, key in enumerate(line) if key not in seen or _text(key) not in texts]
        for line in keys
    ]
    todo = [row for row, numbers in enumerate(missing) if numbers]
    todo.sort(key=lambda row: len(prompts[row]["context"].ids))
    for at in range(0, len(todo), batch_size):
        rows = todo[at : at + batch_size]
        closed = read_prompts(expert, [{"closed": prompts[row]["closed"]} for row in rows])
        context = read_prompts(expert, [{"context": prompts[row]["context"]} for row in rows])
        watched = [(row, n, _Watched(alphas[n])) for row in rows for n in missing[row]]
        begun = {row: one | other for row, one, other in zip(rows, closed, context, strict=True)}
        said = decode(
            expert.model,
            [
                Task(
                    streams=begun[row],
                    strategy=one,
                    max_new_tokens=max_new_tokens,
                    stop=prompts[row]["context"].stop,
                )
                for row, _, one in watched
            ],
        )
        for (row, n, one), answer in zip(watched, said, strict=True):
            seen[keys[row][n]] = torch.cat(one.seen).numpy()
            texts[_text(keys[row][n])] = answer.text
        if cache is not None:
            fresh = [keys[row][n] for row, n, _ in watched]
            cache.put_json("walk_text", {_text(key): texts[_text(key)] for key in fresh})
            cache.put_arrays("walk", {key: seen[key] for key in fresh})
        if on_progress is not None:
            on_progress(len(disputes) - len(todo) + at + len(rows), len(disputes))
    return [[Walk.of(texts[_text(key)], seen[key]) for key in line] for line in keys]


def _key(expert: Expert, prompts: Prompts, alpha: float, max_new_tokens: int) -> str:
    return fingerprint_of(
        "walk",
        __version__,
        expert.model.fingerprint,
        repr(prompts["closed"].ids),
        repr(prompts["context"].ids),
        repr(prompts["context"].stop),
        repr(alpha),
        str(max_new_tokens),
        repr(FIGURES),
        str(CANDIDATES),
    )


def _text(key: str) -> str:
    return fingerprint_of("text", key)
