"""Every strategy in the decoding loop, on small random models: real caches, real batches."""

from __future__ import annotations

import math
import random

import pytest
import torch
from tiny import WINDOW, prompt_of, tiny_model

from rag_router.decoders import DECODERS
from rag_router.errors import ModelError
from rag_router.eval.reference_decoding import Case, decode_plainly
from rag_router.models.streams import Facts, Task, decode, layers_of, start

LENGTH = 5


def prompts_of(decoder, seed):
    """Prompts shorter and longer than the window of a model that has one."""
    draw = random.Random(seed)
    lengths = {"closed": [3, WINDOW], "context": [WINDOW - 1, 20], "abstain": [WINDOW + 2, 25]}
    return {
        role: prompt_of(draw.choice(lengths[role]), 10 * seed + number)
        for number, role in enumerate(decoder.streams)
    }


def task(model, decoder, seed, **more):
    started = {
        role: start(model.prefill([prompt], layers=role in layers_of(decoder)))[0]
        for role, prompt in prompts_of(decoder, seed).items()
    }
    facts = Facts(trust=1.0 if seed % 2 else 0.5)
    more = {"stop": (), "trace": True, "max_new_tokens": LENGTH, "facts": facts, **more}
    return Task(streams=started, strategy=decoder, **more)


def words(said):
    return said.text, said.finish, said.forward_rows, [token.text for token in said.tokens]


def figures(said):
    return [
        figure
        for t in said.tokens
        for figure in (t.logprob, t.alpha, t.entropy_closed, t.entropy_context, t.divergence)
        if figure is not None
    ]


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
@pytest.mark.parametrize("name", list(DECODERS))
class TestAnyStrategyInTheLoop:
    def test_an_answer_is_the_same_alone_and_in_company(self, name, kind):
        model, decoder = tiny_model(kind), DECODERS.build(name)
        tasks = [task(model, decoder, seed, max_new_tokens=2 + seed) for seed in range(4)]
        together = decode(model, tasks)
        for one, alone in zip(together, [decode(model, [each])[0] for each in tasks], strict=True):
            assert words(one) == words(alone)
            assert figures(one) == pytest.approx(figures(alone), abs=1e-3)

    def test_every_token_is_traced(self, name, kind):
        model, decoder = tiny_model(kind), DECODERS.build(name)
        said = decode(model, [task(model, decoder, seed=1)])[0]
        assert said.tokens
        for token in said.tokens:
            assert token.logprob <= 0.0
            assert token.alpha is None or math.isfinite(token.alpha)
            assert token.entropy_context is not None
            assert (token.divergence is not None) == ("closed" in decoder.streams)

    def test_it_says_what_plain_passes_over_every_stream_say(self, name, kind):
        model, decoder = tiny_model(kind), DECODERS.build(name)
        for seed in range(3):
            made = task(model, decoder, seed)
            case = Case(
                prompts=prompts_of(decoder, seed),
                strategy=decoder,
                facts=made.facts,
                max_new_tokens=LENGTH,
            )
            expected = decode_plainly(model._model, [case], end_ids=model.end_ids)[0]
            said = decode(model, [made])[0]
            assert "".join(t.text for t in said.tokens) == model.decode(expected.ids)


@pytest.mark.parametrize("name", ["abstaining", "abstaining_momentum"])
def test_a_stream_that_was_not_started_is_named(name):
    model, decoder = tiny_model("llama"), DECODERS.build(name)
    whole = task(model, decoder, seed=0)
    streams = {role: whole.streams[role] for role in ("closed", "context")}
    expected = rf"{type(decoder).__name__} reads the stream 'abstain'.*\['closed', 'context'\]"
    with pytest.raises(ModelError, match=expected):
        decode(model, [Task(streams=streams, strategy=decoder)])


def test_momentum_is_each_rows_own_when_others_have_left():
    model, decoder = tiny_model("llama"), DECODERS.build("abstaining_momentum")
    tasks = [task(model, decoder, seed, max_new_tokens=n) for seed, n in enumerate((1, 5, 3))]
    together = decode(model, tasks)
    assert torch.tensor([t.alpha for t in together[1].tokens]).unique().numel() > 1
    for one, each in zip(together, tasks, strict=True):
        assert figures(one) == pytest.approx(figures(decode(model, [each])[0]), abs=1e-3)
