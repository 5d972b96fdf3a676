"""A prompt read behind a kept prefix, against the same prompt read whole."""

from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import counted_model, plain_hidden, plain_logits, prompt_of, tiny_model

from rag_router.errors import SettingsError
from rag_router.models.causal import TransformersModel
from rag_router.models.prefixes import PrefixCache, namespace, read_for
from rag_router.models.prompts import PromptStyle, closed_book_prompt, contextual_prompt
from rag_router.models.store import ModelStore
from rag_router.models.streams import OneStream, Task, decode, start
from rag_router.types import Passage

CLOSE = 1e-4
# Kind and sliding window: none, shorter and longer than the prompts. With 24, prefixes are cut
# to 23 tokens, and most prompts are longer than the window.
KINDS = (("llama", 24), ("mixtral", 24), ("gemma3", 24), ("gemma3", 200))
MODELS = {kind: tiny_model(kind[0], window=kind[1]) for kind in KINDS}


@pytest.fixture(params=KINDS, ids=lambda kind: f"{kind[0]}-{kind[1]}")
def kind(request):
    return request.param


@pytest.fixture
def model(kind):
    return tiny_model(kind[0], window=kind[1])


def behind(prefix, *lengths, seed=7):
    """Prompts with that many random tokens behind the prefix."""
    return [[*prefix, *prompt_of(1 + n, seed + at)[1:]] for at, n in enumerate(lengths)]


def worst(left, right):
    return float((left - right).abs().max())


def go_on(model, read, steps):
    """Feed the best token of every row again and again; return all tokens and the last logits."""
    logits, cache, said = read.logits, read.cache, []
    for _ in range(steps):
        said.append(logits.argmax(dim=-1).tolist())
        logits, cache = model.step(cache, said[-1])
    return said, logits, cache


@pytest.mark.parametrize("lengths", [(1,), (1, 1), (3, 12, 7), (2, 60, 30), (0,), (0, 5), (0, 0)])
def test_a_prompt_reads_the_same_behind_a_kept_prefix(kind, model, lengths):
    # Suffixes of one token, of none, and (2 beside 30) ones that keep nothing of 20 held columns.
    prompts = behind(prompt_of(20), *lengths)
    for _ in ("missed", "found"):
        read = model.prefill(prompts, hidden=True, shared=[20] * len(prompts))
        assert read.tokens == tuple(20 + n for n in lengths)
        assert read.cache.positions.tolist() == [20 + n for n in lengths]
        for row, prompt in enumerate(prompts):
            assert worst(read.logits[row], plain_logits(kind[0], prompt, kind[1])) < CLOSE
            assert worst(read.hidden[row], plain_hidden(kind[0], prompt, kind[1])) < CLOSE
    assert (model.prefixes.stats.hits, model.prefixes.stats.misses) == (1, 1)


@given(st.sampled_from(KINDS), st.integers(0, 10_000))
def test_whatever_is_shared_the_same_tokens_follow(kind, seed):
    draw, model = random.Random(seed), MODELS[kind]
    heads = [prompt_of(draw.randint(16, 40), seed) for seed in (1, 2)]
    prompts, shared = [], []
    for row in range(draw.randint(1, 4)):
        head = draw.choice(heads)
        prompts += behind(head, draw.choice((1, 3, 10, 50)), seed=100 * seed + row)
        shared.append(draw.choice((0, len(head), len(head), len(head))))
    whole, cut = (
        model.prefill(prompts, hidden=True),
        model.prefill(prompts, hidden=True, shared=shared),
    )
    assert worst(whole.logits, cut.logits) < CLOSE
    assert worst(whole.hidden, cut.hidden) < CLOSE
    said, logits, _ = go_on(model, whole, 10)
    said_cut, logits_cut, _ = go_on(model, cut, 10)
    assert said_cut == said
    assert worst(logits_cut, logits) < CLOSE


