"""What the later layers of real, small models say, against the layers' own sums."""

from __future__ import annotations

import threading

import pytest
import torch
from tiny import KINDS, WINDOW, counted_model, plain_logits, prompt_of, tiny_model

from rag_router.decoders.layer_fused import LayerFusedDecoder
from rag_router.errors import ModelError
from rag_router.models.layers import LayerStates, later_layers
from rag_router.models.lens import LayerLens
from rag_router.models.prefixes import PrefixCache
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.streams import OneStream, Task, decode, start

CLOSE = 1e-4


@pytest.fixture(params=KINDS)
def model(request):
    return tiny_model(request.param)


def same(left, right):
    return torch.allclose(left.before, right.before, atol=CLOSE) and torch.allclose(
        left.after, right.after, atol=CLOSE
    )


@pytest.mark.parametrize(
    ("layers", "later"), [(18, range(9, 17)), (5, range(2, 4)), (4, range(2, 3)), (3, range(1, 2))]
)
def test_the_later_layers_are_the_latter_half_but_the_last(layers, later):
    assert later_layers(layers) == later


@pytest.mark.parametrize("layers", [1, 2])
def test_a_model_with_no_such_layer_shows_its_last_one(layers):
    assert later_layers(layers) == range(layers - 1, layers)


@torch.inference_mode()
def summed(kind, ids):
    """Around the third layer's network: what comes out of it less what the network adds."""
    network = tiny_model(kind)._model
    layer = network.base_model.layers[2]
    # Gemma adds what a norm makes of the network's output, the others the output itself.
    adding = getattr(layer, "post_feedforward_layernorm", layer.mlp)
    heard = []
    hooks = [
        adding.register_forward_hook(lambda _module, _given, made: heard.append(made)),
        layer.register_forward_hook(lambda _module, _given, made: heard.append(made)),
    ]
    network(torch.tensor([ids]), use_cache=False)
    for hook in hooks:
        hook.remove()
    added, after = (each.reshape(len(ids), -1)[-1] for each in heard)
    return after - added, after


def test_they_are_read_around_the_feed_forward_network(model):
    prompts = [prompt_of(length) for length in (3, WINDOW + 1, 20)]
    shown = model.prefill(prompts, layers=True).layers
    assert (shown.rows, shown.layers) == (3, 1)
    for row, ids in enumerate(prompts):
        before, after = summed(model.fingerprint, ids)
        assert torch.allclose(shown.before[row, 0], before, atol=CLOSE)
        assert torch.allclose(shown.after[row, 0], after, atol=CLOSE)


def test_the_head_makes_of_the_last_state_what_the_model_says(model):
    prompt = prompt_of(12)
    network = model._model
    heard = []
    hook = network.base_model.norm.register_forward_pre_hook(
        lambda _norm, given: heard.append(given[0][:, -1])
    )
    model.prefill([prompt])
    hook.remove()
    lens = LayerLens(network, network.config, "tiny")
    logits = lens.read(heard[0])
    assert (logits.shape, logits.dtype) == ((1, model.vocabulary_size), torch.float32)
    assert torch.allclose(logits[0], plain_logits(model.fingerprint, prompt), atol=CLOSE)


def test_a_step_shows_what_a_prefill_of_the_longer_prompt_shows(model):
    prompts = [prompt_of(4), prompt_of(WINDOW + 3), prompt_of(9)]
    read = model.prefill(prompts)
    logits, cache, shown = model.step_layers(read.cache, [7, 8, 9], [2, 0])
    plain, _ = model.step(read.cache, [7, 8, 9])
    assert torch.equal(logits, plain)
    assert (cache.rows, shown.rows) == (3, 2)
    longer = model.prefill([[*prompts[2], 9], [*prompts[0], 7]], layers=True).layers
    assert same(shown, longer)


def test_nothing_is_shown_unless_it_is_asked_for(model):
    assert model.prefill([prompt_of(4)]).layers is None
    model.prefill([prompt_of(4)], layers=True)
    assert model.prefill([prompt_of(4)], hidden=True).layers is None


def test_rows_behind_different_prefixes_are_put_back_in_order():
    model, _ = counted_model("llama", prefixes=PrefixCache(2**20))
    prompts = [prompt_of(9, 1), prompt_of(7, 2), [*prompt_of(9, 1)[:6], 40, 41]]
    shown = model.prefill(prompts, shared=[5, 3, 5], layers=True, hidden=True).layers
    for row, prompt in enumerate(prompts):
        alone = tiny_model("llama").prefill([prompt], layers=True).layers
        assert same(shown.select([row]), alone)


