"""Letting a model answer many prompts once, through the cache, resumably.

Labels for fitting and figures for evaluation both come from here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rag_router.artefacts import fingerprint_of
from rag_router.models.base import CausalModel
from rag_router.models.prompts import Prompt
from rag_router.models.streams import OneStream, Role, Task, decode, start
from rag_router.outcomes.cache import Outcome, OutcomeCache, OutcomeKey

__all__ = ["answer_prompts"]

OnProgress = Callable[[int, int], None]


def answer_prompts(
    model: CausalModel,
    prompts: Sequence[Prompt],
    *,
    cache: OutcomeCache | None = None,
    max_new_tokens: int = 24,
    batch_size: int = 8,
    on_progress: OnProgress | None = None,
) -> list[Outcome]:
    """Answer every prompt greedily; what the cache knows is not asked again.

    Prompts of like length share a batch, so that little is padded. Each batch is kept before the
    next one starts.

    Args:
        model: Who answers.
        prompts: What is asked.
        cache: Where outcomes are kept; None keeps nothing.
        max_new_tokens: Longest answer.
        batch_size: Prompts in one forward pass.
        on_progress: Hears (done, all) after each batch.
    """
    decoding = fingerprint_of("greedy", str(max_new_tokens))
    keys = [
        OutcomeKey(
            model=model.fingerprint,
            prompt=fingerprint_of(repr(prompt.ids), repr(prompt.stop)),
            decoding=decoding,
        )
        for prompt in prompts
    ]
    known = cache.get(keys) if cache is not None else {}
    todo = {key: prompt for key, prompt in zip(keys, prompts, strict=True) if key not in known}
    order = sorted(todo, key=lambda key: len(todo[key].ids))
    for at in range(0, len(order), batch_size):
        batch = order[at : at + batch_size]
        fresh = dict(
            zip(batch, _answer(model, [todo[k] for k in batch], max_new_tokens), strict=True)
        )
        if cache is not None:
            cache.put(fresh)
        known |= fresh
        if on_progress is not None:
            on_progress(len(prompts) - len(order) + at + len(batch), len(prompts))
    return [known[key] for key in keys]


def _answer(model: CausalModel, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Outcome]:
    role: Role = "closed"
    read = model.prefill(
        [prompt.ids for prompt in prompts], shared=[prompt.shared for prompt in prompts]
    )
    streams = start(read)
    strategy = OneStream(role)
    answers = decode(
        model,
        [
            Task(
                streams={role: stream},
                strategy=strategy,
                max_new_tokens=max_new_tokens,
                stop=prompt.stop,
            )
            for stream, prompt in zip(streams, prompts, strict=True)
        ],
    )
    return [Outcome(a.text, tuple(t.logprob for t in a.tokens)) for a in answers]
