"""Batches that do not fit into memory: nothing that was said is lost, and nothing is silent."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence

import pytest
import torch
from tiny import prompt_of, tiny_model

from rag_router.decoders.abstaining_momentum import AbstainingMomentumDecoder
from rag_router.decoders.adaptive_contrast import AdaptiveContrastDecoder
from rag_router.decoders.layer_fused import LayerFusedDecoder
from rag_router.decoders.plain import PlainDecoder
from rag_router.errors import CancelledError, ModelError
from rag_router.models.causal import TransformersModel
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.streams import OneStream, StepInput, StepOutput, Task, decode, start, stream

SCRIPT = {
    "passage": Reply("Tiber", 0.99),
    "refuse": Reply("none", 0.6),
    "Arno": Reply("Arno", 0.9),
    "Loire": Reply("Loire", 0.8),
    "Po": Reply("Po", 0.7),
}
SMALLER = "the memory was full: taken up again in a smaller batch"


class Cramped(ScriptedModel):
    """A device with room for so many rows.

    Args:
        room: Most rows of a step.
        joined: Most rows of a batch that is put together.
        steps: Steps that go well before it gets as cramped as that.
        error: What it raises, as torch does.
    """

    def __init__(
        self,
        *,
        room: float = math.inf,
        joined: float = math.inf,
        steps: int = 0,
        error: RuntimeError | None = None,
    ) -> None:
        super().__init__(SCRIPT)
        self.room, self.joined, self.steps = room, joined, steps
        self.error = error or torch.OutOfMemoryError("CUDA out of memory.")
        self.stepped: list[int] = []

    def step(self, cache, tokens: Sequence[int]):
        if cache.rows > self.room and len(self.stepped) >= self.steps:
            raise self.error
        self.stepped.append(cache.rows)
        return super().step(cache, tokens)

    def join(self, caches, *, room=None):
        if sum(cache.rows for cache in caches) > self.joined:
            raise self.error
        return super().join(caches, room=room)


def tasks_of(model, *prompts, passages=None, strategy=None, **more):
    streams = {"closed": "{}", "context": f"{passages} {{}}"} if passages else {"closed": "{}"}
    return [
        Task(
            streams={
                role: start(model.prefill([model.encode(text.format(prompt))], layers=True))[0]
                for role, text in streams.items()
            },
            strategy=strategy or OneStream("closed"),
            **more,
        )
        for prompt in prompts
    ]


def texts(said):
    return [one.text for one in said]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: not enough memory"),
        RuntimeError("can't allocate memory: you tried to allocate 1 bytes. Error code 12"),
    ],
)
def test_a_batch_that_does_not_fit_is_halved(error):
    model = Cramped(room=2, error=error)
    said = decode(model, tasks_of(model, "Arno", "Po", "Loire"))
    assert texts(said) == ["Arno", "Po", "Loire"]
    assert [one.notes for one in said] == [(SMALLER,)] * 3
    # Arno and Po: two rows until Po has ended, then one; Loire alone.
    assert model.stepped == [2, 2, 1, 1, 1, 1, 1, 1, 1]


def test_a_batch_is_halved_until_it_fits():
    model = Cramped(room=1)
    said = decode(model, tasks_of(model, "Arno", "Po", "Loire", "Arno"))
    assert texts(said) == ["Arno", "Po", "Loire", "Arno"]
    assert set(model.stepped) == {1}
    assert [one.notes for one in said] == [(SMALLER,)] * 4


def test_caches_that_cannot_be_put_together_are_put_together_in_smaller_batches():
    model = Cramped(joined=1)
    said = decode(model, tasks_of(model, "Arno", "Po"))
    assert texts(said) == ["Arno", "Po"]
    assert [one.notes for one in said] == [(SMALLER,)] * 2


def test_where_everything_fits_there_is_nothing_to_note():
    model = Cramped(room=2)
    assert [one.notes for one in decode(model, tasks_of(model, "Arno", "Po"))] == [(), ()]


def test_who_had_ended_before_is_left_as_it_is():
    model = Cramped(room=2, steps=3)
    said = decode(model, tasks_of(model, "Po", "Arno", "Loire", "Loire"))
    assert texts(said) == ["Po", "Arno", "Loire", "Loire"]
    # Po and its end took three steps; what came after did not fit.
    assert [bool(one.notes) for one in said] == [False, True, True, True]


def test_tokens_that_were_said_are_fed_again_and_told_once():
    model = Cramped(room=1, steps=2)
    heard = []
    tasks = tasks_of(model, "Arno", "Loire")
    said = decode(model, tasks, heard=lambda s: s.token and heard.append((s.number, s.token.text)))
    assert "".join(text for number, text in heard if number == 0) == "Arno"
    assert "".join(text for number, text in heard if number == 1) == "Loire"
    # Two steps together, then from the beginning: the first two tokens again, and the rest.
    assert model.stepped == [2, 2, *[1] * 4, *[1] * 5]
    assert [one.forward_rows for one in said] == [2 + 4, 2 + 5]
    free = decode(ScriptedModel(SCRIPT), tasks_of(model, "Arno", "Loire"))
    assert [one.tokens for one in said] == [one.tokens for one in free]


def test_a_strategy_remembers_what_it_knew():
    def three(model):
        prompts = ("Arno", "passage Arno", "refuse Arno")
        streams = start(model.prefill([model.encode(text) for text in prompts]))
        roles = ("closed", "context", "abstain")
        return Task(
            streams=dict(zip(roles, streams, strict=True)), strategy=AbstainingMomentumDecoder()
        )

    free = ScriptedModel(SCRIPT)
    expected = decode(free, [three(free), three(free)])
    model = Cramped(room=3, steps=2)
    said = decode(model, [three(model), three(model)])
    assert [one.tokens for one in said] == [one.tokens for one in expected]


def test_an_answer_that_does_not_fit_alone_is_read_from_its_passages():
    model = Cramped(room=1)
    tasks = tasks_of(model, "Arno", "Po", passages="passage", strategy=AdaptiveContrastDecoder())
    said = decode(model, tasks)
    assert texts(said) == ["Tiber", "Tiber"]
    plain = (
        "the memory was full: the stream 'context' read as it is from token 2 on, "
        "without AdaptiveContrastDecoder"
    )
    assert [one.notes for one in said] == [(SMALLER, plain)] * 2


def test_without_passages_it_is_read_from_memory():
    model = Cramped(room=1)
    closed, abstain = start(model.prefill([model.encode(text) for text in ("Arno", "refuse")]))

    class Both:
        streams = ("closed", "abstain")

        def step(self, step: StepInput) -> StepOutput:
            return StepOutput(step.logits["closed"])

    made = Task(streams={"closed": closed, "abstain": abstain}, strategy=Both())
    said = decode(model, [made])[0]
    assert said.text == "Arno"
    assert said.notes == (
        "the memory was full: the stream 'closed' read as it is from token 2 on, without Both",
    )


def test_a_stream_that_is_only_watched_goes_first():
    model = Cramped(room=1, steps=1)
    tasks = tasks_of(model, "Arno", passages="passage", strategy=PlainDecoder(), trace=True)
    said = decode(model, tasks)[0]
    assert said.text == "Tiber"
    assert said.notes == ("the memory was full: the stream closed not watched from token 3 on",)
    watched = [token.entropy_closed is not None for token in said.tokens]
    assert watched == [True, True, False, False, False]


class ShortOfLayers(ScriptedModel):
    """A device with room for everything but layers."""

    def step_layers(self, cache, tokens, rows):
        raise torch.OutOfMemoryError("CUDA out of memory.")


def test_layers_that_do_not_fit_are_not_read():
    model = ShortOfLayers(SCRIPT)
    said = decode(model, tasks_of(model, "Arno", passages="passage", strategy=LayerFusedDecoder()))[
        0
    ]
    assert said.text == "Tiber"
    assert said.notes == (
        "the memory was full: the stream 'context' read as it is from token 2 on, "
        "without LayerFusedDecoder",
    )


def test_an_answer_that_fits_in_no_way_is_an_error_that_says_what_would_help():
    model = Cramped(room=0)
    with pytest.raises(ModelError, match="alone and in one stream") as caught:
        decode(model, tasks_of(model, "Arno", passages="passage", strategy=PlainDecoder()))
    assert "token budget" in caught.value.hint
    assert isinstance(caught.value.__cause__, torch.OutOfMemoryError)


def test_another_error_is_not_taken_for_it():
    model = Cramped(room=0, error=RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        decode(model, tasks_of(model, "Arno"))


def test_cancelling_and_time_are_asked_about_in_the_smaller_batches_too():
    model = Cramped(room=1)
    asked = []

    def over():
        asked.append(1)
        return len(asked) > 4

    with pytest.raises(CancelledError):
        decode(model, tasks_of(model, "Arno", "Po"), cancelled=over)
    asked.clear()
    said = decode(model, tasks_of(model, "Arno", "Po"), deadline=over)
    # Asked before the first token and the step that failed, then before each token of Arno.
    assert [(one.text, one.finish) for one in said] == [("Arn", "deadline"), ("P", "deadline")]


def test_a_stream_goes_on_where_it_was():
    model = Cramped(room=1, steps=2)
    told = [(one.number, one.text) for one in stream(model, tasks_of(model, "Arno", "Loire"))]
    assert told == [
        *[(0, "A"), (1, "L"), (0, "r"), (1, "o"), (0, "n"), (1, "i")],
        *[(0, "o"), (0, "")],
        *[(1, "r"), (1, "e"), (1, "")],
    ]


class Held:
    """A cache that can be asked whether anybody still holds it."""

    def __init__(self, memory):
        self.memory, self.rows, self.length = memory, memory.rows, memory.length

    def select(self, rows):
        return Held(self.memory.select(rows))


class Watching(ScriptedModel):
    """Has room for one row, and looks whether what did not fit was let go."""

    def __init__(self):
        super().__init__(SCRIPT)
        self.failed: list[weakref.ref[Held]] = []
        self.still_held: list[bool] = []

    def join(self, caches, **more):
        self.still_held.append(any(one() is not None for one in self.failed))
        return Held(super().join(caches, **more))

    def step(self, cache, tokens):
        if cache.rows > 1:
            self.failed.append(weakref.ref(cache))
            raise torch.OutOfMemoryError("CUDA out of memory.")
        logits, memory = super().step(cache.memory, tokens)
        return logits, Held(memory)


def test_what_did_not_fit_is_let_go_before_it_is_tried_again():
    model = Watching()
    said = decode(model, tasks_of(model, "Arno", "Po", "Loire"))
    assert texts(said) == ["Arno", "Po", "Loire"]
    # Three rows fail, then two of them, then each is alone.
    assert (len(model.failed), model.still_held) == (2, [False] * 5)


class CrampedTransformer(TransformersModel):
    """A real model on a device with room for so many rows."""

    room = 3

    def step(self, cache, tokens):
        self.fit(cache)
        return super().step(cache, tokens)

    def step_layers(self, cache, tokens, rows):
        self.fit(cache)
        return super().step_layers(cache, tokens, rows)

    def fit(self, cache):
        if cache.rows > self.room:
            raise torch.OutOfMemoryError("out of memory")


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
def test_real_caches_serve_again(kind):
    whole = tiny_model(kind)
    cramped = CrampedTransformer(
        whole._model, whole._tokenizer, name="cramped", fingerprint=whole.fingerprint
    )
    streams = [
        start(whole.prefill([prompt_of(5 + n, n), prompt_of(12 + n, n)], layers=True))
        for n in range(3)
    ]
    strategies = [AdaptiveContrastDecoder(), LayerFusedDecoder(), PlainDecoder()]
    tasks = [
        Task(
            streams={"closed": closed, "context": context},
            strategy=strategy,
            max_new_tokens=6,
            stop=(),
        )
        for (closed, context), strategy in zip(streams, strategies, strict=True)
    ]
    expected = decode(whole, tasks)
    said = decode(cramped, tasks)
    assert texts(said) == texts(expected)
    assert [bool(one.notes) for one in said] == [True] * 3
    assert [one.notes for one in expected] == [()] * 3