def test_what_was_read_behind_a_prefix_can_be_selected_and_joined(model):
    one, other = prompt_of(20, seed=1), prompt_of(30, seed=2)
    left, right = behind(one, 3, 25, 8), behind(other, 12, 1)
    read = model.prefill(left, shared=[20] * 3).cache
    more = model.prefill(right, shared=[30] * 2).cache
    joined = model.join([read.select([2, 0]), more.select([1])])
    logits, cache = model.step(joined, [5, 6, 7])
    again, _ = model.step(cache.select([2, 1]), [8, 9])
    prompts = [left[2], left[0], right[1]]
    expected = model.prefill([[*p, t] for p, t in zip(prompts, (5, 6, 7), strict=True)])
    assert worst(logits, expected.logits) < CLOSE
    expected = model.prefill([[*right[1], 7, 8], [*left[0], 6, 9]])
    assert worst(again, expected.logits) < CLOSE


def test_rows_of_several_prefixes_come_back_in_the_order_given(model):
    one, other = prompt_of(20, seed=1), prompt_of(30, seed=2)
    prompts = [
        *behind(one, 4),
        *behind(other, 9),
        prompt_of(50),
        *behind(one, 11, seed=8),
        *behind(other, 1, seed=9),
        prompt_of(2),
    ]
    shared = [20, 30, 0, 20, 30, 0]
    read = model.prefill(prompts, hidden=True, shared=shared)
    whole = model.prefill(prompts, hidden=True)
    assert read.tokens == whole.tokens == (24, 39, 50, 31, 31, 2)
    assert worst(read.logits, whole.logits) < CLOSE
    assert worst(read.hidden, whole.hidden) < CLOSE
    assert read.cache.positions.tolist() == list(read.tokens)
    assert worst(go_on(model, read, 5)[1], go_on(model, whole, 5)[1]) < CLOSE


def test_a_prefix_is_read_once_and_then_only_what_follows_it():
    model, network = counted_model("llama")
    head = prompt_of(20)
    model.prefill(behind(head, 5, 3), shared=[20, 20])
    assert network.read == [(1, 20), (2, 5)]
    model.prefill(behind(head, 2), shared=[20])
    model.prefill(behind(head, 1, 1, 1), shared=[20] * 3)
    assert network.read[2:] == [(1, 2), (3, 1)]
    # Without the mark, or with too short a one, a prompt is read whole.
    model.prefill(behind(head, 2))
    model.prefill(behind(head, 2), shared=[15])
    assert network.read[4:] == [(1, 22), (1, 22)]


def test_long_prompts_behind_a_prefix_are_not_padded_to_longer_ones():
    model, network = counted_model("llama")
    prompts = behind(prompt_of(20), 90, 5, 40, 7)
    read = model.prefill(prompts, hidden=True, shared=[20] * 4)
    # A pass costs what 40 tokens do: 40 + 90 and 40 + 40 and 40 + 2 * 7 are 264, all together
    # 40 + 4 * 90 are 400, and with 40 beside 90, or beside 5 and 7, they are 274 and 290.
    assert network.read == [(1, 20), (2, 7), (1, 40), (1, 90)]
    for row, prompt in enumerate(prompts):
        assert worst(read.logits[row], plain_logits("llama", prompt)) < CLOSE
        assert worst(read.hidden[row], plain_hidden("llama", prompt)) < CLOSE
    said, _, cache = go_on(model, read, 3)
    assert cache.positions.tolist() == [113, 28, 63, 30]
    alone = [go_on(model, model.prefill([one], shared=[20]), 3)[0] for one in prompts]
    assert said == [[one[step][0] for one in alone] for step in range(3)]


def test_a_model_that_may_keep_nothing_reads_every_prompt_whole():
    model, network = counted_model("llama", prefixes=PrefixCache(0))
    model.prefill(behind(prompt_of(20), 5, 3), shared=[20, 20])
    assert network.read == [(2, 25)]


def test_a_negative_bound_is_refused_before_anything_is_loaded(tmp_path):
    with pytest.raises(SettingsError, match="Use 0 to keep nothing"):
        TransformersModel.load(
            tmp_path, name="m", fingerprint="f", device="cpu", prefix_cache_mb=-1
        )


