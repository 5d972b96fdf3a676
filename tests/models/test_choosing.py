"""Choosing tokens: what is noted of them, what it costs, and what happens where none is left."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import pytest
import torch
from tiny import prompt_of, tiny_model
from torch.overrides import TorchFunctionMode

from rag_router.decoders.adaptive_contrast import AdaptiveContrastDecoder
from rag_router.decoders.context_aware import ContextAwareDecoder
from rag_router.decoders.plain import PlainDecoder
from rag_router.errors import ModelError
from rag_router.models.choosing import choose
from rag_router.models.rows import begin
from rag_router.models.sampling import Sampling
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.step_tables import ALTERNATIVES
from rag_router.models.streams import (
    OneStream,
    Role,
    StepInput,
    StepOutput,
    Task,
    decode,
    start,
)

MODEL = ScriptedModel({"passage": Reply("Tiber", 0.9), "river": Reply("Arno", 0.5)})


def task(strategy, *, prompts=("river", "river passage"), model=MODEL, **more):
    closed, context = start(model.prefill([model.encode(prompt) for prompt in prompts]))
    return Task(streams={"closed": closed, "context": context}, strategy=strategy, **more)


def one(strategy, **more):
    return decode(MODEL, [task(strategy, **more)])[0]


# --- alternatives -----------------------------------------------------------------------------


def test_the_likeliest_tokens_are_noted_with_passages_and_without():
    token = one(AdaptiveContrastDecoder(), trace=True).tokens[0]
    assert len(token.alternatives) == len(token.alternatives_closed) == ALTERNATIVES
    with_, without = token.alternatives[0], token.alternatives_closed[0]
    assert (with_.text, with_.probability) == ("T", pytest.approx(0.9))
    assert (without.text, without.probability) == ("A", pytest.approx(0.5))
    # 257 others share the rest evenly.
    for other in token.alternatives[1:]:
        assert other.probability == pytest.approx(0.1 / 257)


def test_the_likeliest_comes_first():
    model = tiny_model("llama")
    closed, context = start(model.prefill([prompt_of(5), prompt_of(9)]))
    streams = {"closed": closed, "context": context}
    made = Task(streams=streams, strategy=OneStream("closed"), trace=True, stop=())
    for token in decode(model, [made])[0].tokens:
        shares = [other.probability for other in token.alternatives_closed]
        assert shares == sorted(shares, reverse=True)
        # What is said is the likeliest without passages, which is all that is read here.
        assert token.text == token.alternatives_closed[0].text
        assert math.log(shares[0]) == pytest.approx(token.logprob, abs=1e-4)
        assert 0 < sum(shares) <= 1 + 1e-6


def test_alternatives_of_a_stream_that_did_not_run_are_absent():
    started = start(MODEL.prefill([MODEL.encode("river")]))[0]
    made = Task(streams={"closed": started}, strategy=OneStream("closed"), trace=True)
    token = decode(MODEL, [made])[0].tokens[0]
    assert (len(token.alternatives_closed), token.alternatives) == (ALTERNATIVES, ())


def test_an_answer_that_is_not_traced_has_no_alternatives():
    token = one(AdaptiveContrastDecoder()).tokens[0]
    assert (token.alternatives, token.alternatives_closed) == ((), ())


# --- what it costs ----------------------------------------------------------------------------


class Counted(TorchFunctionMode):
    """Counts what is called of torch while it is entered."""

    def __init__(self):
        super().__init__()
        self.calls = Counter()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.calls[func.__name__] += 1
        return func(*args, **(kwargs or {}))


TRANSFERS = ("tolist", "item", "cpu", "numpy", "__bool__", "__int__", "__float__", "nonzero")
FIGURES = ("topk", "exp", "log_softmax")


def counted(tasks):
    with Counted() as counted_:
        said = decode(MODEL, tasks)
    return counted_.calls, max(len(one.tokens) for one in said) + 1


def test_all_that_is_told_of_a_step_leaves_the_device_at_once():
    mixed = [
        task(AdaptiveContrastDecoder(), trace=True),
        task(AdaptiveContrastDecoder()),
        task(ContextAwareDecoder(), trace=True),
        task(PlainDecoder(), trace=True),
        task(PlainDecoder(), sampling=Sampling(seed=3, top_p=0.9)),
        task(OneStream("closed")),
    ]
    calls, steps = counted(mixed)
    assert sum(calls[name] for name in TRANSFERS) == calls["tolist"] == steps


def test_what_is_not_traced_computes_no_figure():
    strategies = [PlainDecoder(), OneStream("closed"), ContextAwareDecoder()]
    calls, _ = counted([task(strategy) for strategy in strategies])
    assert [calls[name] for name in FIGURES] == [0, 0, 0]
    calls, _ = counted([task(strategy, trace=True) for strategy in strategies])
    assert all(calls[name] for name in FIGURES)


@dataclass(frozen=True)
class Heard:
    """Reads the passages as they are, and notes how many rows it is shown at once."""

    rows: list[int]
    streams: tuple[Role, ...] = ("context",)

    def step(self, step: StepInput) -> StepOutput:
        self.rows.append(len(step.facts))
        return StepOutput(step.logits["context"])


def test_rows_of_a_large_vocabulary_are_scored_one_at_a_time_and_others_together():
    for vocabulary, shown in ((2**16 - 1, [3]), (2**16, [1, 1, 1])):
        strategy = Heard([])
        rows = begin(MODEL, [task(strategy) for _ in range(3)])
        logits = torch.zeros(3, vocabulary)
        logits[[0, 1, 2], [7, 11, 13]] = 1.0
        chosen = choose(rows, logits, None, MODEL.decode)
        assert [choice.token for choice in chosen] == [7, 11, 13]
        assert strategy.rows == shown


def test_a_row_that_is_traced_leaves_others_as_they_are():
    quiet = task(ContextAwareDecoder())
    alone, both = decode(MODEL, [quiet]), decode(MODEL, [quiet, task(PlainDecoder(), trace=True)])
    assert both[0] == alone[0]


# --- where no token is left -------------------------------------------------------------------


@dataclass(frozen=True)
class Speechless:
    """Rules everything out at some steps, in the words of its choice."""

    streams: tuple[Role, ...] = ("closed", "context")
    at: tuple[int, ...] = (0,)
    word: float = -math.inf
    only: int | None = None

    def step(self, step: StepInput) -> StepOutput:
        logits = step.logits[self.streams[0]]
        scores = logits.clone()
        seen = [0 if state is None else state for state in step.state]
        for row, number in enumerate(seen):
            if number in self.at:
                scores[row, slice(None) if self.only is None else self.only] = self.word
        alpha = torch.full((len(seen),), 0.3)
        return StepOutput(scores, alpha, [number + 1 for number in seen])


@pytest.mark.parametrize("word", [-math.inf, math.nan])
def test_where_a_strategy_rules_everything_out_the_passages_are_read_as_they_are(word):
    said = one(Speechless(word=word))
    # The passages say "T"; after that the closed stream is off its script, and ends.
    assert said.text == "T"
    assert said.tokens[0].logprob == pytest.approx(math.log(0.9), abs=1e-5)
    assert said.notes == (
        "Speechless left nothing to choose at token 1: the stream 'context' read as it is there",
    )


def test_one_score_that_is_no_number_spoils_a_step():
    for word in (math.nan, math.inf):
        said = one(Speechless(word=word, only=7))
        assert (said.text, len(said.notes)) == ("T", 1)
    assert one(Speechless(only=7)).notes == ()


def test_without_passages_the_first_stream_is_read():
    strategy = Speechless(streams=("closed",), at=(1, 3))
    said = one(strategy)
    assert said.text == "Arno"
    assert said.notes == (
        "Speechless left nothing to choose at token 2, 4: the stream 'closed' read as it is there",
    )


def test_what_was_not_weighed_has_no_alpha():
    said = one(Speechless(streams=("closed",), at=(1,)))
    assert [token.alpha for token in said.tokens] == pytest.approx([0.3, None, 0.3, 0.3])


def test_rows_that_have_tokens_left_are_not_touched():
    strategy = Speechless(at=(0,))
    tasks = [task(strategy), task(PlainDecoder()), task(Speechless(at=()))]
    said = decode(MODEL, tasks)
    assert [bool(one.notes) for one in said] == [True, False, False]
    assert said == [decode(MODEL, [each])[0] for each in tasks]


def test_a_token_is_drawn_from_what_is_read_instead():
    sampling = Sampling(temperature=1e-6, top_p=0.5, min_p=0.5)
    assert one(Speechless(), sampling=sampling).text == "T"


class Broken(ScriptedModel):
    """Says no numbers from the second token on."""

    def step(self, cache, tokens):
        logits, grown = super().step(cache, tokens)
        return torch.full_like(logits, math.nan), grown


def test_a_model_whose_logits_are_no_numbers_is_an_error_that_says_what_would_help():
    broken = Broken({"river": Reply("Arno")}, name="broken")
    with pytest.raises(ModelError, match="broken gives no next-token distribution") as caught:
        decode(broken, [task(PlainDecoder(), model=broken)])
    assert "float32" in caught.value.hint


def test_looking_again_is_one_more_transfer_where_it_happens_and_none_elsewhere():
    calls, steps = counted([task(Speechless(streams=("closed",), at=(1, 2))), task(Speechless())])
    # At the first step the second row is looked at again, at the next two the first one.
    assert calls["tolist"] == steps + 3
