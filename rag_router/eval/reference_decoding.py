"""What the decoding loop must say, worked out slowly: whole passes, and nothing kept between them.

At every step each stream is read from its first token to its last, without cache, padding or
joined rows of different lengths, and the strategy scores each answer by itself. Only sequences of
one length share a pass, because nothing of one row can reach another there. Layers are read
another way than by the model, too: what its feed-forward network adds is taken off again.

Two ways to add up the same numbers differ by rounding; where the two best scores are closer than
that, either token is right. So such steps are counted, and an answer that differs from one on is
set aside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor

from rag_router.models.base import CausalModel
from rag_router.models.layers import LayerStates, later_layers
from rag_router.models.streams import (
    Facts,
    Generation,
    Role,
    StepInput,
    Strategy,
    Task,
    decode,
    layers_of,
    start,
)

__all__ = ["CLOSE", "Agreement", "Case", "Expected", "agreement", "decode_plainly", "decode_well"]

CLOSE: Final = 1e-4
"""Scores that differ by less, in nats, may come out either way round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One answer to be decoded both ways, greedily and without stop strings.

    Attributes:
        prompts: Token ids of each stream that the strategy reads.
        strategy: What turns their logits into scores.
        facts: What is known about the question.
        max_new_tokens: Most tokens, >= 1.
    """

    prompts: Mapping[Role, Sequence[int]]
    strategy: Strategy
    facts: Facts = field(default_factory=Facts)
    max_new_tokens: int = 8


@dataclass(frozen=True, slots=True)
class Expected:
    """What a case's answer must be.

    Attributes:
        ids: Its tokens, without the one that ends it.
        gaps: How far the best score was above the next one at each step, the ending one included.
    """

    ids: tuple[int, ...]
    gaps: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far the loop's answers are those of plain passes.

    Attributes:
        cases: Answers compared.
        tokens: Tokens of the plain answers.
        close_steps: Steps whose two best scores are closer than `CLOSE`.
        ties: Places of the answers that differ from such a step on.
        different: Places of the answers that differ from any other step on; there must be none.
    """

    cases: int
    tokens: int
    close_steps: int
    ties: tuple[int, ...]
    different: tuple[int, ...]


def agreement(
    model: CausalModel, network: Any, cases: Sequence[Case], *, batch_size: int = 32
) -> Agreement:
    """Decode all cases both ways and compare them token by token.

    Args:
        model: The model, as the loop uses it.
        network: The causal language model of transformers behind it, on the same device.
        cases: What to decode.
        batch_size: Most cases decoded together, and most sequences in a plain pass.
    """
    expected = decode_plainly(network, cases, end_ids=model.end_ids, batch_size=batch_size)
    said = decode_well(model, cases, batch_size=batch_size)
    ties: list[int] = []
    different: list[int] = []
    for place, (wanted, found) in enumerate(zip(expected, said, strict=True)):
        at = _first_difference(_pieces(model, wanted.ids), [t.text for t in found.tokens])
        if at is not None:
            (ties if wanted.gaps[at] < CLOSE else different).append(place)
    return Agreement(
        cases=len(cases),
        tokens=sum(len(one.ids) for one in expected),
        close_steps=sum(gap < CLOSE for one in expected for gap in one.gaps),
        ties=tuple(ties),
        different=tuple(different),
    )


def decode_well(
    model: CausalModel, cases: Sequence[Case], *, batch_size: int = 32
) -> list[Generation]:
    """Decode the cases as the service does: prompts and streams of all lengths side by side."""
    out: list[Generation] = []
    for at in range(0, len(cases), batch_size):
        some = cases[at : at + batch_size]
        layers = any(layers_of(case.strategy) for case in some)
        ids = [ids for case in some for ids in case.prompts.values()]
        started = iter(start(model.prefill(ids, layers=layers)))
        tasks = [
            Task(
                streams={role: next(started) for role in case.prompts},
                strategy=case.strategy,
                facts=case.facts,
                max_new_tokens=case.max_new_tokens,
                stop=(),
            )
            for case in some
        ]
        out += decode(model, tasks)
    return out


