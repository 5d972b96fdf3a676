from __future__ import annotations

import math

import pytest

from rag_router.decoders import DECODERS
from rag_router.decoders.abstaining import AbstainingDecoder
from rag_router.decoders.abstaining_momentum import AbstainingMomentumDecoder
from rag_router.decoders.null_prompts import (
    NullEntropies,
    null_entropies,
    wants_null_entropies,
    with_null_entropies,
)
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel

MEASURED = NullEntropies(closed=3.0, context=2.0)


def spread(p):
    """Entropy of one byte of probability p and the other 257 tokens evenly."""
    return -p * math.log(p) - (1 - p) * math.log((1 - p) / 257)


def script(prompt):
    asked = prompt.rpartition("Question: ")[2].partition("\n")[0]
    if "from its passages" in prompt:
        return Reply("x", 0.4)
    return Reply("x", {"": 0.9, "N/A": 0.6, "[MASK]": 0.3}[asked])


def test_the_entropies_are_means_over_prompts_with_nothing_in_them():
    found = null_entropies(ScriptedModel(script), PromptStyle())
    assert found.closed == pytest.approx((spread(0.9) + spread(0.6) + spread(0.3)) / 3, abs=1e-4)
    assert found.context == pytest.approx(spread(0.4), abs=1e-4)


def test_all_null_prompts_are_read_in_one_pass():
    class Counting(ScriptedModel):
        passes: list[int]

        def prefill(self, prompts, **more):
            self.passes.append(len(prompts))
            return super().prefill(prompts, **more)

    model = Counting(script)
    model.passes = []
    null_entropies(model, PromptStyle())
    assert model.passes == [6]


def test_a_model_that_is_never_unsure_has_entropies_that_can_be_divided_by():
    sure = ScriptedModel({}, otherwise=Reply("x", 1.0))
    found = null_entropies(sure, PromptStyle())
    assert min(found) > 0
    assert AbstainingDecoder(null_entropy_closed=found.closed).null_entropy_closed == found.closed


@pytest.mark.parametrize("kind", [AbstainingDecoder, AbstainingMomentumDecoder])
def test_what_a_decoder_leaves_open_is_filled_in_and_what_was_set_stays(kind):
    assert wants_null_entropies(kind())
    assert with_null_entropies(kind(), MEASURED) == kind(
        null_entropy_closed=3.0, null_entropy_context=2.0
    )
    half = kind(null_entropy_context=1.5)
    assert wants_null_entropies(half)
    assert with_null_entropies(half, MEASURED) == kind(
        null_entropy_closed=3.0, null_entropy_context=1.5
    )
    assert not wants_null_entropies(with_null_entropies(half, MEASURED))


def test_decoders_without_null_entropies_are_left_as_they_are():
    others = [name for name in DECODERS if not name.startswith("abstaining")]
    assert others
    for name in others:
        decoder = DECODERS.build(name)
        assert not wants_null_entropies(decoder)
        assert with_null_entropies(decoder, MEASURED) is decoder
