"""What every causal model promises; a new one is covered by adding it to `MODELS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
import torch
from tiny import KINDS, tiny_model

from rag_router.errors import ModelError
from rag_router.models.base import Ability, CausalModel
from rag_router.models.scripted import Reply, ScriptedModel

SCRIPT = {"Rome": Reply("Tiber and old", 0.9), "Oslo": Reply("cold", 0.6)}
MODELS: dict[str, Callable[[], CausalModel]] = {
    "scripted": lambda: ScriptedModel(SCRIPT, context_tokens=128),
    **{kind: lambda kind=kind: tiny_model(kind) for kind in KINDS},
    # Its window is wide enough for a prefix to be kept, and narrower than most prompts.
    "gemma3-wide": lambda: tiny_model("gemma3", window=24),
}
TEXTS = ("Rome", "a", "Who lives in Oslo and why?", "Rome, as seen from Oslo on a clear day")


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]()


def read_one_by_one(model):
    return [model.prefill([model.encode(text)], hidden=True) for text in TEXTS]


def close(left, right):
    return torch.allclose(left, right, atol=1e-4)


def test_a_batch_reads_what_each_row_reads_alone(model):
    together = model.prefill([model.encode(text) for text in TEXTS], hidden=True)
    alone = read_one_by_one(model)
    assert together.tokens == tuple(len(model.encode(text)) for text in TEXTS)
    assert together.cache.rows == len(TEXTS)
    for row, one in enumerate(alone):
        assert close(together.logits[row], one.logits[0])
        assert close(together.hidden[row], one.hidden[0])


def test_joined_caches_go_on_like_a_batch_and_selected_rows_like_themselves(model):
    read = read_one_by_one(model)
    joined = model.join([one.cache for one in read])
    tokens = [int(one.logits.argmax()) for one in read]
    logits, cache = model.step(joined, tokens)
    assert cache.rows == len(TEXTS)
    some = [2, 0]
    fewer, _ = model.step(joined.select(some), [tokens[row] for row in some])
    for row, one in enumerate(read):
        alone, _ = model.step(one.cache, [tokens[row]])
        assert close(logits[row], alone[0])
    for place, row in enumerate(some):
        assert close(fewer[place], logits[row])


def test_a_join_with_room_goes_on_like_one_without_while_rows_leave(model):
    read = read_one_by_one(model)
    owned = model.join([one.cache for one in read], room=3)
    values = model.join([one.cache for one in read])
    tokens = [int(one.logits.argmax()) for one in read]
    for stay in ([3, 0, 1], [2, 0], [1, 0]):
        assert owned.rows == values.rows
        expected, values = model.step(values, tokens)
        logits, owned = model.step(owned, tokens)
        assert close(logits, expected)
        owned, values = owned.select(stay), values.select(stay)
        tokens = expected[stay].argmax(dim=-1).tolist()
        assert owned.length >= values.length


def test_a_selection_drops_the_columns_that_only_pad(model):
    cache = model.prefill([model.encode(text) for text in TEXTS]).cache
    assert cache.length >= max(len(model.encode(text)) for text in TEXTS)
    assert cache.select([1]).length == len(model.encode(TEXTS[1]))


def test_what_is_shared_changes_nothing_that_is_read(model):
    head = model.encode("Rome and Oslo are cities.\n\n")
    prompts = [[*head, *model.encode(text, begin=False)] for text in (*TEXTS, "")]
    prompts.append(model.encode(TEXTS[0]))
    shared = [len(head)] * (len(TEXTS) + 1) + [0]
    whole = model.prefill(prompts, hidden=True)
    for _ in ("for the first time", "and again"):
        read = model.prefill(prompts, hidden=True, shared=shared)
        assert (read.tokens, read.cache.rows) == (whole.tokens, len(prompts))
        assert close(read.logits, whole.logits)
        assert close(read.hidden, whole.hidden)
        tokens = whole.logits.argmax(dim=-1).tolist()
        assert close(model.step(read.cache, tokens)[0], model.step(whole.cache, tokens)[0])


@pytest.mark.parametrize("shared", [[1], [0, 3], [0, -1], [0, 0, 0]])
def test_shared_prefixes_that_do_not_lie_in_their_prompts_are_errors(model, shared):
    with pytest.raises(ModelError, match="share"):
        model.prefill([[5, 6], [5, 7]], shared=shared)


# A script says what follows which prompt, so it must know where the prompt ends; weights do not.
@pytest.mark.parametrize("model", KINDS, indirect=True)
def test_a_step_after_a_prefill_equals_a_prefill_of_the_longer_prompt(model):
    for text in TEXTS:
        ids = model.encode(text)
        stepped, _ = model.step(model.prefill([ids]).cache, [7])
        assert close(stepped[0], model.prefill([[*ids, 7]]).logits[0])


def test_a_step_that_shows_layers_is_a_step_and_shows_those_that_are_asked_for(model):
    read = model.prefill([model.encode(text) for text in TEXTS], layers=True)
    tokens = read.logits.argmax(dim=-1).tolist()
    assert (read.layers.rows, read.layers.layers > 0) == (len(TEXTS), True)
    logits, cache, shown = model.step_layers(read.cache, tokens, [2, 0])
    plain, grown = model.step(read.cache, tokens)
    assert close(logits, plain)
    assert (cache.rows, cache.length) == (grown.rows, grown.length)
    every = model.step_layers(read.cache, tokens, range(len(TEXTS)))[2]
    for layers, rows in ((read.layers, len(TEXTS)), (shown, 2)):
        for said in layers.logits(range(layers.layers)):
            assert said.shape == (rows, layers.layers, model.vocabulary_size)
            assert torch.isfinite(said).all()
    assert torch.allclose(shown.after, every.select([2, 0]).after, atol=1e-4)
    assert torch.allclose(shown.before, every.select([2, 0]).before, atol=1e-4)


def test_a_cache_is_never_changed(model):
    read = model.prefill([model.encode(text) for text in TEXTS])
    tokens = read.logits.argmax(dim=-1).tolist()
    first, grown = model.step(read.cache, tokens)
    assert grown.length == read.cache.length + 1
    model.step(grown, tokens)
    read.cache.select([0])
    again, _ = model.step(read.cache, tokens)
    assert torch.equal(first, again)
    assert read.cache.rows == len(TEXTS)


def test_logits_are_float32_over_the_vocabulary(model):
    read = model.prefill([model.encode("Rome")])
    stepped, _ = model.step(read.cache, [5])
    for logits in (read.logits, stepped):
        assert (logits.shape, logits.dtype) == ((1, model.vocabulary_size), torch.float32)
        assert torch.isfinite(logits).all()


@pytest.mark.parametrize("prompts", [[], [[]], [[5], []]])
def test_empty_prompts_are_errors(model, prompts):
    with pytest.raises(ModelError, match="empty prompt"):
        model.prefill(prompts)


def test_the_context_can_be_filled_and_not_exceeded(model):
    assert model.prefill([[5] * model.context_tokens]).tokens == (128,)
    with pytest.raises(ModelError, match="129 tokens does not fit"):
        model.prefill([[5], [5] * (model.context_tokens + 1)])


def test_text_survives_the_tokeniser_and_begins_at_most_once(model):
    for text in TEXTS:
        with_begin, without = model.encode(text), model.encode(text, begin=False)
        assert with_begin[-len(without) :] == without
        assert len(with_begin) - len(without) in {0, 1}
        assert model.decode(with_begin) == text
    assert model.decode(list(model.end_ids)) == ""
    assert model.encode("", begin=False) == []


def test_a_model_has_a_name_a_fingerprint_and_known_abilities(model):
    assert model.name
    assert model.fingerprint == model.fingerprint != ""
    assert model.abilities <= set(get_args(Ability))
    assert all(0 <= token < model.vocabulary_size for token in model.end_ids)
