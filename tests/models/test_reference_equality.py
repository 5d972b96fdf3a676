"""Five hundred prompts, every decoder: the loop says what plain passes without any cache say.

Joined rows of all lengths, sliding windows, caches that grow and rows that leave, against one
whole pass over every stream at every step.
"""

from __future__ import annotations

import random

import pytest
from tiny import WINDOW, prompt_of, tiny_model

from rag_router.decoders import DECODERS
from rag_router.eval.reference_decoding import Case, agreement
from rag_router.models.streams import Facts

LENGTHS = {
    "closed": [2, 5, WINDOW - 1, WINDOW],
    "context": [WINDOW - 2, WINDOW + 1, 20, 33],
    "abstain": [WINDOW - 1, WINDOW + 3, 24],
}
CASES = {"llama": 167, "gemma3": 167, "mixtral": 166}


def cases_of(kind):
    decoders = [DECODERS.build(name) for name in DECODERS]
    draw = random.Random(kind)
    return [
        Case(
            prompts={
                role: prompt_of(draw.choice(LENGTHS[role]), draw.randrange(10**6))
                for role in decoders[number % len(decoders)].streams
            },
            strategy=decoders[number % len(decoders)],
            facts=Facts(trust=draw.choice([1.0, 1.0, 0.5])),
            max_new_tokens=draw.randint(2, 6),
        )
        for number in range(CASES[kind])
    ]


@pytest.mark.parametrize("kind", CASES)
def test_every_decoder_says_what_plain_passes_say(kind, record_property):
    model = tiny_model(kind)
    found = agreement(model, model._model, cases_of(kind), batch_size=24)
    record_property("close_steps", found.close_steps)
    record_property("ties", len(found.ties))
    assert found.cases == CASES[kind]
    assert found.tokens > 2 * found.cases
    assert found.different == ()
    # Hardly any step is close, or equality would say little.
    assert len(found.ties) <= found.close_steps < found.tokens / 100, found


def test_there_are_five_hundred_prompts_and_every_decoder_reads_some_of_each_kind_of_length():
    assert sum(CASES.values()) == 500
    for kind in CASES:
        cases = cases_of(kind)
        assert {type(case.strategy) for case in cases} == {DECODERS.get(name) for name in DECODERS}
        for name in DECODERS:
            own = [case for case in cases if isinstance(case.strategy, DECODERS.get(name))]
            lengths = {len(ids) for case in own for ids in case.prompts.values()}
            assert min(lengths) < WINDOW < max(lengths)
