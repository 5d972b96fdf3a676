from __future__ import annotations

import math

import numpy as np
import pytest
from asking import reader
from hypothesis import given
from hypothesis import strategies as st
from stand_ins import judged

from rag_router.filters.self_information import SelfInformationFilter
from rag_router.models.scripted import Reply, ScriptedModel

# Behind its begin token the model says this, each byte with 1/2, and anything else is a surprise.
MODEL = ScriptedModel(lambda prompt: Reply("Rome is old.", 0.5))
ODD = -math.log2(0.5 / 257)
"""Bits of a byte that the script does not say, where it says something."""
OFF = -math.log2(0.001 / 257)
"""The same where it would end: off script."""
TEXT = "Rome is old. Rain."


def run(filter_, *texts):
    return filter_.judge(["q"], [judged(*texts)], reader(MODEL, ["q"]))[0]


def test_a_word_has_the_bits_of_its_tokens():
    filter_ = SelfInformationFilter()
    words, bits = filter_._bits([judged(TEXT)], reader(MODEL, ["q"]))[0][0]
    assert words == [(0, 4), (5, 7), (8, 12), (13, 18)]
    # A bit a byte, of "Rome", " is" and " old."; then "R" again, and "ain." that nobody foresaw.
    assert bits == pytest.approx([4, 3, 5, 1 + ODD + 3 * OFF], abs=0.01)
    raw = filter_.raw(["q"], [judged(TEXT)], reader(MODEL, ["q"]))
    assert raw[0][0] == pytest.approx(sum(bits) / 4, abs=1e-3)


def test_units_below_the_percentile_go():
    # Sentences of 12 and of many bits: the half lies between them.
    one = run(SelfInformationFilter(unit="sentence"), TEXT)[0]
    assert (one.hit.passage.text, one.spans) == ("Rain.", ((13, 18),))
    # Of the words' 4, 3, 5 and many bits the median is 4.5.
    one = run(SelfInformationFilter(unit="word"), TEXT)[0]
    assert one.hit.passage.text == "old. Rain."
    assert one.why.endswith("; 2 of 4 words reach 4.5 bits")
    # Phrases: "Rome", "is old." and "Rain." with 4, 3 + 5 and many.
    one = run(SelfInformationFilter(unit="phrase"), TEXT)[0]
    assert one.hit.passage.text == "is old. Rain."
    one = run(SelfInformationFilter(unit="phrase", percentile=75.0), TEXT)[0]
    assert one.hit.passage.text == "Rain."


@pytest.mark.parametrize("unit", ["word", "phrase", "sentence"])
def test_percentile_zero_changes_nothing(unit):
    one = run(SelfInformationFilter(unit=unit, percentile=0.0), TEXT)[0]
    assert (one.hit.passage.text, one.spans) == (TEXT, ())


@given(st.lists(st.sampled_from(["Rome", "is", "old.", "雨", "the", "3,"]), max_size=12))
def test_a_higher_percentile_leaves_no_more(words):
    text = " ".join(words)
    for unit in ("word", "phrase", "sentence"):
        kept = [
            run(SelfInformationFilter(unit=unit, percentile=p), text)[0]
            for p in (0.0, 30.0, 60.0, 100.0)
        ]
        lengths = [len(one.hit.passage.text) for one in kept]
        assert lengths == sorted(lengths, reverse=True)
        rest = iter("".join(text.split()))
        assert all(c in rest for c in "".join(kept[1].hit.passage.text.split()))


def test_what_lies_beyond_what_is_read_stays():
    text = "x" * 300 + " y" * 300
    filter_ = SelfInformationFilter(unit="word", percentile=100.0)
    bits = filter_._bits([judged(text)], reader(MODEL, ["q"]))[0][0][1]
    assert len(bits) == 301
    assert math.isnan(bits[-1])
    assert run(filter_, text)[0].hit.passage.text.count("y") == 300
    assert np.isfinite(bits[0])
