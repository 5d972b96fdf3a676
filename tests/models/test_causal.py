"""Left padding, joining and sliding windows, against passes that use none of them."""

from __future__ import annotations

import pytest
import torch
from tiny import KINDS, WINDOW, plain_hidden, plain_logits, prompt_of, tiny_model

from rag_router.errors import ModelError
from rag_router.models.caches import KeyValues
from rag_router.models.causal import TransformersModel

LENGTHS = (2, WINDOW - 2, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW, 30)
CLOSE = 1e-4


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def model(kind):
    return tiny_model(kind)


def worst(left, right):
    return float((left - right).abs().max())


def test_gemma_is_built_with_layers_of_both_kinds():
    cache = tiny_model("gemma3").prefill([prompt_of(20)]).cache
    assert cache.windows == (WINDOW, WINDOW, None, WINDOW)
    assert [keys.shape[2] for keys in cache.keys] == [WINDOW - 1, WINDOW - 1, 20, WINDOW - 1]


def test_a_prompt_reads_the_same_in_a_batch_alone_and_without_any_cache(kind, model):
    prompts = [prompt_of(length) for length in LENGTHS]
    together = model.prefill(prompts, hidden=True)
    assert together.tokens == LENGTHS
    for row, prompt in enumerate(prompts):
        alone = model.prefill([prompt], hidden=True)
        assert worst(together.logits[row], alone.logits[0]) < CLOSE
        assert worst(together.hidden[row], alone.hidden[0]) < CLOSE
        assert worst(together.logits[row], plain_logits(kind, prompt)) < CLOSE
        assert worst(together.hidden[row], plain_hidden(kind, prompt)) < CLOSE


def test_only_the_last_position_is_turned_into_logits(model):
    read = model.prefill([prompt_of(30), prompt_of(5)], hidden=True)
    assert read.logits.shape == (2, model.vocabulary_size)
    assert read.logits.dtype == torch.float32
    assert read.hidden.shape == (2, 4 + 1, 32)
    assert read.hidden.dtype == torch.float32


def test_hidden_states_are_empty_unless_asked_for(model):
    assert model.prefill([prompt_of(4), prompt_of(5)]).hidden.shape == (2, 0, 0)


def test_greedy_tokens_are_those_of_plain_passes_while_rows_leave_the_batch(kind, model):
    prompts = [prompt_of(length, seed=1) for length in LENGTHS]
    # Read one at a time, so that the batch is made by joining caches of different lengths.
    read = [model.prefill([prompt]) for prompt in prompts]
    cache = model.join([one.cache for one in read])
    logits = torch.cat([one.logits for one in read])
    rows = list(range(len(prompts)))
    said = [[] for _ in prompts]
    leaving = {2: 6, 4: 2, 6: 0}  # after this step, this row has ended
    for step in range(9):
        tokens = logits.argmax(dim=-1).tolist()
        for row, token in zip(rows, tokens, strict=True):
            said[row].append(token)
        logits, cache = model.step(cache, tokens)
        for place, row in enumerate(rows):
            plain = plain_logits(kind, [*prompts[row], *said[row]])
            assert worst(logits[place], plain) < CLOSE
            assert logits[place].argmax() == plain.argmax()
        if step in leaving:
            stay = [place for place, row in enumerate(rows) if row != leaving[step]]
            rows = [rows[place] for place in stay]
            cache, logits = cache.select(stay), logits[stay]
    assert [len(line) for line in said] == [7, 9, 5, 9, 9, 9, 3]


def test_when_the_longest_row_leaves_its_columns_leave_with_it(kind, model):
    cache = model.prefill([prompt_of(30), prompt_of(5), prompt_of(9)]).cache
    short = cache.select([2, 1])
    assert (short.rows, short.length) == (2, 9)
    logits, _ = model.step(short, [7, 8])
    assert worst(logits[0], plain_logits(kind, [*prompt_of(9), 7])) < CLOSE
    assert worst(logits[1], plain_logits(kind, [*prompt_of(5), 8])) < CLOSE