def test_a_pass_in_another_thread_is_not_overheard():
    model = tiny_model("llama")
    alone = model.prefill([prompt_of(6)], layers=True).layers
    lens = model._lens
    with lens.listening() as heard:
        other = threading.Thread(target=model.prefill, args=([prompt_of(9)],))
        other.start()
        other.join()
        assert (heard.before, heard.after) == ([], [])
        model.prefill([prompt_of(6)])
    assert same(lens.states(heard), alone)


def test_logits_can_be_worked_with_outside_of_the_model():
    shown = tiny_model("gemma3").prefill([prompt_of(6)], layers=True).layers
    before, after = shown.logits(range(1))
    assert before.shape == after.shape == (1, 1, 97)
    assert torch.softmax(before, -1).sum().item() == pytest.approx(1.0)


def test_a_softcap_is_kept_to():
    model = tiny_model("llama")
    network = model._model

    class Capped:
        model_type, final_logit_softcapping = "llama", 5.0

    states = model.prefill([prompt_of(6)], layers=True).layers.after[:, 0]
    plain = LayerLens(network, network.config, "tiny").read(states)
    capped = LayerLens(network, Capped(), "tiny").read(states)
    assert torch.allclose(capped, 5 * torch.tanh(plain / 5))


def test_a_kind_of_model_that_is_not_known_is_named():
    network = tiny_model("llama")._model

    class Strange:
        model_type = "strange"

    with (
        pytest.raises(ModelError, match="'strange' cannot be read") as caught,
        LayerLens(network, Strange(), "mine").listening(),
    ):
        pass
    assert "llama" in caught.value.hint


def test_states_joined_and_selected_are_those_of_their_rows():
    def states(*rows):
        before = torch.tensor(rows, dtype=torch.float)[:, None, None]
        return LayerStates(before, -before, head=lambda one: one)

    joined = LayerStates.join([states(1, 2), states(3)])
    assert joined.select([2, 0]).before.flatten().tolist() == [3, 1]
    assert joined.select([2, 0]).after.flatten().tolist() == [-3, -1]
    assert joined.logits(range(1))[0].tolist() == [[[1]], [[2]], [[3]]]


# --- in the decoding loop ---------------------------------------------------------------------


class Opaque(ScriptedModel):
    """Shows none of its insides."""

    abilities = frozenset({"logits", "streams"})


def test_a_model_that_shows_no_insides_is_refused_by_name():
    model = Opaque({"river": Reply("Arno")}, name="opaque")
    read = start(model.prefill([model.encode("river")]))[0]
    with pytest.raises(ModelError, match=r"LayerFusedDecoder reads the layers.* opaque does not"):
        decode(model, [Task(streams={"context": read}, strategy=LayerFusedDecoder())])


def test_a_prompt_that_was_read_without_layers_is_refused():
    model = tiny_model("llama")
    read = start(model.prefill([prompt_of(5)]))[0]
    with pytest.raises(ModelError, match="read without them") as caught:
        decode(model, [Task(streams={"context": read}, strategy=LayerFusedDecoder())])
    assert "layers=True" in caught.value.hint


def test_only_rows_that_read_layers_pay_for_them():
    model = tiny_model("gemma3")
    asked = []

    class Watched(type(model)):
        def step_layers(self, cache, tokens, rows):
            asked.append((cache.rows, list(rows)))
            return super().step_layers(cache, tokens, rows)

    watched = Watched(model._model, model._tokenizer, name="watched", fingerprint="gemma3")
    closed, context = start(model.prefill([prompt_of(5), prompt_of(12)], layers=True))
    tasks = [
        Task(
            streams={"closed": closed, "context": context},
            strategy=strategy,
            max_new_tokens=most,
            trace=True,
            stop=(),
        )
        for strategy, most in ((OneStream("closed"), 4), (LayerFusedDecoder(), 3))
    ]
    said = decode(watched, tasks)
    assert [one.finish for one in said] == ["length", "length"]
    # Each row carries two streams. The second row's first one, place 2 of 4, is listened to, and
    # nobody is once that row has ended.
    assert asked == [(4, [2]), (4, [2])]