def test_prefixes_that_do_not_fit_together_drive_each_other_out():
    # 4 layers of keys and values, 2 heads of 8 floats each, and a byte of mask for each column.
    size = 20 * (4 * 2 * 2 * 8 * 4 + 1)
    model, network = counted_model("llama", prefixes=PrefixCache(size))
    heads = [prompt_of(20, seed) for seed in (1, 2)]
    for head in (heads[0], heads[0], heads[1], heads[0]):
        model.prefill(behind(head, 4), shared=[20])
        assert model.prefixes.stats.bytes == size
    read_heads = [shape for shape in network.read if shape == (1, 20)]
    assert (len(read_heads), model.prefixes.stats.hits, model.prefixes.stats.misses) == (3, 1, 3)


def test_of_a_prefix_longer_than_the_sliding_window_the_beginning_is_kept():
    model = tiny_model("gemma3", window=24)
    model.prefill(behind(prompt_of(40), 5), shared=[40])
    # 23 = 24 - 1 columns; keys and values of 2 heads of 8 floats in each of 4 layers.
    assert model.prefixes.stats.bytes == 23 * (4 * 2 * 2 * 8 * 4 + 1)
    narrow = tiny_model("gemma3", window=8)
    narrow.prefill(behind(prompt_of(40), 5), shared=[40])
    assert narrow.prefixes.stats.entries == 0


def test_a_kept_prefix_is_never_changed(model):
    prompts = behind(prompt_of(20), 5, 30)
    first = model.prefill(prompts, shared=[20, 20])
    go_on(model, first, 5)
    again = model.prefill(prompts, shared=[20, 20])
    assert torch.equal(first.logits, again.logits)


QUESTIONS = """who wrote hamlet
what is the capital of australia
when did the berlin wall fall
who painted the mona lisa
what language is spoken in brazil
where is mount kilimanjaro
who discovered penicillin
what is the largest planet
who was the first man on the moon
what currency is used in japan
which river flows through vienna
who composed the four seasons
what is the chemical symbol of gold
in which year did the titanic sink
who invented the telephone
what is the longest river in africa
which country gave the statue of liberty to the united states
who wrote pride and prejudice
how many strings has a violin
what is the boiling point of water""".splitlines()
PASSAGES = [
    Passage(id="1", title="Vienna", text="The Danube flows through Vienna. " * 8),
    Passage(id="2", title="Gold", text="Gold is an element, and its symbol is Au. " * 6),
]


@pytest.mark.model
def test_the_bundled_model_answers_the_same_behind_a_kept_prefix():
    found = ModelStore().resolve("gemma-3-270m")
    model = TransformersModel.load(
        found.path, name=found.name, fingerprint=found.fingerprint, device="cpu"
    )
    style = PromptStyle.of(model)
    prompts = [closed_book_prompt(model, style, question) for question in QUESTIONS]
    prompts[10:] = [contextual_prompt(model, style, q, PASSAGES) for q in QUESTIONS[10:]]
    assert {prompt.shared > 80 for prompt in prompts} == {True}
    ids, shared = [prompt.ids for prompt in prompts], [prompt.shared for prompt in prompts]
    whole, cut = model.prefill(ids), model.prefill(ids, shared=shared)
    assert worst(whole.logits, cut.logits) < 1e-3
    answers = [
        [
            answer.text
            for answer in decode(
                model,
                [
                    Task(streams={"closed": row}, strategy=OneStream("closed"), max_new_tokens=8)
                    for row in start(read)
                ],
            )
        ]
        for read in (whole, cut)
    ]
    assert answers[0] == answers[1]


def test_a_prefix_that_is_read_for_one_party_is_read_anew_for_another(model):
    prefix = prompt_of(40, 3)
    prompts, lengths = behind(prefix, 5), [len(prefix)]
    with read_for("acme"):
        first = model.prefill(prompts, shared=lengths)
        again = model.prefill(prompts, shared=lengths)
    with read_for("globex"):
        other = model.prefill(prompts, shared=lengths)
    common = model.prefill(prompts, shared=lengths)
    # Found by its own party alone: once of four times.
    assert (model.prefixes.stats.hits, model.prefixes.stats.misses) == (1, 3)
    for one in (again, other, common):
        assert torch.allclose(one.logits, first.logits, atol=CLOSE)


def test_outside_of_a_party_prefixes_are_everybodys():
    assert namespace() == ""
    with read_for("acme"):
        own = namespace()
        with read_for("globex"):
            assert namespace() not in ("", own)
        assert namespace() == own
        assert "acme" not in own
    assert namespace() == ""
