from __future__ import annotations

import math

import pytest

from rag_router.decoders.confidence_gain import ConfidenceGainDecoder
from rag_router.decoders.confidence_gain_released import ConfidenceGainReleasedDecoder
from rag_router.decoders.context_aware import ContextAwareDecoder
from rag_router.decoders.knob import relying
from rag_router.errors import UsageError


@pytest.mark.parametrize("kind", [ConfidenceGainDecoder, ConfidenceGainReleasedDecoder])
def test_a_decoder_with_a_knob_is_turned_and_keeps_everything_else(kind):
    assert relying(kind(head_tokens=3), 0.25, name="x") == kind(head_tokens=3, reliance=0.25)


def test_without_a_wish_every_decoder_stays_as_it_is():
    for decoder in (ContextAwareDecoder(), ConfidenceGainDecoder(reliance=0.5)):
        assert relying(decoder, None, name="x") is decoder


def test_a_decoder_without_a_knob_names_those_that_have_one():
    with pytest.raises(UsageError) as caught:
        relying(ContextAwareDecoder(), 0.5, name="context_aware")
    assert "'context_aware' has no knob for reliance" in caught.value.message
    assert caught.value.hint == (
        "Decoders that have one: auto, confidence_gain, confidence_gain_released."
    )


@pytest.mark.parametrize("reliance", [-0.01, 1.01, math.nan, math.inf])
def test_what_is_out_of_range_is_refused_with_the_range(reliance):
    with pytest.raises(UsageError, match=r"between 0, the passages, and 1, memory"):
        relying(ConfidenceGainDecoder(), reliance, name="confidence_gain")
