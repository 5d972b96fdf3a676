"""Answers that go on from the same prompt are one row of the model for as long as they agree."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from tiny import prompt_of, tiny_model

from rag_router.decoders.context_aware import ContextAwareDecoder
from rag_router.decoders.layer_fused import LayerFusedDecoder
from rag_router.decoders.plain import PlainDecoder
from rag_router.errors import ModelError
from rag_router.models.causal import TransformersModel
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.streams import OneStream, StepInput, StepOutput, Task, decode, start

STRATEGIES = (
    PlainDecoder(),
    ContextAwareDecoder(alpha=0.5),
    ContextAwareDecoder(alpha=3.0),
    OneStream("closed"),
    LayerFusedDecoder(),
)


class Counting(ScriptedModel):
    """Says how many rows each step had."""

    def __init__(self) -> None:
        super().__init__({"river": Reply("Arno", 0.9), "passage": Reply("Arve", 0.9)})
        self.stepped: list[int] = []

    def step(self, cache, tokens):
        self.stepped.append(cache.rows)
        return super().step(cache, tokens)


def begun(model, *prompts):
    return [start(model.prefill([model.encode(prompt)]))[0] for prompt in prompts]


def said(model, tasks):
    return [one.text for one in decode(model, tasks)]


def test_equal_answers_to_one_prompt_take_one_row():
    model = Counting()
    (closed,) = begun(model, "river")
    task = Task(streams={"closed": closed}, strategy=OneStream("closed"))
    assert said(model, [task] * 5) == ["Arno"] * 5
    # "A" is chosen from the prompt; r, n, o and the end take a step each.
    assert model.stepped == [1, 1, 1, 1]


def test_the_same_prompt_read_twice_is_two_rows():
    model = Counting()
    tasks = [
        Task(streams={"closed": one}, strategy=OneStream("closed"))
        for one in begun(model, "river", "river")
    ]
    said(model, tasks)
    assert model.stepped == [2, 2, 2, 2]


def test_rows_part_where_answers_do_and_leave_when_they_end():
    @dataclass(frozen=True)
    class Choosing:
        """Says what it was told to, and ends."""

        text: str

        @property
        def streams(self):
            return ("closed",)

        def step(self, step: StepInput) -> StepOutput:
            done = step.state[0] or 0
            scores = torch.full_like(step.logits["closed"], -1.0)
            token = model.encode(self.text, begin=False)[done] if done < len(self.text) else end
            scores[0, token] = 0.0
            return StepOutput(scores, state=[done + 1])

    model = Counting()
    (end,) = model.end_ids
    (closed,) = begun(model, "river")
    tasks = [
        Task(streams={"closed": closed}, strategy=Choosing(text))
        for text in ("abc", "abd", "a", "xyz")
    ]
    assert said(model, tasks) == ["abc", "abd", "a", "xyz"]
    # a x | ab, a has ended, xy | abc abd xyz
    assert model.stepped == [2, 2, 3]


def test_the_stream_of_one_strategy_serves_another_one():
    model = Counting()
    closed, context = begun(model, "river", "passage")
    streams = {"closed": closed, "context": context}
    tasks = [
        Task(streams=streams, strategy=strategy)
        for strategy in (PlainDecoder(), ContextAwareDecoder(alpha=0.0))
    ]
    assert said(model, tasks) == ["Arve", "Arve"]
    assert model.stepped == [2, 2, 2, 2]


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
def test_company_from_the_same_prompts_changes_no_answer(kind):
    model: TransformersModel = tiny_model(kind)
    tasks = []
    for seed in range(6):
        closed = start(model.prefill([prompt_of(seed + 3, seed)], layers=True))[0]
        context = start(model.prefill([prompt_of(2 * seed + 9, seed + 50)], layers=True))[0]
        tasks += [
            Task(
                streams={"closed": closed, "context": context},
                strategy=strategy,
                max_new_tokens=8,
                stop=(),
            )
            for strategy in STRATEGIES
        ]
    alone = [said(model, [task])[0] for task in tasks]
    assert said(model, tasks) == alone
    assert len(set(alone)) > 6


def test_streams_over_different_vocabularies_are_refused_with_their_sizes():
    model, other = Counting(), tiny_model("llama")
    (closed,) = begun(model, "river")
    context = start(other.prefill([prompt_of(5, 1)]))[0]
    task = Task(streams={"closed": closed, "context": context}, strategy=ContextAwareDecoder())
    with pytest.raises(ModelError) as caught:
        decode(model, [task])
    sizes = (closed.logits.shape[-1], context.logits.shape[-1])
    assert f"{sizes[0]} tokens ('closed' of answer 1)" in caught.value.message
    assert f"{sizes[1]} tokens ('context' of answer 1)" in caught.value.message
    assert "with the model that decodes them" in caught.value.hint
