"""Small random models of the kinds that are supported, with a tokeniser of characters.

They are real: transformers' own classes, built from a config, with four layers and seeded
weights. What they say is nonsense, but it is the same nonsense every time.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    OlmoeConfig,
    OlmoeForCausalLM,
)

from rag_router.models.causal import TransformersModel
from rag_router.models.prefixes import PrefixCache

__all__ = [
    "KINDS",
    "WINDOW",
    "CharacterTokenizer",
    "CountedNetwork",
    "counted_model",
    "plain_experts",
    "plain_hidden",
    "plain_logits",
    "prompt_of",
    "tiny_model",
]

# Matrices this small are done before a second thread has woken up.
torch.set_num_threads(1)

KINDS = ("llama", "gemma3", "mixtral", "olmoe")
WINDOW = 8
VOCABULARY = 97
CONTEXT = 128

_COMMON: Mapping[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    # Wide enough that no two logits are near enough for rounding to change the best one.
    "initializer_range": 0.2,
}
_SLIDING, _FULL = "sliding_attention", "full_attention"


class CharacterTokenizer:
    """One token a character: 0 pads, 1 begins, 2 ends, the others are printable ASCII."""

    pad_token_id = 0
    bos_token_id = 1
    eos_token_id = 2
    chat_template = None

    def __init__(self, *, begins: bool = True) -> None:
        self._begins = begins

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        begin = [1] if self._begins and add_special_tokens else []
        if text.startswith("<bos>"):
            return [*begin, 1, *self.encode(text.removeprefix("<bos>"), False)]
        return [*begin, *(3 + (ord(c) - 32) % (VOCABULARY - 3) for c in text)]

    def decode(self, ids: Sequence[int], **_: bool) -> str:
        return "".join(chr(32 + i - 3) for i in ids if i > 2)

    def get_vocab(self) -> dict[str, int]:
        special = {"<pad>": 0, "<bos>": 1, "<eos>": 2}
        return special | {chr(32 + i - 3): i for i in range(3, VOCABULARY)}


class CountedNetwork:
    """Passes everything on to a network, and notes the shape (rows, columns) of what it reads."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self.read: list[tuple[int, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def __call__(self, **inputs: Any) -> Any:
        self.read.append(tuple(inputs["input_ids"].shape))
        return self._network(**inputs)


@cache
def _network(kind: str, window: int = WINDOW) -> Any:
    torch.manual_seed(0)
    if kind == "llama":
        return LlamaForCausalLM(LlamaConfig(**_COMMON)).eval()
    if kind == "gemma3":
        layers = [_SLIDING, _SLIDING, _FULL, _SLIDING]
        config = Gemma3TextConfig(**_COMMON, head_dim=8, sliding_window=window, layer_types=layers)
        return Gemma3ForCausalLM(config).eval()
    if kind == "olmoe":
        config = OlmoeConfig(**_COMMON, num_experts=6, num_experts_per_tok=2)
        return OlmoeForCausalLM(config).eval()
    experts = {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None}
    return MixtralForCausalLM(MixtralConfig(**_COMMON, **experts)).eval()


def tiny_model(
    kind: str,
    *,
    begins: bool = True,
    window: int = WINDOW,
    prefixes: PrefixCache | None = None,
) -> TransformersModel:
    """A model of this kind; its weights are shared by all callers and never change."""
    return _model(_network(kind, window), kind, begins=begins, prefixes=prefixes)


def counted_model(
    kind: str, *, prefixes: PrefixCache | None = None
) -> tuple[TransformersModel, CountedNetwork]:
    """The same, and what notes how much it reads."""
    network: Any = CountedNetwork(_network(kind))
    return _model(network, kind, prefixes=prefixes), network


def _model(
    network: Any, kind: str, *, begins: bool = True, prefixes: PrefixCache | None
) -> TransformersModel:
    tokenizer: Any = CharacterTokenizer(begins=begins)
    name = f"tiny-{kind}"
    return TransformersModel(network, tokenizer, name=name, fingerprint=kind, prefixes=prefixes)


@torch.inference_mode()
def plain_logits(kind: str, ids: Sequence[int], window: int = WINDOW) -> Tensor:
    """Next-token logits by one pass over everything, without cache, padding or batch."""
    out: Tensor = _network(kind, window)(torch.tensor([list(ids)]), use_cache=False).logits
    return out[0, -1]


@torch.inference_mode()
def plain_hidden(kind: str, ids: Sequence[int], window: int = WINDOW) -> Tensor:
    """The last token's hidden states (layers + 1, width), likewise."""
    network = _network(kind, window)
    out = network(torch.tensor([list(ids)]), use_cache=False, output_hidden_states=True)
    return torch.stack([layer[0, -1] for layer in out.hidden_states])


@torch.inference_mode()
def plain_experts(kind: str, ids: Sequence[int]) -> Tensor:
    """Which experts read the last token, bool (layers, experts), overheard at the routers."""
    network = _network(kind)
    heard: list[Tensor] = []
    routers = [one for one in network.modules() if type(one).__name__.endswith("TopKRouter")]
    hooks = [
        one.register_forward_hook(lambda _router, _given, made: heard.append(made[2][-1]))
        for one in routers
    ]
    network(torch.tensor([list(ids)]), use_cache=False)
    for hook in hooks:
        hook.remove()
    chosen = torch.zeros((len(routers), network.config.num_experts), dtype=torch.bool)
    return chosen.scatter_(1, torch.stack(heard), True)


def prompt_of(length: int, seed: int = 0) -> list[int]:
    """A begin token and `length - 1` random others."""
    draw = random.Random(1000 * seed + length)
    return [1, *(draw.randrange(3, VOCABULARY) for _ in range(length - 1))]
