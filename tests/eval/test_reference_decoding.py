"""The slow way of decoding, and what it notices."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from tiny import CharacterTokenizer, plain_logits, prompt_of, tiny_model
from transformers import LlamaConfig, LlamaForCausalLM

from rag_router.decoders.abstaining_momentum import AbstainingMomentumDecoder
from rag_router.decoders.layer_fused import LayerFusedDecoder
from rag_router.decoders.plain import PlainDecoder
from rag_router.eval.reference_decoding import (
    CLOSE,
    Case,
    agreement,
    decode_plainly,
    decode_well,
)
from rag_router.models.causal import TransformersModel
from rag_router.models.streams import OneStream, StepInput, StepOutput

MODEL = tiny_model("llama")
NETWORK = MODEL._model


def plain(*prompts, strategy=None, most=4):
    return [
        Case(prompts={"context": prompt}, strategy=strategy or PlainDecoder(), max_new_tokens=most)
        for prompt in prompts
    ]


def test_a_plain_answer_is_the_likeliest_token_after_each_pass_over_all_that_was_said():
    prompts = [prompt_of(length, 3) for length in (4, 4, 11)]
    expected = decode_plainly(NETWORK, plain(*prompts), end_ids=MODEL.end_ids)
    for prompt, found in zip(prompts, expected, strict=True):
        said, gaps = [], []
        while len(said) < 4:
            best = plain_logits("llama", [*prompt, *said]).topk(2)
            gaps.append(float(best.values[0] - best.values[1]))
            if int(best.indices[0]) in MODEL.end_ids:
                break
            said.append(int(best.indices[0]))
        assert list(found.ids) == said
        assert list(found.gaps) == pytest.approx(gaps, abs=1e-4)


def test_the_end_token_is_no_part_of_an_answer_and_its_step_has_a_gap():
    prompt = prompt_of(5)
    first = decode_plainly(NETWORK, plain(prompt), end_ids=frozenset())[0].ids
    ended = decode_plainly(NETWORK, plain(prompt), end_ids=frozenset({first[2]}))[0]
    at = first.index(first[2])
    assert (ended.ids, len(ended.gaps)) == (first[:at], at + 1)


def test_how_many_sequences_share_a_pass_makes_no_difference():
    cases = plain(*(prompt_of(5 + n % 2, n) for n in range(7)))
    read = [decode_plainly(NETWORK, cases, end_ids=MODEL.end_ids, batch_size=n) for n in (1, 3, 32)]
    assert [one.ids for one in read[0]] == [one.ids for one in read[1]]
    assert [one.ids for one in read[0]] == [one.ids for one in read[2]]


def test_a_strategy_is_handed_its_own_memory():
    prompts = {role: prompt_of(4 + n, n) for n, role in enumerate(("closed", "context", "abstain"))}
    slow, quick = (
        Case(prompts=prompts, strategy=AbstainingMomentumDecoder(momentum=m)) for m in (0.9, 0.0)
    )
    found = agreement(MODEL, NETWORK, [slow, quick, slow])
    assert (found.cases, found.different) == (3, ())


def test_answers_that_differ_are_told_by_their_places():
    other = tiny_model("olmoe")._model
    cases = plain(prompt_of(6), prompt_of(9))
    found = agreement(MODEL, other, cases)
    assert found.different == (0, 1)
    assert agreement(MODEL, NETWORK, cases).different == ()


@dataclass(frozen=True)
class Wavering:
    """Holds two tokens for equally likely, give or take, and has them change places."""

    by: float
    calls: list[int]
    streams = ("context",)

    def step(self, step: StepInput) -> StepOutput:
        self.calls.append(1)
        scores = torch.zeros_like(step.logits["context"])
        scores[:, 40] = 5.0
        scores[:, 41] = 5.0 + (self.by if len(self.calls) % 2 else -self.by)
        return StepOutput(scores)


@pytest.mark.parametrize(
    ("by", "ties", "different"), [(CLOSE / 2, (0,), ()), (CLOSE * 2, (), (0,))]
)
def test_a_difference_where_the_best_two_are_close_is_a_tie(by, ties, different):
    # The slow way asks once, so the quick one is the second to ask, and hears the other token.
    found = agreement(MODEL, NETWORK, plain(prompt_of(4), strategy=Wavering(by, []), most=1))
    assert (found.ties, found.different) == (ties, different)
    assert found.close_steps == len(ties)


def test_decoding_well_reads_layers_where_somebody_asks_for_them():
    cases = [*plain(prompt_of(4)), *plain(prompt_of(4), strategy=LayerFusedDecoder())]
    said = decode_well(MODEL, [*cases, *plain(prompt_of(4), strategy=OneStream("context"))])
    assert said[0].text == said[2].text
    assert [one.notes for one in said] == [()] * 3


def test_of_several_layers_each_answer_fuses_its_own():
    config = LlamaConfig(
        vocab_size=97,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=9,
        num_attention_heads=4,
        initializer_range=0.2,
    )
    torch.manual_seed(1)
    network = LlamaForCausalLM(config)
    tokenizer = CharacterTokenizer()
    model = TransformersModel(network, tokenizer, name="deep", fingerprint="deep")
    prompts = [prompt_of(4 + n % 9, n) for n in range(40)]
    found = agreement(model, network, plain(*prompts, strategy=LayerFusedDecoder(plausible=0.01)))
    assert found.different == ()
    fused = decode_well(model, plain(*prompts, strategy=LayerFusedDecoder(plausible=0.01)))
    assert [one.text for one in fused] != [one.text for one in decode_well(model, plain(*prompts))]
