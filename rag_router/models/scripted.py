"""A causal model without weights, whose every probability is written down beforehand.

It reads bytes. A script says what follows which prompt, and how sure each byte is; so the
expected number of a test can be worked out by hand, and whole programs run in milliseconds. It
obeys the same contract as a real model, and is shipped so that plug-ins can be tested with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from rag_router.artefacts import fingerprint_of
from rag_router.errors import ModelError
from rag_router.models.base import Ability, Prefill
from rag_router.models.layers import LayerStates
from rag_router.models.prefixes import checked_shared

__all__ = ["Reply", "ScriptedModel"]

_BEGIN: Final = 256
_END: Final = 257
_VOCABULARY: Final = 258
_WIDTH: Final = 8
_LAYERS: Final = 2


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model says to a prompt.

    Attributes:
        text: The answer; the model ends after it.
        probability: Of each byte of the answer, in (1/258, 1]; the rest is spread evenly over
            all other tokens.
        sureness: Any number; it becomes the first hidden component, for probes to find.
    """

    text: str
    probability: float = 0.9
    sureness: float = 0.0


@dataclass(frozen=True, slots=True)
class _Memory:
    """What the scripted model has read: the cache of a model without weights."""

    histories: tuple[tuple[tuple[int, ...], int], ...]

    @property
    def rows(self) -> int:
        return len(self.histories)

    @property
    def length(self) -> int:
        return max(len(ids) for ids, _ in self.histories)

    def select(self, rows: Sequence[int]) -> _Memory:
        return _Memory(tuple(self.histories[row] for row in rows))


class ScriptedModel:
    """A causal model that plays a script.

    Args:
        script: Maps a prompt to the reply, or an ordered mapping from a piece of text to a reply:
            the first key that occurs in the prompt decides.
        otherwise: The reply where no key occurs.
        name: What it is called.
        context_tokens: Most tokens it reads.
        experts: How many experts each layer's router chooses one of; 0 is a model without
            routers. The whole part of a reply's sureness, counted round, says which.
    """

    def __init__(
        self,
        script: Mapping[str, Reply] | Callable[[str], Reply],
        *,
        otherwise: Reply | None = None,
        name: str = "scripted",
        context_tokens: int = 100_000,
        experts: int = 0,
    ) -> None:
        fallback = otherwise or Reply("unknown", 0.1)
        if callable(script):
            self._script = script
        else:
            table = dict(script)
            self._script = lambda prompt: next(
                (reply for key, reply in table.items() if key in prompt), fallback
            )
        self._name, self._context, self._experts = name, context_tokens, experts

    @property
    def name(self) -> str:
        return self._name

    @property
    def fingerprint(self) -> str:
        return fingerprint_of("scripted", self._name)

    @property
    def abilities(self) -> frozenset[Ability]:
        shown: frozenset[Ability] = frozenset({"hidden_states", "logits", "streams"})
        return shown | {"router_activations"} if self._experts else shown

    @property
    def parameters(self) -> int:
        return 0

    @property
    def vocabulary_size(self) -> int:
        return _VOCABULARY

    @property
    def vocabulary_fingerprint(self) -> str:
        """The same for all: their tokens are the bytes."""
        return fingerprint_of("scripted", "bytes")

    @property
    def context_tokens(self) -> int:
        return self._context

    @property
    def end_ids(self) -> frozenset[int]:
        return frozenset({_END})

    @property
    def is_chat(self) -> bool:
        return False

    def encode(self, text: str, *, begin: bool = True) -> list[int]:
        return [*([_BEGIN] if begin else []), *text.encode()]

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(i for i in ids if i < _BEGIN).decode(errors="replace")

    def render_chat(self, messages: Sequence[Mapping[str, str]]) -> str:
        raise ModelError(f"{self.name} has no chat template.", hint="Use few-shot text.")

    def prefill(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        hidden: bool = False,
        shared: Sequence[int] | None = None,
        layers: bool = False,
    ) -> Prefill:
        lengths = tuple(len(prompt) for prompt in prompts)
        if not lengths or min(lengths) == 0:
            raise ModelError("an empty prompt cannot be read.", hint="Give it at least one token.")
        if max(lengths) > self._context:
            raise ModelError(
                f"a prompt of {max(lengths)} tokens does not fit {self.name}, "
                f"which reads {self._context}."
            )
        checked_shared(prompts, shared)  # reading costs nothing here, so nothing is kept
        memory = _Memory(tuple((tuple(prompt), len(prompt)) for prompt in prompts))
        logits = self._logits(memory)
        return Prefill(
            logits=logits,
            hidden=self._hidden(memory) if hidden else torch.empty((len(prompts), 0, 0)),
            cache=memory,
            tokens=lengths,
            experts=self._chosen(memory) if hidden and self._experts else None,
            layers=_layers(logits),  # asked for or not: it costs nothing here
        )

    def step(self, cache: _Memory, tokens: Sequence[int]) -> tuple[Tensor, _Memory]:
        grown = tuple(
            ((*ids, token), prompt)
            for (ids, prompt), token in zip(cache.histories, tokens, strict=True)
        )
        memory = _Memory(grown)
        return self._logits(memory), memory

    def step_layers(
        self, cache: _Memory, tokens: Sequence[int], rows: Sequence[int]
    ) -> tuple[Tensor, _Memory, LayerStates]:
        logits, memory = self.step(cache, tokens)
        return logits, memory, _layers(logits).select(rows)

    def join(self, caches: Sequence[_Memory], *, room: int | None = None) -> _Memory:
        return _Memory(tuple(h for cache in caches for h in cache.histories))

    def _logits(self, memory: _Memory) -> Tensor:
        """Log-probabilities of the next byte; off script, the model ends."""
        rows = []
        for ids, prompt in memory.histories:
            reply = self._script(self.decode(ids[:prompt]))
            wanted = [*reply.text.encode(), _END]
            said = list(ids[prompt:])
            on_script = said == wanted[: len(said)] and len(said) < len(wanted)
            token = wanted[len(said)] if on_script else _END
            # Only the answer's bytes are unsure; that it ends where it ends is certain enough.
            p = reply.probability if token != _END else 0.999
            row = torch.full((_VOCABULARY,), (1 - p) / (_VOCABULARY - 1))
            row[token] = p
            rows.append(row)
        return torch.stack(rows).clamp(min=1e-12).log()

    def _hidden(self, memory: _Memory) -> Tensor:
        states = torch.zeros((memory.rows, _LAYERS + 1, _WIDTH))
        for row, (ids, prompt) in enumerate(memory.histories):
            states[row, :, 0] = self._script(self.decode(ids[:prompt])).sureness
            states[row, :, 1] = len(ids) / 100
        return states

    def _chosen(self, memory: _Memory) -> Tensor:
        chosen = torch.zeros((memory.rows, _LAYERS, self._experts), dtype=torch.bool)
        for row, (ids, prompt) in enumerate(memory.histories):
            sureness = self._script(self.decode(ids[:prompt])).sureness
            chosen[row, :, int(sureness) % self._experts] = True
        return chosen


def _layers(logits: Tensor) -> LayerStates:
    """One layer that says what the model says, and knows nothing by itself."""
    return LayerStates(before=logits[:, None], after=logits[:, None], head=lambda states: states)
