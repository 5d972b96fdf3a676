"""What is handed to LM-Polygraph's estimators, against plain passes of a tiny model.

The library itself lives in another environment and is not asked here.
"""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import VOCABULARY, CharacterTokenizer
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from benchmarks.peers.lm_polygraph.decoding import Limits, Reader, shared_beginning
from benchmarks.peers.lm_polygraph.exact_match import equality_matrices, normalised
from benchmarks.peers.lm_polygraph.run import batches, quantiles, resumed

LAYERS = ("sliding_attention", "full_attention", "sliding_attention")
HEADS = 2
# Both begin alike, are longer than the window of 8 and equally long.
PROMPTS = ("tell me briefly: who?", "tell me briefly: why?")
NO_STOP = Limits(stop=(), max_new_tokens=6)


@cache
def model():
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=len(LAYERS),
        num_attention_heads=HEADS,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=128,
        sliding_window=8,
        layer_types=list(LAYERS),
        initializer_range=0.2,
        tie_word_embeddings=False,  # tied ones would say the same letter again and again
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        attn_implementation="eager",
    )
    return Gemma3ForCausalLM(config).eval()


def reader():
    return Reader(model(), CharacterTokenizer())


@torch.inference_mode()
def plain(ids, **asked):
    """One pass over everything: no cache, no batch, nothing shared."""
    return model()(torch.tensor([ids]), use_cache=False, **asked)


def log_likelihoods(prompt, tokens):
    """Of each token, given the prompt and the tokens before it."""
    log_probs = plain([*prompt, *tokens]).logits[0].log_softmax(-1)
    return [log_probs[len(prompt) - 1 + at, token].item() for at, token in enumerate(tokens)]


def greedy(texts, limits=NO_STOP):
    ours = reader()
    return ours.greedy(ours.read([ours.encode(text) for text in texts]), [limits] * len(texts))


def test_a_greedy_answer_is_what_plain_passes_choose_with_their_log_likelihoods():
    for text, answer in zip(PROMPTS, greedy(PROMPTS), strict=True):
        ids, expected = reader().encode(text), []
        for _ in range(NO_STOP.max_new_tokens):
            expected.append(int(plain([*ids, *expected]).logits[0, -1].argmax()))
            if expected[-1] == 2:
                expected.pop()
                break
        assert answer.tokens == expected
        assert answer.log_likelihoods == pytest.approx(log_likelihoods(ids, expected), abs=1e-5)


def test_a_greedy_answer_keeps_the_distribution_each_token_was_chosen_from():
    answer = greedy(PROMPTS[:1])[0]
    kept = np.stack(answer.log_probs)
    assert kept.shape == (len(answer.tokens), VOCABULARY)
    assert np.exp(kept).sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert kept.argmax(axis=1).tolist() == answer.tokens
    assert kept.max(axis=1) == pytest.approx(answer.log_likelihoods)


def test_attentions_are_those_of_the_token_before_to_the_answer_so_far():
    ids, answer = reader().encode(PROMPTS[0]), greedy(PROMPTS)[0]
    layers = plain([*ids, *answer.tokens], output_attentions=True).attentions
    assert len(answer.attentions) == len(answer.tokens) - 1
    for step, weights in enumerate(answer.attentions, start=1):
        # Token `step` is chosen where token `step - 1` stands; that one sees itself and `step - 1`.
        here = len(ids) + step - 1
        seen = torch.cat([layer[0, :, here, len(ids) : here + 1] for layer in layers])
        assert weights.shape == (len(LAYERS) * HEADS, step)
        assert weights == pytest.approx(seen.numpy(), abs=1e-5)


def test_an_answer_ends_before_the_stop_string_unless_its_end_is_asked_for():
    whole = greedy(PROMPTS[:1])[0]
    stop = whole.text[2]
    assert stop not in whole.text[:2]
    cut = greedy(PROMPTS[:1], Limits(stop=(stop,)))[0]
    assert (cut.text, cut.tokens) == (whole.text[:2], whole.tokens[:2])
    ended = greedy(PROMPTS[:1], Limits(stop=(stop,), with_end=True))[0]
    assert (ended.text, ended.tokens) == (whole.text[:2], whole.tokens[:3])
    assert len(ended.log_likelihoods) == len(ended.log_probs) == 3


def test_an_answer_that_ends_at_once_has_the_token_that_ended_it_and_no_text():
    first = greedy(PROMPTS[:1])[0]
    answer = greedy(PROMPTS[:1], Limits(stop=(first.text[0],)))[0]
    assert (answer.text, answer.tokens) == ("", first.tokens[:1])
    assert answer.log_likelihoods == first.log_likelihoods[:1]


def samples(texts, draws, top_k=50):
    ours = reader()
    read = ours.read([ours.encode(text) for text in texts])
    return ours.samples(read, [NO_STOP] * len(texts), draws, top_k=top_k)


