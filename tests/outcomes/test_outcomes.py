from __future__ import annotations

import math
from dataclasses import replace

import pytest

from rag_router.errors import ModelError, UnavailableError
from rag_router.models.prompts import Prompt
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.outcomes import Outcome, OutcomeCache, OutcomeKey, answer_prompts

KEY = OutcomeKey(model="m", prompt="p", decoding="d")
MODEL = ScriptedModel({"rome": Reply("old", 0.9)}, otherwise=Reply("no", 0.5))


@pytest.fixture
def cache(tmp_path):
    cache = OutcomeCache(tmp_path / "deep" / "outcomes.sqlite")
    yield cache
    cache.close()


class Counted(ScriptedModel):
    """Counts the prompts it reads, and fails once it has read too many."""

    def __init__(self, *, fails_after=math.inf):
        super().__init__({"rome": Reply("old", 0.9)}, otherwise=Reply("no", 0.5))
        self.read, self.fails_after = 0, fails_after

    def prefill(self, prompts, *, hidden=False, shared=None):
        if self.read + len(prompts) > self.fails_after:
            raise ModelError("out of memory.")
        self.read += len(prompts)
        return super().prefill(prompts, hidden=hidden, shared=shared)


def prompts(*texts, stop=("\n",)):
    return [Prompt(tuple(MODEL.encode(text)), stop) for text in texts]


def test_what_was_put_comes_back_and_nothing_else(cache):
    cache.put({KEY: Outcome("Röm\n", (-0.5, -1e-9))})
    other = replace(KEY, prompt="q")
    assert cache.get([other, KEY]) == {KEY: Outcome("Röm\n", (-0.5, -1e-9))}
    assert cache.get([]) == {}
    cache.put({})


@pytest.mark.parametrize("part", ["model", "prompt", "decoding"])
def test_outcomes_whose_keys_differ_in_one_part_do_not_collide(cache, part):
    other = replace(KEY, **{part: "x"})
    cache.put({KEY: Outcome("one", ()), other: Outcome("two", ())})
    found = cache.get([KEY, other])
    assert (found[KEY].answer, found[other].answer) == ("one", "two")


def test_parts_of_a_key_cannot_flow_into_each_other():
    assert OutcomeKey(model="ab", prompt="c", decoding="").digest != (
        OutcomeKey(model="a", prompt="bc", decoding="").digest
    )


def test_an_outcome_that_is_there_stays_as_it_is(cache):
    cache.put({KEY: Outcome("first", ())})
    cache.put({KEY: Outcome("second", ())})
    assert cache.get([KEY])[KEY].answer == "first"


def test_outcomes_survive_the_process(tmp_path):
    path = tmp_path / "o.sqlite"
    first = OutcomeCache(path)
    first.put({KEY: Outcome("kept", ())})
    first.close()
    second = OutcomeCache(path)
    assert second.get([KEY])[KEY].answer == "kept"
    second.close()


def test_more_keys_than_one_query_takes_are_found(cache):
    many = {replace(KEY, prompt=str(n)): Outcome(str(n), ()) for n in range(1201)}
    cache.put(many)
    assert cache.get(list(many)) == many


def test_a_file_that_is_no_cache_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "broken.sqlite"
    path.write_bytes(b"not a database at all, but long enough to have a header" * 10)
    with pytest.raises(UnavailableError, match=r"broken\.sqlite cannot be used.*Delete the file"):
        OutcomeCache(path)


def test_a_folder_in_place_of_the_file_is_such_an_error_too(tmp_path):
    with pytest.raises(UnavailableError):
        OutcomeCache(tmp_path)


def test_a_file_in_place_of_the_folder_is_such_an_error_too(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnavailableError):
        OutcomeCache(tmp_path / "file" / "outcomes.sqlite")


def test_answers_come_back_in_the_order_of_the_prompts_with_their_log_probabilities():
    outcomes = answer_prompts(MODEL, prompts("a much longer prompt", "rome", "x"), batch_size=2)
    assert [o.answer for o in outcomes] == ["no", "old", "no"]
    assert outcomes[1].logprobs == pytest.approx([math.log(0.9)] * 3, abs=1e-5)


def test_what_the_cache_knows_is_not_asked_again(cache):
    model = Counted()
    first = answer_prompts(model, prompts("rome", "x"), cache=cache)
    assert model.read == 2
    assert answer_prompts(model, prompts("x", "new", "rome"), cache=cache)[::2] == first[::-1]
    assert model.read == 3


def test_the_same_prompt_twice_is_asked_once(cache):
    model = Counted()
    assert len(answer_prompts(model, prompts("x", "x", "x"), cache=cache)) == 3
    assert model.read == 1


def test_another_limit_or_stop_string_is_another_question(cache):
    model = Counted()
    answer_prompts(model, prompts("x"), cache=cache)
    answer_prompts(model, prompts("x"), cache=cache, max_new_tokens=1)
    answer_prompts(model, prompts("x", stop=()), cache=cache)
    assert model.read == 3


def test_a_model_that_fails_midway_keeps_what_it_had_answered(cache):
    some = prompts("1", "22", "333", "4444", "55555")
    with pytest.raises(ModelError):
        answer_prompts(Counted(fails_after=4), some, cache=cache, batch_size=2)
    resumed = Counted()
    assert len(answer_prompts(resumed, some, cache=cache, batch_size=2)) == 5
    assert resumed.read == 5 - 4


def test_progress_counts_what_was_known_already(cache):
    answer_prompts(MODEL, prompts("1"), cache=cache)
    heard = []
    answer_prompts(
        MODEL,
        prompts("1", "2", "3", "4"),
        cache=cache,
        batch_size=2,
        on_progress=lambda done, all_: heard.append((done, all_)),
    )
    assert heard == [(1 + 2, 4), (1 + 2 + 1, 4)]


def test_no_prompts_are_no_outcomes():
    assert answer_prompts(MODEL, []) == []
