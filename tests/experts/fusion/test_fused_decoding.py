"""Several models in one decoding loop: scripted ones by hand, random ones against plain passes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from tiny import CharacterTokenizer, counted_model, plain_logits, prompt_of, tiny_model

from rag_router.decoders.context_aware import ContextAwareDecoder
from rag_router.decoders.layer_fused import LayerFusedDecoder
from rag_router.errors import CancelledError, ModelError, SettingsError
from rag_router.experts.fusion.decoding import Shared, decode_together
from rag_router.experts.fusion.ensemble import Ensemble
from rag_router.experts.fusion.mixture import MixtureFusion
from rag_router.experts.fusion.product import ProductFusion
from rag_router.models.causal import TransformersModel
from rag_router.models.sampling import Sampling
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.streams import OneStream, Task, decode, start
from rag_router.models.vocabulary import fingerprint_of_vocabulary

FLORENCE = ScriptedModel({"river": Reply("Arno", 0.9)}, name="florence")
ROME = ScriptedModel({"river": Reply("Tiber", 0.9)}, name="rome")
CLOSED = OneStream("closed")


def read(model, prompt):
    ids = model.encode(prompt) if isinstance(prompt, str) else prompt
    return start(model.prefill([ids]))[0]


def shared(models, prompt="river", *, weights=(0.5, 0.5), **more):
    lead, *rest = models
    task = Task(streams={"closed": read(models[lead], prompt)}, strategy=CLOSED, **more)
    others = {name: {"closed": read(models[name], prompt)} for name in rest}
    return Shared(task=task, others=others, weights=weights)


def scripted(weights, fusion=None, **more):
    models = {"florence": FLORENCE, "rome": ROME}
    one = shared(models, weights=weights, **more)
    return decode_together(Ensemble(models), [one], fusion=fusion or MixtureFusion())[0]


def random_models():
    return {"a": tiny_model("llama"), "b": tiny_model("gemma3")}


def random_answers(models, **more):
    return [
        shared(models, prompt_of(length), weights=(share, 1 - share), max_new_tokens=most, **more)
        for length, share, most in ((7, 0.5, 6), (19, 0.2, 3), (11, 0.9, 8))
    ]


def test_the_expert_of_the_greater_weight_has_the_last_word():
    assert scripted((0.7, 0.3)).text == "Arno"
    assert scripted((0.3, 0.7)).text == "Tiber"


def test_the_log_probability_is_that_of_the_mixture_and_the_trace_holds_the_weights():
    said = scripted((0.7, 0.3))
    # Rome gives "A" what is left of 0.1 for one of 257 other bytes.
    wanted = math.log(0.7 * 0.9 + 0.3 * 0.1 / 257)
    assert said.tokens[0].logprob == pytest.approx(wanted, abs=1e-5)
    assert dict(said.tokens[0].experts) == pytest.approx({"florence": 0.7, "rome": 0.3})


def test_a_trace_shows_what_the_leading_expert_finds_likely():
    said = scripted((0.3, 0.7), trace=True)
    assert said.tokens[0].text == "T"
    assert said.tokens[0].alternatives_closed[0].text == "A"


def test_an_answer_ends_at_a_stop_string_at_the_most_tokens_and_at_the_deadline():
    stopped = scripted((1.0, 0.0), stop=("n",))
    assert (stopped.text, stopped.finish) == ("Ar", "stop")
    assert scripted((1.0, 0.0), max_new_tokens=2).finish == "length"
    late = scripted((1.0, 0.0), deadline=lambda: True)
    assert (late.text, late.finish) == ("", "deadline")


def test_cancelling_stops_everything():
    models = {"florence": FLORENCE, "rome": ROME}
    with pytest.raises(CancelledError):
        decode_together(
            Ensemble(models), [shared(models)], fusion=MixtureFusion(), cancelled=lambda: True
        )


def test_pieces_are_heard_as_they_become_certain():
    models, heard = {"florence": FLORENCE, "rome": ROME}, []
    decode_together(
        Ensemble(models),
        [shared(models, weights=(1.0, 0.0))],
        fusion=MixtureFusion(),
        heard=lambda spoken: heard.append(spoken.text),
    )
    assert "".join(heard) == "Arno"


@pytest.mark.parametrize("fusion", [MixtureFusion(), ProductFusion()])
def test_every_token_is_the_likeliest_of_what_two_models_say_by_plain_passes(fusion):
    models = random_models()
    prompt, share = prompt_of(9), 0.4
    one = shared(models, prompt, weights=(share, 1 - share), max_new_tokens=6, stop=())
    said = decode_together(Ensemble(models), [one], fusion=fusion)[0]
    ids = list(prompt)
    for _ in said.tokens:
        p, q = (torch.softmax(plain_logits(kind, ids), dim=-1) for kind in ("llama", "gemma3"))
        mixture = share * p + (1 - share) * q
        product = p**share * q ** (1 - share)
        ids.append(int((mixture if isinstance(fusion, MixtureFusion) else product).argmax()))
    assert said.text == CharacterTokenizer().decode(ids[len(prompt) :]).strip()
    assert len(said.tokens) == 6


@pytest.mark.parametrize("sampling", [None, Sampling(seed=3, key="q")])
def test_an_answer_is_the_same_alone_in_a_batch_and_in_any_order(sampling):
    models = random_models()
    together, fusion = Ensemble(models), MixtureFusion()
    answers = random_answers(models, sampling=sampling)
    alone = [decode_together(together, [one], fusion=fusion)[0].text for one in answers]
    batch = [one.text for one in decode_together(together, answers, fusion=fusion)]
    back = [one.text for one in decode_together(together, answers[::-1], fusion=fusion)]
    assert batch == alone
    assert back[::-1] == alone
    assert len(set(alone)) == 3


def test_with_all_weight_on_one_expert_that_one_answers_as_if_alone():
    models = random_models()
    for at, name in enumerate(models):
        weights = tuple(float(at == n) for n in range(2))
        one = shared(models, prompt_of(12), weights=weights, max_new_tokens=8)
        task = Task(
            streams={"closed": read(models[name], prompt_of(12))},
            strategy=CLOSED,
            max_new_tokens=8,
        )
        together = decode_together(Ensemble(models), [one], fusion=MixtureFusion())[0]
        assert together.text == decode(models[name], [task])[0].text


def test_each_expert_makes_one_pass_a_step_over_the_rows_that_still_go_on():
    first, seen = counted_model("llama")
    second, watched = counted_model("gemma3")
    models = {"a": first, "b": second}
    answers = random_answers(models)
    seen.read.clear()
    watched.read.clear()
    said = decode_together(Ensemble(models), answers, fusion=MixtureFusion())
    # The first token comes of the prompts; rows of 6, 3 and 8 tokens go on 5, 2 and 7 times.
    assert [len(one.tokens) for one in said] == [6, 3, 8]
    wanted = [(3, 1)] * 2 + [(2, 1)] * 3 + [(1, 1)] * 2
    assert seen.read == wanted
    assert watched.read == wanted
    assert [one.forward_rows for one in said] == [10, 4, 14]


def test_experts_that_share_a_model_share_its_pass():
    model, seen = counted_model("llama")
    lead = Task(streams={"closed": read(model, prompt_of(7))}, strategy=CLOSED, max_new_tokens=3)
    other = {"closed": read(model, prompt_of(12))}
    seen.read.clear()
    one = Shared(task=lead, others={"b": other}, weights=(0.5, 0.5))
    together = Ensemble({"a": model, "b": model})
    said = decode_together(together, [one], fusion=MixtureFusion())[0]
    assert len(said.tokens) == 3
    assert seen.read == [(2, 1)] * 2


def test_a_decoder_weighs_memory_and_passages_of_each_expert_before_they_are_fused():
    models = random_models()
    decoder, prompts = ContextAwareDecoder(alpha=0.5), {"closed": 6, "context": 14}
    streams = {
        name: {role: read(model, prompt_of(length)) for role, length in prompts.items()}
        for name, model in models.items()
    }
    task = Task(streams=streams["a"], strategy=decoder, max_new_tokens=1, stop=(), trace=True)
    one = Shared(task=task, others={"b": streams["b"]}, weights=(0.5, 0.5))
    said = decode_together(Ensemble(models), [one], fusion=MixtureFusion())[0]
    shares = []
    for kind in ("llama", "gemma3"):
        closed, context = (plain_logits(kind, prompt_of(n)) for n in prompts.values())
        shares.append(torch.softmax(1.5 * context - 0.5 * closed, dim=-1))
    best, token = ((shares[0] + shares[1]) / 2).max(dim=-1)
    assert said.tokens[0].text.strip() == CharacterTokenizer().decode([int(token)]).strip()
    assert said.tokens[0].logprob == pytest.approx(math.log(best.item()), abs=1e-4)
    assert said.tokens[0].alpha == pytest.approx(0.5)
    assert said.forward_rows == 0


def test_models_of_other_vocabularies_are_refused_by_name():
    tokenizer = CharacterTokenizer()
    numbers = tokenizer.get_vocab()
    swapped = numbers | {"a": numbers["b"], "b": numbers["a"]}

    class Swapped(CharacterTokenizer):
        def get_vocab(self):
            return swapped

    other = TransformersModel(
        tiny_model("llama").network, Swapped(), name="other", fingerprint="other"
    )
    with pytest.raises(SettingsError, match=r"'a' and 'b' have different vocabularies.*'vote'"):
        Ensemble({"a": tiny_model("llama"), "b": other})
    with pytest.raises(SettingsError, match="different vocabularies"):
        Ensemble({"a": tiny_model("llama"), "b": FLORENCE})


def test_a_model_that_does_not_show_its_vocabulary_is_refused_by_name():
    @dataclass
    class Mute:
        vocabulary_size: int = 258

    with pytest.raises(SettingsError, match="'mute' does not show its vocabulary"):
        Ensemble({"florence": FLORENCE, "mute": Mute()})


def test_a_vocabulary_is_told_by_what_stands_under_each_number():
    print_ = fingerprint_of_vocabulary({"a": 0, "b": 1})
    assert print_ == fingerprint_of_vocabulary({"b": 1, "a": 0})
    assert print_ != fingerprint_of_vocabulary({"b": 0, "a": 1})
    assert fingerprint_of_vocabulary({"a 1": 0}) != fingerprint_of_vocabulary({"a": 0, "1": 0})


def test_every_expert_must_have_read_what_the_leading_one_reads():
    models = {"florence": FLORENCE, "rome": ROME}
    task = Task(streams={"closed": read(FLORENCE, "river")}, strategy=CLOSED)
    with pytest.raises(ModelError, match="'rome' has not read the stream 'closed'"):
        decode_together(
            Ensemble(models),
            [Shared(task=task, others={}, weights=(0.5, 0.5))],
            fusion=MixtureFusion(),
        )


def test_a_decoder_that_reads_layers_is_refused():
    models = {"florence": FLORENCE, "rome": ROME}
    with pytest.raises(SettingsError, match="reads the layers of a model"):
        decode_together(
            Ensemble(models),
            [
                Shared(
                    task=Task(
                        streams={"context": read(FLORENCE, "river")}, strategy=LayerFusedDecoder()
                    ),
                    others={"rome": {"context": read(ROME, "river")}},
                    weights=(0.5, 0.5),
                )
            ],
            fusion=MixtureFusion(),
        )