def test_a_row_may_stand_in_a_batch_twice(kind, model):
    cache = model.prefill([prompt_of(12), prompt_of(5)]).cache.select([1, 1, 0])
    logits, _ = model.step(cache, [7, 9, 7])
    assert worst(logits[0], plain_logits(kind, [*prompt_of(5), 7])) < CLOSE
    assert worst(logits[1], plain_logits(kind, [*prompt_of(5), 9])) < CLOSE


def test_caches_that_have_grown_can_be_joined_with_fresh_ones(kind, model):
    old = model.prefill([prompt_of(6), prompt_of(11)]).cache
    for token in (5, 6, 7):
        _, old = model.step(old, [token, token])
    fresh = model.prefill([prompt_of(25)]).cache
    logits, cache = model.step(model.join([old, fresh]), [8, 8, 8])
    assert (cache.rows, cache.length) == (3, 26)
    assert worst(logits[0], plain_logits(kind, [*prompt_of(6), 5, 6, 7, 8])) < CLOSE
    assert worst(logits[1], plain_logits(kind, [*prompt_of(11), 5, 6, 7, 8])) < CLOSE
    assert worst(logits[2], plain_logits(kind, [*prompt_of(25), 8])) < CLOSE


def test_a_cache_is_a_value_and_serves_again_and_again(model):
    cache = model.prefill([prompt_of(5), prompt_of(12)]).cache
    before = [keys.clone() for keys in cache.keys]
    first, grown = model.step(cache, [7, 8])
    model.step(grown, [9, 9])
    again, _ = model.step(cache, [7, 8])
    assert torch.equal(first, again)
    assert (cache.length, grown.length) == (12, 13)
    assert all(torch.equal(old, new) for old, new in zip(before, cache.keys, strict=True))


def test_positions_count_true_tokens_and_not_padding(model):
    cache = model.prefill([prompt_of(3), prompt_of(12)]).cache
    assert cache.positions.tolist() == [3, 12]


@pytest.mark.parametrize("prompts", [[], [[]], [[1, 5], []]])
def test_an_empty_prompt_is_an_error(model, prompts):
    with pytest.raises(ModelError, match="empty prompt"):
        model.prefill(prompts)


def test_a_prompt_may_fill_the_context_but_not_exceed_it(model):
    assert model.prefill([prompt_of(model.context_tokens)]).tokens == (128,)
    with pytest.raises(ModelError, match=r"129 tokens does not fit .*, which reads 128"):
        model.prefill([prompt_of(129)])


def test_the_begin_token_stands_first_exactly_once(model):
    assert model.encode("Ab") == [1, 3 + ord("A") - 32, 3 + ord("b") - 32]
    assert model.encode("<bos>Ab") == model.encode("Ab")
    assert model.encode("Ab", begin=False) == model.encode("Ab")[1:]
    assert model.encode("") == [1]
    assert model.decode(model.encode("Ab")) == "Ab"


def test_a_tokeniser_that_writes_no_begin_token_gets_none():
    assert tiny_model("llama", begins=False).encode("A") == [3 + ord("A") - 32]


def test_a_model_without_chat_template_says_so(model):
    assert not model.is_chat
    with pytest.raises(ModelError, match="no chat template"):
        model.render_chat([{"role": "user", "content": "Hello"}])


def test_a_model_tells_what_it_is(kind, model):
    assert (model.name, model.fingerprint) == (f"tiny-{kind}", kind)
    routed = {"router_activations"} if kind in {"mixtral", "olmoe"} else set()
    assert model.abilities == {"adapters", "hidden_states", "logits", "streams"} | routed
    assert (model.vocabulary_size, model.context_tokens) == (97, 128)
    assert 2 in model.end_ids


def test_caches_of_different_models_cannot_share_a_batch():
    one = tiny_model("llama").prefill([prompt_of(5)]).cache
    other = tiny_model("gemma3").prefill([prompt_of(5)]).cache
    with pytest.raises(ModelError, match="different models"):
        KeyValues.join([one, other])


def test_a_folder_without_a_model_is_an_error_that_names_it(tmp_path):
    with pytest.raises(ModelError, match=f"mine cannot be loaded from {tmp_path}"):
        TransformersModel.load(tmp_path, name="mine", fingerprint="f", device="cpu")
