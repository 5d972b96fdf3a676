"""How likely a model holds texts that are given to it, token by token.

    log p(y_i | x, y_<i)

A prompt x is read once and the tokens of y are fed to it, none of them chosen. Rows of several
prompts advance together; one that has ended leaves the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch

from rag_router.errors import ModelError
from rag_router.models.base import CausalModel, Prefill, StepCache

__all__ = ["continuation_logprobs"]

_ROWS: Final = 32


def continuation_logprobs(
    model: CausalModel,
    prompts: Sequence[Sequence[int]],
    continuations: Sequence[Sequence[int]],
    *,
    shared: Sequence[int] | None = None,
    batch_size: int = _ROWS,
) -> list[tuple[float, ...]]:
    """Log-probability in nats of each token of each continuation, after its own prompt.

    Args:
        model: Who is asked.
        prompts: Token ids, one prompt for each continuation.
        continuations: Token ids; one without any is not asked about.
        shared: How many leading tokens of each prompt stand before many others too.
        batch_size: Most rows in one forward pass.

    Raises:
        ModelError: a prompt is empty, or does not fit the model together with its continuation.
    """
    for prompt, tokens in zip(prompts, continuations, strict=True):
        if len(prompt) + len(tokens) > model.context_tokens:
            raise ModelError(
                f"a prompt of {len(prompt)} tokens and a text of {len(tokens)} do not fit "
                f"{model.name}, which reads {model.context_tokens}.",
                hint="Cut the text.",
            )
    found: list[tuple[float, ...]] = [()] * len(prompts)
    # Rows that end together waste no step on each other.
    order = sorted(
        (row for row, tokens in enumerate(continuations) if tokens),
        key=lambda row: (len(continuations[row]), len(prompts[row])),
    )
    for at in range(0, len(order), batch_size):
        rows = order[at : at + batch_size]
        read = model.prefill(
            [prompts[row] for row in rows],
            shared=None if shared is None else [shared[row] for row in rows],
        )
        fed = _fed(model, read, [continuations[row] for row in rows])
        for row, logprobs in zip(rows, fed, strict=True):
            found[row] = tuple(logprobs)
    return found


def _fed(model: CausalModel, read: Prefill, said: Sequence[Sequence[int]]) -> list[list[float]]:
    found: list[list[float]] = [[] for _ in said]
    active = list(range(len(said)))
    logits = read.logits
    cache: StepCache = model.join([read.cache], room=max(map(len, said)))
    place = 0
    while True:
        chosen = torch.tensor([said[row][place] for row in active], device=logits.device)
        scores = logits.float()
        log_p = scores.gather(1, chosen[:, None])[:, 0] - scores.logsumexp(dim=-1)
        for row, value in zip(active, log_p.tolist(), strict=True):
            found[row].append(min(value, 0.0))
        going = [n for n, row in enumerate(active) if len(said[row]) > place + 1]
        if not going:
            return found
        if len(going) < len(active):
            cache = cache.select(going)
            active = [active[n] for n in going]
        logits, cache = model.step(cache, [said[row][place] for row in active])
        place += 1
