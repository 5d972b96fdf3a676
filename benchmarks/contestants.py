"""Ways to decode a batch of questions greedily, each of them timed in two parts.

`plain` and `contrast` are ours: the passages alone, and memory against passages. The other two do
what `contrast` does with stock transformers, as published code does it:

- `lock_step`: `generate()` reads and continues the prompt with passages; a logits processor reads
  and continues the prompt without them, in a second cache of its own, one more forward pass a
  token, and combines the two (classifier-free guidance in transformers itself, and the released
  decoders of CAD, AdaCAD and ACD with two calls of the model, work so).
- `padded_pair`: one `generate()` over twice the rows; prompts without passages are padded to the
  length of those with them, and a logits processor combines each pair of rows and gives both the
  outcome, so that both go on with the same token.

The arithmetic that combines is the same strategy in all of them. Nobody ends early: all generate
the same number of tokens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from rag_router.models.causal import TransformersModel
from rag_router.models.streams import (
    Facts,
    OneStream,
    Started,
    StepInput,
    Strategy,
    Task,
    decode,
    start,
)

__all__ = [
    "CONTESTANTS",
    "Contestant",
    "Endless",
    "Spent",
    "Work",
    "contrast",
    "lock_step",
    "padded_pair",
    "plain",
]


class Endless(TransformersModel):
    """A model to which no token is an end."""

    @property
    def end_ids(self) -> frozenset[int]:
        return frozenset()


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be decoded.

    Attributes:
        closed: Prompts without passages.
        context: Prompts with them, as many.
        strategy: What combines the two.
        tokens: How many are generated for each, >= 1.
        read: What a gate has read of the prompts without passages; None where nothing has been,
            and they have to be read here. Only ours can go on from there.
        trace: Whether to note the figures of each step; only ours can.
    """

    closed: Sequence[Sequence[int]]
    context: Sequence[Sequence[int]]
    strategy: Strategy
    tokens: int
    read: Sequence[Started] | None = None
    trace: bool = False


@dataclass(frozen=True)
class Spent:
    """Seconds on the wall and of processors for one batch, and what was said.

    Attributes:
        prefill: Until the first logits are there, (wall, processors).
        decode: From there to the last token, likewise.
        texts: The answers.
    """

    prefill: tuple[float, float]
    decode: tuple[float, float]
    texts: tuple[str, ...]

    @property
    def whole(self) -> tuple[float, float]:
        """Both together."""
        return self.prefill[0] + self.decode[0], self.prefill[1] + self.decode[1]


Contestant = Callable[[Endless, Work], Spent]


class _Watch:
    """Adds up wall and processor time of laps; waits for the device before it looks."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.spent = {"prefill": (0.0, 0.0), "decode": (0.0, 0.0)}
        self._last = self._now()

    def lap(self, part: str) -> None:
        """Add what went by since the last lap to a part."""
        wall, busy = self._now()
        before = self.spent[part]
        self.spent[part] = (before[0] + wall - self._last[0], before[1] + busy - self._last[1])
        self._last = wall, busy

    def _now(self) -> tuple[float, float]:
        if self._device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter(), time.process_time()


def plain(model: Endless, work: Work) -> Spent:
    """Read the passages and say what follows: one stream."""
    return _ours(model, work, OneStream("context"))


def contrast(model: Endless, work: Work) -> Spent:
    """Memory against passages, both streams in one pass a token."""
    return _ours(model, work, work.strategy)


def _ours(model: Endless, work: Work, strategy: Strategy) -> Spent:
    watch = _Watch(model.network.device)
    roles = strategy.streams
    streams = {"context": start(model.prefill(work.context))}
    if "closed" in roles:
        streams["closed"] = work.read or start(model.prefill(work.closed))
    watch.lap("prefill")
    tasks = [
        Task(
            streams={role: streams[role][row] for role in roles},
            strategy=strategy,
            max_new_tokens=work.tokens,
            stop=(),
            trace=work.trace,
        )
        for row in range(len(work.context))
    ]
    said = decode(model, tasks)
    watch.lap("decode")
    return Spent(**watch.spent, texts=tuple(one.text for one in said))


def lock_step(model: Endless, work: Work) -> Spent:
    """Continue the prompt with passages, and the other one beside it in a logits processor."""
    watch = _Watch(model.network.device)
    ids, mask = _padded(work.context, model.network.device)
    beside = _Beside(model.network, work, watch)
    return _generated(model, work, ids, mask, beside, watch)


def padded_pair(model: Endless, work: Work) -> Spent:
    """Continue both prompts as rows of one batch."""
    watch = _Watch(model.network.device)
    ids, mask = _padded([*work.context, *work.closed], model.network.device)
    return _generated(model, work, ids, mask, _Paired(work, watch), watch)


CONTESTANTS: dict[str, Contestant] = {
    "plain": plain,
    "contrast": contrast,
    "lock_step": lock_step,
    "padded_pair": padded_pair,
}


def _generated(
    model: Endless, work: Work, ids: Tensor, mask: Tensor, processor: Any, watch: _Watch
) -> Spent:
    config = GenerationConfig(
        max_new_tokens=work.tokens, do_sample=False, pad_token_id=0, eos_token_id=None
    )
    # What is left out is taken from the model's own configuration, where answers may end.
    model.network.generation_config.eos_token_id = None
    with torch.inference_mode():
        out = model.network.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=config,
            logits_processor=LogitsProcessorList([processor]),
        )
    said = out[: len(work.context), ids.shape[1] :].tolist()
    watch.lap("decode")
    return Spent(**watch.spent, texts=tuple(model.decode(line).strip() for line in said))


class _Paired(LogitsProcessor):
    """Combines the first half of the rows, with passages, with the second half."""

    def __init__(self, work: Work, watch: _Watch) -> None:
        self._work, self._watch, self._states = work, watch, None
        self._begun = False

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if not self._begun:
            self._watch.lap("prefill")
            self._begun = True
        context, closed = scores.chunk(2)
        combined, self._states = _combined(self._work, closed, context, self._states)
        return torch.cat([combined, combined])


class _Beside(LogitsProcessor):
    """Continues the prompts without passages by itself, and combines what they say."""

    def __init__(self, network: Any, work: Work, watch: _Watch) -> None:
        self._network, self._work, self._watch = network, work, watch
        self._states: Any = None
        self._cache: Any = None
        self._ids, self._mask = _padded(work.closed, network.device)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        first = self._cache is None
        if not first:
            self._ids = input_ids[:, -1:]
            self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
        out = self._network(
            input_ids=self._ids,
            attention_mask=self._mask,
            position_ids=(self._mask.cumsum(-1) - 1).clamp(min=0)[:, -self._ids.shape[1] :],
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self._cache = out.past_key_values
        closed = out.logits[:, -1].float()
        if first:
            self._watch.lap("prefill")
        combined, self._states = _combined(self._work, closed, scores, self._states)
        return combined


def _combined(work: Work, closed: Tensor, context: Tensor, states: Any) -> tuple[Tensor, Any]:
    """Combine two streams row by row, which a processor does quickest, as our loop does."""
    out = [
        work.strategy.step(
            StepInput(
                {"closed": closed[[row]], "context": context[[row]]},
                [Facts()],
                [states[row] if states else None],
            )
        )
        for row in range(context.shape[0])
    ]
    return torch.cat([one.scores for one in out]), [one.state and one.state[0] for one in out]


def _padded(prompts: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Left-pad prompts; ids and mask, (rows, longest)."""
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(one)) + list(one) for one in prompts])
    mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in prompts])
    return ids.to(device), mask.to(device)
