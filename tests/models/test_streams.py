"""The decoding loop: with a script, whose figures can be worked out, and with random weights."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch
from tiny import WINDOW, CharacterTokenizer, plain_logits, prompt_of, tiny_model
from transformers import LlamaConfig, LlamaForCausalLM

from rag_router.decoders.adaptive_contrast import AdaptiveContrastDecoder
from rag_router.decoders.plain import PlainDecoder
from rag_router.errors import CancelledError, ModelError
from rag_router.models.causal import TransformersModel
from rag_router.models.distributions import entropy
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.streams import (
    Facts,
    OneStream,
    Role,
    StepInput,
    StepOutput,
    Task,
    decode,
    start,
)

MODEL = ScriptedModel(
    {
        "passage": Reply("Tiber", 0.9),
        "agreeing": Reply("Arno", 0.9),
        "river": Reply("Arno", 0.5),
        "lines": Reply("one\ntwo"),
        "shout": Reply("oneENDtwo"),
        "mute": Reply(""),
        "blank": Reply("\nlate"),
        "euro": Reply("5 €!"),
    },
    otherwise=Reply("hm", 0.4),
)


def task(prompt="river", *, model=MODEL, passages=None, strategy=None, **more):
    streams = {"closed": start(model.prefill([model.encode(prompt)]))[0]}
    if passages is not None:
        streams["context"] = start(model.prefill([model.encode(passages)]))[0]
    return Task(streams=streams, strategy=strategy or OneStream("closed"), **more)


def one(*args, **more):
    return decode(MODEL, [task(*args, **more)])[0]


def test_each_byte_of_a_reply_of_probability_one_half_has_log_probability_ln_one_half():
    said = one("river")
    assert (said.text, said.finish) == ("Arno", "end")
    assert [t.text for t in said.tokens] == list("Arno")
    assert [t.logprob for t in said.tokens] == pytest.approx([math.log(0.5)] * 4, abs=1e-5)


def test_the_end_token_is_no_part_of_the_answer_and_costs_the_pass_that_said_it():
    # Prefill says "A"; four passes follow, each fed one byte; the last of them says the end.
    assert one("river").forward_rows == 4


def test_an_empty_reply_is_an_empty_answer():
    said = one("mute")
    assert (said.text, said.tokens, said.finish, said.forward_rows) == ("", (), "end", 0)


def test_a_stop_string_ends_the_answer_and_is_no_part_of_it():
    said = one("lines")
    assert (said.text, said.finish) == ("one", "stop")
    assert "".join(t.text for t in said.tokens) == "one"


def test_a_stop_string_of_several_tokens_takes_its_first_ones_back():
    said = one("shout", stop=("END",))
    assert (said.text, said.finish) == ("one", "stop")
    assert "".join(t.text for t in said.tokens) == "one"


def test_the_stop_string_that_comes_first_counts():
    assert one("shout", stop=("two", "eE")).text == "on"
    assert one("lines", stop=()).text == "one\ntwo"


def test_a_stop_string_at_once_leaves_an_empty_answer():
    said = one("blank")
    assert (said.text, said.tokens, said.finish) == ("", (), "stop")


@pytest.mark.parametrize("most", [1, 3, 4])
def test_the_answer_is_cut_at_the_limit(most):
    said = one("river", max_new_tokens=most)
    assert (said.text, said.finish) == ("Arno"[:most], "length")
    assert said.forward_rows == most - 1


def test_a_character_of_several_bytes_is_shown_once_it_is_whole():
    said = one("euro")
    assert said.text == "5 €!"
    assert [t.text for t in said.tokens] == ["5", " ", "", "", "€", "!"]


def test_a_character_that_was_cut_off_is_not_shown():
    # "5", " " and the first two of the three bytes of the euro sign.
    assert one("euro", max_new_tokens=4).text == "5"


def test_a_step_of_two_streams_is_two_passes():
    said = one("river", passages="agreeing", strategy=AdaptiveContrastDecoder())
    assert said.text == "Arno"
    assert said.forward_rows == 2 * 4


def test_a_watched_stream_costs_its_passes_too_and_only_when_traced():
    quiet = one("river", passages="passage", strategy=PlainDecoder())
    traced = one("river", passages="passage", strategy=PlainDecoder(), trace=True)
    assert (quiet.text, traced.text) == ("Tiber", "Tiber")
    assert (quiet.forward_rows, traced.forward_rows) == (5, 2 * 5)
    assert quiet.tokens[0].divergence is None
    assert 0 < traced.tokens[0].divergence <= math.log(2)


def spread(p):
    """Entropy of one byte of probability p and the other 257 tokens evenly."""
    return -p * math.log(p) - (1 - p) * math.log((1 - p) / 257)


def test_the_trace_of_the_first_step_by_hand():
    token = one("river", passages="passage", strategy=AdaptiveContrastDecoder(), trace=True).tokens[
        0
    ]
    assert token.entropy_closed == pytest.approx(spread(0.5), abs=1e-4)
    assert token.entropy_context == pytest.approx(spread(0.9), abs=1e-4)
    alpha = spread(0.5) / (spread(0.5) + spread(0.9))
    assert token.alpha == pytest.approx(alpha, abs=1e-4)
    # "T" and "A" have p, q and q', p' in the two streams; 256 other tokens have the rest.
    t = (1 - alpha) * math.log(0.5 / 257) + alpha * math.log(0.9)
    a = (1 - alpha) * math.log(0.5) + alpha * math.log(0.1 / 257)
    other = (1 - alpha) * math.log(0.5 / 257) + alpha * math.log(0.1 / 257)
    total = math.exp(t) + math.exp(a) + 256 * math.exp(other)
    assert token.text == "T"
    assert token.logprob == pytest.approx(t - math.log(total), abs=1e-4)


def test_figures_of_streams_that_did_not_run_are_absent():
    token = one("river", trace=True).tokens[0]
    assert token.entropy_closed == pytest.approx(spread(0.5), abs=1e-4)
    assert (token.entropy_context, token.divergence, token.alpha) == (None, None, None)


def test_tokens_are_heard_of_step_by_step_in_the_order_of_the_tasks():
    heard = []
    tasks = [task("river"), task("lines"), task("river", max_new_tokens=2)]
    decode(MODEL, tasks, heard=lambda s: s.token and heard.append((s.number, s.token.text)))
    expected = ["0A 1o 2A", "0r 1n 2r", "0n 1e", "0o"]
    assert heard == [(int(word[0]), word[1]) for line in expected for word in line.split()]


def test_what_is_heard_is_what_is_returned():
    heard = []
    said = decode(MODEL, [task("euro")], heard=lambda s: s.token and heard.append(s.token))[0]
    assert tuple(heard) == said.tokens


def test_cancelling_stops_between_steps():
    asked = []

    def cancelled():
        asked.append(1)
        return len(asked) > 2

    heard = []
    with pytest.raises(CancelledError):
        decode(MODEL, [task("river")], heard=heard.append, cancelled=cancelled)
    assert [t.text for t in heard] == ["A", "r"]


def test_a_strategy_without_its_stream_is_an_error_that_names_it():
    with pytest.raises(ModelError, match=r"PlainDecoder reads the stream 'context'.*\['closed'\]"):
        one("river", strategy=PlainDecoder())


def test_no_tasks_are_no_answers():
    assert decode(MODEL, []) == []


@dataclass(frozen=True)
class Counting:
    """Follow the closed stream, and remember how many steps the row has seen."""

    heard: list[tuple[str | None, tuple[float | None, ...]]]

    @property
    def streams(self) -> tuple[Role, ...]:
        return ("closed",)

    def step(self, step: StepInput) -> StepOutput:
        self.heard.append((tuple(step.state), tuple(f.p_know for f in step.facts)))
        state: Sequence[int] = [(s or 0) + 1 for s in step.state]
        return StepOutput(step.logits["closed"], state=state)


def test_state_and_facts_go_with_their_row_when_others_have_left():
    counting = Counting([])
    tasks = [
        task("river", strategy=counting, max_new_tokens=1, facts=Facts(p_know=0.1)),
        task("river", strategy=counting, max_new_tokens=3, facts=Facts(p_know=0.2)),
    ]
    decode(MODEL, tasks)
    assert counting.heard == [((None, None), (0.1, 0.2)), ((1,), (0.2,)), ((2,), (0.2,))]


def mixed(model, seed, strategy, length):
    """A task whose two prompts are shorter or longer than the window."""
    draw = random.Random(seed)
    closed = prompt_of(draw.choice([2, WINDOW - 1, WINDOW, 12]), seed)
    context = prompt_of(draw.choice([3, WINDOW, WINDOW + 1, 20, 40]), seed + 1)
    streams = {
        "closed": start(model.prefill([closed]))[0],
        "context": start(model.prefill([context]))[0],
    }
    made = Task(streams=streams, strategy=strategy, max_new_tokens=length, stop=(), trace=True)
    return made, closed, context


@pytest.mark.parametrize("kind", ["llama", "gemma3", "mixtral"])
def test_an_answer_is_the_same_alone_and_in_company_whatever_the_company_does(kind):
    model = tiny_model(kind)
    strategies = [OneStream("closed"), PlainDecoder(), AdaptiveContrastDecoder()]
    tasks = [mixed(model, seed, strategies[seed % 3], length=3 + seed % 4)[0] for seed in range(6)]
    together = decode(model, tasks)
    reversed_ = decode(model, tasks[::-1])[::-1]
    alone = [decode(model, [each])[0] for each in tasks]
    for other in (reversed_, alone):
        for one_, same in zip(together, other, strict=True):
            assert words(one_) == words(same)
            assert numbers(one_) == pytest.approx(numbers(same), abs=1e-3)


def words(said):
    return said.text, said.finish, said.forward_rows, [token.text for token in said.tokens]


def numbers(said):
    return [
        figure
        for t in said.tokens
        for figure in (t.logprob, t.alpha, t.entropy_closed, t.entropy_context, t.divergence)
        if figure is not None
    ]


def reference(closed, context, steps, end_ids):
    """Adaptive contrast by two plain passes a step, without cache, padding or batch."""
    said, alphas = [], []
    while len(said) < steps:
        z = plain_logits("gemma3", [*closed, *said])[None].float()
        z_c = plain_logits("gemma3", [*context, *said])[None].float()
        h, h_c = entropy(z), entropy(z_c)
        alpha = h / (h + h_c)
        token = int((z + alpha * (z_c - z)).argmax())
        if token in end_ids:
            break
        said.append(token)
        alphas.append(float(alpha))
    return said, alphas


def test_two_streams_of_a_sliding_window_model_say_what_two_plain_passes_a_step_say():
    model = tiny_model("gemma3")
    cases = [mixed(model, seed, AdaptiveContrastDecoder(), length=6) for seed in range(20)]
    for generation, (_, closed, context) in zip(
        decode(model, [each for each, _, _ in cases]), cases, strict=True
    ):
        said, alphas = reference(closed, context, 6, model.end_ids)
        assert "".join(t.text for t in generation.tokens) == model.decode(said)
        assert [t.alpha for t in generation.tokens] == pytest.approx(alphas, abs=1e-3)


def test_a_prefill_is_taken_apart_into_rows_that_keep_only_their_own_columns():
    model = tiny_model("gemma3")
    prompts = [prompt_of(4), prompt_of(20)]
    short, long = start(model.prefill(prompts))
    assert (short.cache.length, short.tokens, long.cache.length, long.tokens) == (4, 4, 20, 20)
    assert torch.allclose(short.logits, plain_logits("gemma3", prompts[0]), atol=1e-4)


class Unpadded(CharacterTokenizer):
    """A tokeniser that has nothing to pad with."""

    pad_token_id = None


def test_a_model_without_a_pad_token_decodes_batches_of_any_lengths():
    config = LlamaConfig(
        vocab_size=97,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        pad_token_id=None,
        initializer_range=0.3,
    )
    torch.manual_seed(0)
    network = LlamaForCausalLM(config)
    model = TransformersModel(network, Unpadded(), name="unpadded", fingerprint="unpadded")
    strategies = [OneStream("closed"), PlainDecoder(), AdaptiveContrastDecoder()]
    tasks = [mixed(model, seed, strategies[seed % 3], length=4)[0] for seed in range(6)]
    together = decode(model, tasks)
    for one_, alone in zip(together, [decode(model, [each])[0] for each in tasks], strict=True):
        assert words(one_) == words(alone)
        assert numbers(one_) == pytest.approx(numbers(alone), abs=1e-3)
    assert len({one_.text for one_ in together}) > 1
