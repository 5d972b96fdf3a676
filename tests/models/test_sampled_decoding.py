"""The decoding loop where answers are drawn rather than chosen."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from tiny import prompt_of, tiny_model

from rag_router.decoders.adaptive_contrast import AdaptiveContrastDecoder
from rag_router.models.sampling import Sampling
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.streams import OneStream, Task, decode, start

MODEL = ScriptedModel({"passage": Reply("Tiber", 0.9), "river": Reply("Arno", 0.5)})
CLOSED = OneStream("closed")


def started(model, prompt):
    return start(model.prefill([prompt if isinstance(prompt, list) else model.encode(prompt)]))[0]


def task(stream, **more):
    return Task(streams={"closed": stream}, strategy=CLOSED, **more)


def samples(stream, n, model=MODEL, sampling=None, **more):
    one = sampling or Sampling()
    return decode(model, [task(stream, sampling=one.keyed("q", i), **more) for i in range(n)])


def told(said):
    return said.text, said.finish, [token.text for token in said.tokens]


def test_the_first_byte_of_a_reply_of_probability_one_half_is_drawn_every_other_time():
    n = 400
    hits = sum(said.tokens[0].text == "A" for said in samples(started(MODEL, "river"), n, stop=()))
    # n / 2 give or take four standard deviations, sqrt(n) / 2 each.
    assert abs(hits - n / 2) < 4 * math.sqrt(n) / 2


def test_log_probabilities_are_the_models_own_whatever_the_temperature():
    hot = samples(started(MODEL, "river"), 30, sampling=Sampling(temperature=3.0), stop=())
    logprobs = {"A": math.log(0.5)}
    for said in hot:
        first = said.tokens[0]
        # 257 other tokens share the other half.
        expected = logprobs.get(first.text, math.log(0.5 / 257))
        assert first.logprob == pytest.approx(expected, abs=1e-5)


def test_a_temperature_near_zero_says_what_greedy_decoding_says():
    stream = started(MODEL, "river")
    cold = samples(stream, 3, sampling=Sampling(temperature=1e-9))
    assert [told(said) for said in cold] == [told(decode(MODEL, [task(stream)])[0])] * 3


def test_an_answer_is_drawn_the_same_alone_and_in_any_company():
    model = tiny_model("gemma3")
    tasks = [
        task(
            started(model, prompt_of(5 + 3 * n, n)),
            sampling=Sampling(seed=4, top_p=0.9).keyed("q", n) if n % 3 else None,
            max_new_tokens=3 + n % 4,
            stop=(),
        )
        for n in range(6)
    ]
    together = [told(said) for said in decode(model, tasks)]
    assert together == [told(decode(model, [one])[0]) for one in tasks]
    assert together == [told(said) for said in decode(model, tasks[::-1])][::-1]


def test_rows_that_do_not_sample_stay_greedy_in_company_of_rows_that_do():
    stream = started(MODEL, "river")
    mixed = [task(stream), task(stream, sampling=Sampling()), task(stream)]
    greedy = decode(MODEL, [task(stream)])[0]
    found = decode(MODEL, mixed)
    assert [found[0], found[2]] == [greedy, greedy]


def test_the_drawn_token_is_fed_to_every_stream_of_its_row():
    streams = {"closed": started(MODEL, "river"), "context": started(MODEL, "passage")}
    strategy = AdaptiveContrastDecoder()
    found = [
        decode(
            MODEL,
            [
                Task(
                    streams=streams,
                    strategy=strategy,
                    trace=True,
                    sampling=Sampling(seed=seed),
                    stop=(),
                )
            ],
        )[0]
        for seed in range(30)
    ]
    # Off its script the scripted model ends, surely: had one stream been fed another token, it
    # would go on where the other one ends.
    for said in found:
        first = said.tokens[0].text
        if len(said.tokens) > 1 and first not in ("A", "T"):
            assert said.tokens[1].entropy_closed == pytest.approx(
                said.tokens[1].entropy_context, abs=1e-6
            )
        assert said.forward_rows % 2 == 0
    assert len({said.text for said in found}) > 1


def test_a_tiny_models_first_tokens_come_as_often_as_it_says():
    model = tiny_model("llama")
    stream = started(model, prompt_of(6))
    n = 600
    ids = Counter(
        said.tokens[0].text if said.tokens else ""
        for said in samples(stream, n, model, max_new_tokens=1, stop=())
    )
    p = torch.softmax(stream.logits.double(), dim=-1)
    likeliest = p.topk(3)
    for share, token in zip(likeliest.values.tolist(), likeliest.indices.tolist(), strict=True):
        spread = math.sqrt(n * share * (1 - share))
        assert abs(ids[model.decode([token]).strip()] - n * share) < 4 * spread + 1
