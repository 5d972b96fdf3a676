"""The compiled pass says what the plain one says; skipped where there is no C++ compiler."""

from __future__ import annotations

import shutil

import pytest
import torch
from tiny import CharacterTokenizer, prompt_of, tiny_model
from transformers import Gemma3ForCausalLM

from rag_router.decoders.adaptive_contrast import AdaptiveContrastDecoder
from rag_router.models.causal import TransformersModel
from rag_router.models.streams import Task, decode, start

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="there is no C++ compiler"
)


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


@needs_compiler
@pytest.mark.filterwarnings("ignore")  # of torch's compiler, about itself
def test_one_version_serves_batches_of_all_sizes_and_says_what_the_plain_pass_says():
    plain = TransformersModel(two_layers(), CharacterTokenizer(), name="small", fingerprint="small")
    compiled = plain.compiled()
    torch._dynamo.utils.counters.clear()
    for lengths in ((3,), (4, 11, 30), (40,)):
        expected = decode(plain, tasks_of(plain, *lengths))
        said = decode(compiled, tasks_of(compiled, *lengths))
        assert [one.text for one in said] == [one.text for one in expected]
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
