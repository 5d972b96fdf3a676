"""Decodes by plain and by compiled steps, and says what either said: a process of its own.

A compiler leaves traces in the process that it works for, and finds those of others.
"""

from __future__ import annotations

import json

import torch
from tiny import CharacterTokenizer, prompt_of, tiny_model
from transformers import Gemma3ForCausalLM

from rag_router.decoders.adaptive_contrast import AdaptiveContrastDecoder
from rag_router.models.causal import TransformersModel
from rag_router.models.streams import Task, decode, start


def two_layers():
    """One sliding layer and one that sees everything: all that there is to compile."""
    whole = tiny_model("gemma3")._model.config
    config = whole.__class__(**whole.to_dict())
    config.layer_types, config.num_hidden_layers = config.layer_types[1:3], 2
    torch.manual_seed(0)
    return Gemma3ForCausalLM(config).eval()


def tasks_of(model, *lengths):
    streams = [
        start(model.prefill([prompt_of(n, seed=1), prompt_of(2 * n, seed=2)])) for n in lengths
    ]
    return [
        Task(
            streams=dict(zip(("closed", "context"), pair, strict=True)),
            strategy=AdaptiveContrastDecoder(),
            max_new_tokens=3 + number,
            stop=(),
        )
        for number, pair in enumerate(streams)
    ]


def main():
    plain = TransformersModel(two_layers(), CharacterTokenizer(), name="small", fingerprint="small")
    compiled = plain.compiled()
    torch._dynamo.utils.counters.clear()
    said = {
        name: [
            [one.text for one in decode(model, tasks_of(model, *lengths))]
            for lengths in ((3,), (4, 11, 30), (40,))
        ]
        for name, model in (("plain", plain), ("compiled", compiled))
    }
    print(json.dumps(said | {"graphs": torch._dynamo.utils.counters["stats"]["unique_graphs"]}))


if __name__ == "__main__":
    main()