def test_samples_have_the_log_likelihoods_of_the_whole_vocabulary():
    draws = [np.random.default_rng(seed).random((5, 6)) for seed in range(2)]
    for text, answers in zip(PROMPTS, samples(PROMPTS, draws, top_k=10), strict=True):
        assert len({tuple(answer.tokens) for answer in answers}) > 1
        for answer in answers:
            expected = log_likelihoods(reader().encode(text), answer.tokens)
            assert answer.log_likelihoods == pytest.approx(expected, abs=1e-5)


def test_a_draw_is_the_quantile_among_the_likeliest_tokens():
    ours = reader()
    best = plain(ours.encode(PROMPTS[0])).logits[0, -1].double().topk(3)
    chances = best.values.softmax(-1).tolist()
    # Just below and just above the first token's chance, and just below all three together.
    at = [chances[0] - 1e-4, chances[0] + 1e-4, 1 - 1e-4]
    drawn = samples(PROMPTS[:1], [np.repeat(np.array(at)[:, None], 6, axis=1)], top_k=3)[0]
    assert [answer.tokens[0] for answer in drawn] == best.indices.tolist()


def test_samples_are_the_same_alone_and_in_company():
    draws = [np.random.default_rng(seed).random((4, 6)) for seed in range(2)]
    together = samples(PROMPTS, draws)
    alone = [samples([text], [drawn])[0] for text, drawn in zip(PROMPTS, draws, strict=True)]
    assert [[a.tokens for a in line] for line in together] == [
        [a.tokens for a in line] for line in alone
    ]


def test_reading_prompts_leaves_what_they_share_as_it_was():
    ours = reader()
    ids = [ours.encode(text) for text in PROMPTS]
    first, again = ours.read(ids), ours.read(ids)
    assert torch.equal(first.logits, again.logits)
    for line, logits in zip(ids, again.logits, strict=True):
        assert logits.numpy() == pytest.approx(plain(line).logits[0, -1].numpy(), abs=1e-4)


def test_log_probabilities_after_prompts_of_any_lengths_come_back_in_their_order():
    ours = reader()
    ids = [ours.encode(text) for text in ("tell me all there is", "tell", "tell me", "no")]
    found = ours.next_log_probs(ids, rows=3)
    for line, log_probs in zip(ids, found, strict=True):
        expected = plain(line).logits[0, -1].log_softmax(-1)
        assert log_probs.numpy() == pytest.approx(expected.numpy(), abs=1e-5)


def test_the_begin_token_stands_first_once_and_only_where_the_tokeniser_writes_it():
    assert Reader(model(), CharacterTokenizer()).encode("<bos>a") == [1, 68]
    assert Reader(model(), CharacterTokenizer()).encode("a") == [1, 68]  # 3 + ord("a") - 32
    assert Reader(model(), CharacterTokenizer(begins=False)).encode("a") == [68]


@given(st.lists(st.lists(st.integers(0, 1), min_size=1), min_size=1))
def test_what_prompts_share_begins_each_and_leaves_a_token_of_each(prompts):
    common = shared_beginning(prompts)
    for prompt in prompts:
        assert prompt[: len(common)] == common
        assert len(common) < len(prompt)
    longer = {tuple(prompt[: len(common) + 1]) for prompt in prompts}
    assert len(longer) > 1 or min(map(len, prompts)) == len(common) + 1


def test_answers_are_the_same_up_to_case_punctuation_and_articles():
    assert normalised(" The  Hague.") == "hague"
    assert normalised("a-ha") == "aha"
    assert equality_matrices([["Paris", "the paris!", "Rome"]]).tolist() == [
        [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    ]


def test_a_last_line_that_was_not_written_out_is_cut_off_and_done_again(tmp_path):
    out = tmp_path / "out.jsonl"
    assert resumed(out) == set()
    whole = "".join(json.dumps({"id": name}) + "\n" for name in ("a", "b"))
    out.write_text(whole + '{"id": "c", "esti', encoding="utf-8")
    assert resumed(out) == {"a", "b"}
    assert out.read_text(encoding="utf-8") == whole


def test_questions_are_read_with_others_of_their_length():
    rows = [{"id": name} for name in "abcde"]
    prompts = [[1] * length for length in (3, 2, 3, 3, 2)]
    found = [[row["id"] for row, _ in batch] for batch in batches(rows, prompts, 2)]
    assert found == [["b", "e"], ["a", "c"], ["d"]]


def test_draws_depend_on_the_question_and_the_seed_alone():
    first = quantiles("q1", 0, (10, 24))
    assert np.array_equal(first, quantiles("q1", 0, (10, 24)))
    assert not np.array_equal(first, quantiles("q2", 0, (10, 24)))
    assert not np.array_equal(first, quantiles("q1", 1, (10, 24)))
