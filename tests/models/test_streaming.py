"""What is told of an answer while it is decoded: all of it in the end, and nothing else ever."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import WINDOW, prompt_of, tiny_model

from rag_router.decoders import DECODERS
from rag_router.decoders.adaptive_contrast import AdaptiveContrastDecoder
from rag_router.decoders.plain import PlainDecoder
from rag_router.errors import CancelledError, ModelError
from rag_router.models.sampling import Sampling
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.streams import OneStream, Strategy, Task, decode, start, stream

REPLIES = {
    "euro": Reply("5 €!"),
    "lines": Reply("one\ntwo"),
    "mute": Reply(""),
    "nearly": Reply("oneENE"),
    "river": Reply("Arno", 0.5),
    "shout": Reply("oneENDtwo"),
    "spaced": Reply("  to  be  "),
}
MODEL = ScriptedModel(REPLIES, otherwise=Reply("hm", 0.4))
CLOSED = OneStream("closed")


def task(prompt, **more):
    started = start(MODEL.prefill([MODEL.encode(prompt)]))[0]
    return Task(streams={"closed": started}, strategy=CLOSED, **more)


def pieces(prompt, **more):
    return [spoken.text for spoken in stream(MODEL, [task(prompt, **more)])]


def test_each_token_is_told_as_soon_as_it_is_chosen_and_the_last_piece_says_why_it_ended():
    told = list(stream(MODEL, [task("river")]))
    assert [(one.number, one.text, one.finish) for one in told] == [
        (0, "A", None),
        (0, "r", None),
        (0, "n", None),
        (0, "o", None),
        (0, "", "end"),
    ]
    assert [one.token and one.token.text for one in told] == [*"Arno", None]


def test_the_last_token_within_the_limit_ends_the_answer():
    told = list(stream(MODEL, [task("river", max_new_tokens=2)]))
    assert [(one.text, one.finish) for one in told] == [("A", None), ("r", "length")]


def test_the_beginning_of_a_stop_string_waits_until_it_is_none():
    assert pieces("shout", stop=("END",)) == ["o", "n", "e", ""]
    # "EN" waits for the next byte; the "E" that follows is told because nothing comes after it.
    assert pieces("nearly", stop=("END",)) == ["o", "n", "e", "E", "N", "E"]
    told = stream(MODEL, [task("nearly", stop=("END",), max_new_tokens=5)])
    assert [one.text for one in told] == ["o", "n", "e", "E", "N"]


def test_of_two_stop_strings_the_longer_wait_counts():
    # "e" begins "eEX", and so do "eE"; "N" shows that it was none, and then begins nothing.
    assert pieces("shout", stop=("eEX", "EXIT"))[:6] == ["o", "n", "e", "E", "N", "D"]


def test_pieces_of_different_answers_alternate():
    told = stream(MODEL, [task("river", max_new_tokens=3), task("lines")])
    assert [(one.number, one.text, one.finish) for one in told] == [
        (0, "A", None),
        (1, "o", None),
        (0, "r", None),
        (1, "n", None),
        (0, "n", "length"),
        (1, "e", None),
        (1, "", "stop"),
    ]


def test_a_character_of_several_bytes_is_told_when_it_is_whole():
    assert pieces("euro") == ["5", "", "", "", " €", "!", ""]


def test_spaces_around_the_answer_are_not_told_and_those_within_wait_for_what_follows():
    assert pieces("spaced") == ["", "", "t", "o", "", "", "  b", "e", "", "", ""]
    assert decode(MODEL, [task("spaced")])[0].text == "to  be"


def test_an_answer_that_is_nothing_is_one_empty_piece():
    told = list(stream(MODEL, [task("mute")]))
    assert [(one.text, one.finish) for one in told] == [("", "end")]


def test_no_tasks_are_no_pieces():
    assert list(stream(MODEL, [])) == []


def test_what_a_strategy_lacks_is_said_before_anything_is_decoded():
    asked = Task(streams=task("river").streams, strategy=PlainDecoder())
    with pytest.raises(ModelError, match="reads the stream 'context'"):
        stream(MODEL, [asked])


def test_cancelling_ends_a_stream_between_steps():
    answers = iter([False, False, True])
    told = []
    with pytest.raises(CancelledError):
        for spoken in stream(MODEL, [task("river")], cancelled=lambda: next(answers)):
            told.append(spoken.text)
    assert told == ["A", "r"]


def test_who_stops_listening_stops_the_decoding():
    asked = []
    told = stream(MODEL, [task("river")], cancelled=lambda: bool(asked.append(1)))
    assert next(told).text == "A"
    told.close()
    assert len(asked) == 1


# --- whatever is said ------------------------------------------------------------------------

TEXTS = st.text(alphabet="abE N\n€é ", max_size=12)
STOPS = st.lists(st.text(alphabet="abE N\n€", min_size=1, max_size=4), max_size=3)


@dataclass(frozen=True)
class Wish:
    """A task: what either stream would say, and how it is decoded."""

    closed: Reply
    context: Reply
    strategy: Strategy
    stop: list[str]
    most: int
    sampling: Sampling | None
    trace: bool


REPLY = st.builds(Reply, TEXTS, st.sampled_from([0.3, 0.9]))
WISH = st.builds(
    Wish,
    closed=REPLY,
    context=REPLY,
    strategy=st.sampled_from([CLOSED, PlainDecoder(), AdaptiveContrastDecoder()]),
    stop=STOPS,
    most=st.integers(1, 14),
    sampling=st.sampled_from([None, Sampling(temperature=2.0)]),
    trace=st.booleans(),
)


def tasks_of(wishes):
    script = {}
    for n, wish in enumerate(wishes):
        script |= {f"<{n}a>": wish.closed, f"<{n}b>": wish.context}
    model = ScriptedModel(script)
    tasks = []
    for n, wish in enumerate(wishes):
        closed, context = start(model.prefill([model.encode(f"<{n}{role}>") for role in "ab"]))
        tasks.append(
            Task(
                streams={"closed": closed, "context": context},
                strategy=wish.strategy,
                stop=tuple(wish.stop),
                max_new_tokens=wish.most,
                sampling=wish.sampling and wish.sampling.keyed(n),
                trace=wish.trace,
            )
        )
    return model, tasks


@given(st.lists(WISH, min_size=1, max_size=5))
def test_pieces_join_to_what_is_decoded_and_their_tokens_are_its_tokens(wishes):
    model, tasks = tasks_of(wishes)
    told = list(stream(model, tasks))
    for number, said in enumerate(decode(model, tasks)):
        own = [one for one in told if one.number == number]
        assert "".join(one.text for one in own) == said.text
        assert tuple(one.token for one in own if one.token) == said.tokens
        assert [one.finish for one in own] == [None] * (len(own) - 1) + [said.finish]
        assert "".join(token.text for token in said.tokens).strip() == said.text
        assert not any(stop in said.text for stop in tasks[number].stop)


@given(st.lists(WISH, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_each_answer_is_told_alike_alone_in_company_and_in_any_order(wishes, random):
    model, tasks = tasks_of(wishes)
    order = random.sample(range(len(tasks)), len(tasks))
    together, moved = list(stream(model, tasks)), list(stream(model, [tasks[n] for n in order]))
    for number, alone in enumerate(tasks):
        expected = [(one.text, one.token, one.finish) for one in stream(model, [alone])]
        for told, place in ((together, number), (moved, order.index(number))):
            found = [(one.text, one.token, one.finish) for one in told if one.number == place]
            assert [one[::2] for one in found] == [one[::2] for one in expected]
            for (_, left, _), (_, right, _) in zip(found, expected, strict=True):
                assert (left is None) == (right is None)
                if left and right:
                    assert left.text == right.text
                    assert left.logprob == pytest.approx(right.logprob, abs=1e-4)


GEMMA = tiny_model("gemma3")
STRATEGIES = [DECODERS.build(name) for name in DECODERS] + [CLOSED]
REAL = st.fixed_dictionaries(
    {
        "strategy": st.sampled_from(STRATEGIES),
        "seed": st.integers(0, 99),
        "most": st.integers(1, 6),
        "sampling": st.sampled_from([None, None, Sampling(top_p=0.8)]),
        "trace": st.booleans(),
    }
)


def real(wish):
    """A task whose prompts are shorter or longer than the model's sliding window."""
    draw = random.Random(wish["seed"])
    prompts = [
        prompt_of(draw.choice([3, WINDOW, WINDOW + 4, 21]), draw.randrange(99)) for _ in "abc"
    ]
    streams = start(GEMMA.prefill(prompts, layers=True))
    return Task(
        streams=dict(zip(("closed", "context", "abstain"), streams, strict=True)),
        strategy=wish["strategy"],
        max_new_tokens=wish["most"],
        sampling=wish["sampling"] and wish["sampling"].keyed(wish["seed"]),
        trace=wish["trace"],
        stop=("5", "ab"),
    )


@settings(max_examples=20)
@given(st.lists(REAL, min_size=2, max_size=6))
def test_any_mixture_of_strategies_on_real_caches_is_told_as_if_each_were_alone(wishes):
    tasks = [real(wish) for wish in wishes]
    together = list(stream(GEMMA, tasks))
    for number, task_ in enumerate(tasks):
        own = [one for one in together if one.number == number]
        alone = list(stream(GEMMA, [task_]))
        assert [(one.text, one.finish) for one in own] == [(one.text, one.finish) for one in alone]
        said = decode(GEMMA, [task_])[0]
        assert ("".join(one.text for one in own), own[-1].finish) == (said.text, said.finish)
        figures = [one.token.logprob for one in own if one.token]
        assert figures == pytest.approx([token.logprob for token in said.tokens], abs=1e-3)