def decode_plainly(
    network: Any, cases: Sequence[Case], *, end_ids: frozenset[int], batch_size: int = 32
) -> list[Expected]:
    """Decode the cases by one whole pass over every stream at every step.

    Args:
        network: A causal language model of transformers.
        cases: What to decode.
        end_ids: Tokens that end an answer.
        batch_size: Most sequences of one length in one pass.
    """
    reader = _Reader(network, batch_size)
    said: list[list[int]] = [[] for _ in cases]
    gaps: list[list[float]] = [[] for _ in cases]
    states: list[Any] = [None] * len(cases)
    alive = list(range(len(cases)))
    while alive:
        keys = [(number, role) for number in alive for role in cases[number].strategy.streams]
        read = dict(
            zip(
                keys,
                reader.read([(*cases[n].prompts[role], *said[n]) for n, role in keys]),
                strict=True,
            )
        )
        still: list[int] = []
        for number in alive:
            case = cases[number]
            streams = {role: read[number, role] for role in case.strategy.streams}
            out = case.strategy.step(
                StepInput(
                    {role: logits for role, (logits, _) in streams.items()},
                    [case.facts],
                    [states[number]],
                    {role: streams[role][1] for role in layers_of(case.strategy)},
                )
            )
            states[number] = states[number] if out.state is None else out.state[0]
            best = out.scores[0].topk(2)
            gaps[number].append(float(best.values[0] - best.values[1]))
            token = int(best.indices[0])
            if token in end_ids:
                continue
            said[number].append(token)
            if len(said[number]) < case.max_new_tokens:
                still.append(number)
        alive = still
    return [Expected(tuple(ids), tuple(line)) for ids, line in zip(said, gaps, strict=True)]


class _Reader:
    """Reads whole sequences, those of one length together."""

    def __init__(self, network: Any, batch_size: int) -> None:
        self._network, self._batch_size = network, batch_size
        layers = network.base_model.layers
        self._layers = [layers[number] for number in later_layers(len(layers))]

    def read(self, sequences: Sequence[Sequence[int]]) -> list[tuple[Tensor, LayerStates]]:
        """Logits (1, vocabulary) and layers after the last token of each."""
        by_length: dict[int, list[int]] = {}
        for place, ids in enumerate(sequences):
            by_length.setdefault(len(ids), []).append(place)
        out: dict[int, tuple[Tensor, LayerStates]] = {}
        for places in by_length.values():
            for at in range(0, len(places), self._batch_size):
                some = places[at : at + self._batch_size]
                logits, layers = self._pass([list(sequences[place]) for place in some])
                for row, place in enumerate(some):
                    out[place] = logits[[row]], layers.select([row])
        return [out[place] for place in range(len(sequences))]

    @torch.inference_mode()
    def _pass(self, sequences: Sequence[Sequence[int]]) -> tuple[Tensor, LayerStates]:
        added: list[Tensor] = []
        after: list[Tensor] = []
        # Gemma adds what a norm makes of its network's output, other models the output itself.
        hooks = [
            module.register_forward_hook(
                lambda _module, _given, made, heard=heard: heard.append(_last(made, sequences))
            )
            for layer in self._layers
            for module, heard in (
                (getattr(layer, "post_feedforward_layernorm", layer.mlp), added),
                (layer, after),
            )
        ]
        try:
            ids = torch.tensor(list(sequences), device=self._network.device)
            logits = self._network(ids, use_cache=False, logits_to_keep=1).logits[:, -1].float()
        finally:
            for hook in hooks:
                hook.remove()
        out = torch.stack(after, dim=1)
        return logits, LayerStates(out - torch.stack(added, dim=1), out, self._head)

    @torch.inference_mode()
    def _head(self, states: Tensor) -> Tensor:
        logits = self._network.get_output_embeddings()(self._network.base_model.norm(states))
        return torch.as_tensor(logits).float()


def _last(made: Any, sequences: Sequence[Sequence[int]]) -> Tensor:
    """Return the last token's part of what a module made, (sequences, width)."""
    whole: Tensor = made[0] if isinstance(made, tuple) else made
    return whole.reshape(len(sequences), -1, whole.shape[-1])[:, -1].clone()


def _pieces(model: CausalModel, ids: Sequence[int]) -> list[str]:
    """Return what each token adds to the text, as the loop counts it."""
    pieces: list[str] = []
    text = ""
    for count in range(1, len(ids) + 1):
        whole = model.decode(ids[:count]).rstrip("\ufffd")
        pieces.append(whole[len(text) :])
        text += pieces[-1]
    return pieces


def _first_difference(wanted: Sequence[str], found: Sequence[str]) -> int | None:
    for at, (left, right) in enumerate(zip(wanted, found, strict=False)):
        if left != right:
            return at
    return None if len(wanted) == len(found) else min(len(wanted), len(found))
