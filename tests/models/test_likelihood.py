from __future__ import annotations

import math

import pytest
import torch
from tiny import KINDS, plain_logits, tiny_model

from rag_router.errors import ModelError
from rag_router.models.likelihood import continuation_logprobs
from rag_router.models.scripted import Reply, ScriptedModel


def test_a_text_is_as_likely_as_the_script_says():
    model = ScriptedModel({"rome": Reply("old", 0.8)})
    rome, old, odd = model.encode("rome"), model.encode("old", begin=False), [120]
    found = continuation_logprobs(model, [rome, rome, rome], [old, odd, []])
    assert found[0] == pytest.approx([math.log(0.8)] * 3, abs=1e-6)
    # What is left, 1 - 0.8, is spread over the 257 other tokens.
    assert found[1] == pytest.approx([math.log(0.2 / 257)], abs=1e-5)
    assert found[2] == ()


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_one_pass_over_everything_says(kind):
    model = tiny_model(kind)
    prompts = [model.encode("when was it built"), model.encode("who"), model.encode("a"), [1, 5]]
    texts = [model.encode(t, begin=False) for t in ("in 1932, they say", "x", "bees", "no one")]
    found = continuation_logprobs(model, prompts, texts, batch_size=3)
    for prompt, text, logprobs in zip(prompts, texts, found, strict=True):
        plain = [
            float(torch.log_softmax(plain_logits(kind, [*prompt, *text[:at]]).float(), -1)[token])
            for at, token in enumerate(text)
        ]
        assert logprobs == pytest.approx(plain, abs=1e-4)


def test_no_texts_are_no_figures():
    assert continuation_logprobs(ScriptedModel({}), [], []) == []


def test_what_does_not_fit_the_model_is_said():
    model = ScriptedModel({}, context_tokens=5)
    with pytest.raises(ModelError, match="a prompt of 3 tokens and a text of 3 do not fit"):
        continuation_logprobs(model, [[1, 2, 3]], [[1, 2, 3]])
