"""Caches written in place, against caches that are values and against plain passes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import KINDS, WINDOW, plain_logits, prompt_of, tiny_model
from transformers import Gemma3ForCausalLM

from rag_router.errors import ModelError
from rag_router.models.caches import KeyValues
from rag_router.models.forwarding import Network
from rag_router.models.static_caches import StaticKeyValues

LENGTHS = (2, WINDOW - 2, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW, 30)
CLOSE = 1e-4
ROOM = 9


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def model(kind):
    return tiny_model(kind)


def read(kind, *lengths):
    """A cache of each prompt, read by itself."""
    return [tiny_model(kind).prefill([prompt_of(n, seed=1)]) for n in lengths]


def network_of(kind, *, rounded=False):
    return replace(Network.of(tiny_model(kind)._model), rounded=rounded)


def joined(parts, network, room=ROOM):
    return StaticKeyValues.join([p.cache for p in parts], room=room, rounded=network.rounded)


def worst(left, right):
    return float((left - right).abs().max())


@pytest.mark.parametrize("rounded", [False, True])
@torch.inference_mode()
def test_tokens_are_those_of_plain_passes_while_rows_leave_and_change_places(kind, rounded):
    network, parts = network_of(kind, rounded=rounded), read(kind, *LENGTHS)
    values, cache = tiny_model(kind).join([p.cache for p in parts]), joined(parts, network)
    logits = torch.cat([p.logits for p in parts])
    rows, said = list(range(len(LENGTHS))), [[] for _ in LENGTHS]
    leaving = {1: [6], 2: [2], 4: [0, 3, 4], 6: [5]}
    for step in range(ROOM):
        tokens = logits.argmax(dim=-1).tolist()
        for row, token in zip(rows, tokens, strict=True):
            said[row].append(token)
        logits, cache = cache.step(network, tokens)
        expected, values = values.step(network, tokens)
        assert worst(logits, expected) < CLOSE
        assert (cache.rows, cache.length) == (len(rows), 30 + step + 1)
        for place, row in enumerate(rows):
            plain = plain_logits(kind, [*prompt_of(LENGTHS[row], seed=1), *said[row]])
            assert worst(logits[place], plain) < CLOSE
            assert logits[place].argmax() == plain.argmax()
        stay = [at for at, row in enumerate(rows) if row not in leaving.get(step, ())][::-1]
        rows = [rows[at] for at in stay]
        cache, values, logits = cache.select(stay), values.select(stay), logits[stay]
    assert rows == [1]
    assert [len(line) for line in said] == [5, 9, 3, 5, 5, 7, 2]


@torch.inference_mode()
def test_a_window_moves_on_over_what_was_written(model, kind):
    # From 3 tokens to 3 + 4 * WINDOW: most of the time all that a layer sees was written here.
    network, parts = network_of(kind), read(kind, 3)
    cache, said = joined(parts, network, room=4 * WINDOW), []
    logits = parts[0].logits
    for _ in range(4 * WINDOW):
        said.append(int(logits.argmax()))
        logits, cache = cache.step(network, said[-1:])
    assert worst(logits[0], plain_logits(kind, [*prompt_of(3, seed=1), *said])) < CLOSE


@torch.inference_mode()
def test_a_step_asks_the_device_for_nothing(kind):
    # Tensors without contents: whoever asks for a number gets an error.
    made = tiny_model(kind)._model
    with torch.device("meta"):
        network = type(made)(made.config).to(torch.bfloat16).eval()
    parts = [on_meta(part.cache) for part in read(kind, 5, 12, 3)]
    cache = StaticKeyValues.join(parts, room=3, rounded=True)
    logits, cache = cache.step(Network.of(network), [7, 8, 9])
    logits, _ = cache.select([2, 0]).step(Network.of(network), [9, 7])
    assert (logits.shape, logits.device.type) == ((2, 97), "meta")
    with pytest.raises(RuntimeError, match="meta"):
        logits.argmax(dim=-1).tolist()


def on_meta(cache):
    return KeyValues(
        keys=tuple(keys.to("meta", torch.bfloat16) for keys in cache.keys),
        values=tuple(values.to("meta", torch.bfloat16) for values in cache.values),
        windows=cache.windows,
        mask=cache.mask.to("meta"),
    )


@torch.inference_mode()
def test_attention_that_adds_its_masks_says_the_same():
    made = tiny_model("gemma3")._model
    adding = Gemma3ForCausalLM(made.config.__class__(**made.config.to_dict())).eval()
    adding.load_state_dict(made.state_dict())
    adding.set_attn_implementation("eager")
    parts = read("gemma3", 4, 20)
    cache = joined(parts, network_of("gemma3"))
    expected, _ = cache.step(network_of("gemma3"), [7, 8])
    logits, _ = joined(parts, network_of("gemma3")).step(Network.of(adding), [7, 8])
    assert worst(logits, expected) < CLOSE


def test_attention_with_masks_of_another_kind_keeps_values():
    made = tiny_model("llama")._model
    config = made.config.__class__(**made.config.to_dict())
    config._attn_implementation = "flex_attention"

    class Other:
        def __init__(self):
            self.config = config

    assert Network.of(Other()).in_place is None
    with pytest.raises(ModelError, match="cannot be compiled"):
        Network.of(Other()).compiled("other")


def test_layers_that_see_chunks_keep_values():
    config = tiny_model("gemma3")._model.config
    chunked = config.__class__(**config.to_dict())
    chunked.layer_types = ["chunked_attention"] * 4

    class Other:
        def __init__(self):
            self.config = chunked

    assert Network.of(Other()).in_place is None


@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.data())
def test_slots_are_rows_or_the_next_power_of_two(lengths, data):
    parts = [one_row(n) for n in lengths]
    exact = StaticKeyValues.join(parts, room=1)
    rounded = StaticKeyValues.join(parts, room=1, rounded=True)
    assert exact._buffers.slots == len(lengths)
    assert rounded._buffers.slots == {1: 2, 2: 2, 3: 4, 4: 4, 5: 8}[len(lengths)]
    order = data.draw(st.lists(st.sampled_from(range(len(lengths))), min_size=1, max_size=9))
    for cache in (exact, rounded):
        chosen = cache.select(order)
        assert (chosen.rows, chosen.length) == (len(order), max(lengths))
        for place, row in zip(chosen.places(range(len(order))), order, strict=True):
            assert held(chosen, place) == list(range(lengths[row]))
    assert rounded.select(order)._buffers.slots in {2, 4, 8, 16}


def one_row(length):
    """A cache of one full layer, whose keys are their positions."""
    keys = torch.arange(float(length)).reshape(1, 1, length, 1)
    mask = torch.ones((1, length), dtype=torch.bool)
    return KeyValues(keys=(keys,), values=(-keys,), windows=(None,), mask=mask)


def held(cache, slot):
    """What a slot has read, padding and room left out."""
    stretch = cache._buffers.stretches[0]
    read = stretch.mask[slot, : int(stretch.column)]
    return cache._buffers.keys[0][slot, 0, : len(read), 0][read].tolist()


def test_rows_leave_their_slots_empty_until_half_would_do():
    eight = StaticKeyValues.join([one_row(3)] * 8, room=4, rounded=True)
    five = eight.select([0, 1, 3, 6, 7])
    assert five._buffers is eight._buffers
    assert five.places([0, 4]) == [0, 7]
    four = five.select([1, 2, 3, 4])
    assert four._buffers.slots == 4
    assert four.places([0, 3]) == [0, 3]


@torch.inference_mode()
def test_room_is_made_a_stretch_at_a_time(model, kind):
    # 64 columns at once: 5 + 64 are 69, and 80 in multiples of 16; step 76 has to make more.
    network, parts = network_of(kind), read(kind, 5)
    cache, said, logits = joined(parts, network, room=100), [], parts[0].logits
    columns = []
    for _ in range(80):
        columns.append(cache._buffers.keys[2].shape[2])
        said.append(int(logits.argmax()))
        logits, cache = cache.step(network, said[-1:])
    assert worst(logits[0], plain_logits(kind, [*prompt_of(5, seed=1), *said])) < CLOSE
    assert columns[:76] == [80] * 76
    assert columns[76:] == [80 + 64] * 4


def test_columns_come_in_multiples_of_sixteen():
    # 13 read and 3 to come are 16; with one more to come, 32 are needed.
    for room, columns in ((3, 16), (4, 32)):
        cache = StaticKeyValues.join([one_row(13)], room=room)
        assert cache._buffers.keys[0].shape == (1, 1, columns, 1)


@torch.inference_mode()
def test_a_row_may_stand_in_it_twice(kind):
    network, parts = network_of(kind), read(kind, 12, 5)
    logits, _ = joined(parts, network).select([1, 1, 0]).step(network, [7, 9, 7])
    assert worst(logits[0], plain_logits(kind, [*prompt_of(5, seed=1), 7])) < CLOSE
    assert worst(logits[1], plain_logits(kind, [*prompt_of(5, seed=1), 9])) < CLOSE
    assert worst(logits[2], plain_logits(kind, [*prompt_of(12, seed=1), 7])) < CLOSE


def test_what_was_joined_stays_as_it_was(model):
    parts = [model.prefill([prompt_of(n)]).cache for n in (5, 12)]
    before = [[tensor.clone() for tensor in (*p.keys, *p.values, p.mask)] for p in parts]
    _, cache = model.step(model.join(parts, room=4), [7, 8])
    model.step(cache, [8, 7])
    for part, old in zip(parts, before, strict=True):
        now = (*part.keys, *part.values, part.mask)
        assert all(torch.equal(a, b) for a, b in zip(old, now, strict=True))


def test_the_layers_of_a_row_are_its_own_wherever_it_stands(model):
    parts = [model.prefill([prompt_of(n)]).cache for n in (5, 12, 9)]
    tokens = [7, 8, 9]
    _, _, expected = model.step_layers(model.join(parts), tokens, [2, 0])
    _, _, layers = model.step_layers(model.join(parts, room=4), tokens, [2, 0])
    assert worst(layers.before, expected.before) < CLOSE
    assert worst(layers.after, expected.after) < CLOSE


def test_a_cache_with_room_is_stepped_once(model):
    cache = model.join([model.prefill([prompt_of(5)]).cache], room=4)
    model.step(cache, [7])
    with pytest.raises(ModelError, match="stepped twice"):
        model.step(cache, [7])
    with pytest.raises(ModelError, match="stepped twice"):
        cache.select([0])


def test_no_more_is_appended_than_there_is_room_for(model):
    cache = model.join([model.prefill([prompt_of(5)]).cache], room=1)
    _, cache = model.step(cache, [7])
    with pytest.raises(ModelError, match="no room left"):
        model.step(cache, [7])


def test_caches_of_different_models_cannot_share_buffers():
    parts = [read("llama", 5)[0].cache, read("gemma3", 5)[0].cache]
    with pytest.raises(ModelError, match="different models"):
        StaticKeyValues.join(parts, room=1)
