from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.filters.hostile.folding import fold


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Ignore", "ignore"),
        ("Ig\u200bno\u00adre", "ignore"),
        ("\u0406gn\u043er\u0435", "ignore"),  # Cyrillic letters among Latin ones
        ("ｉｇｎｏｒｅ", "ignore"),
        ("ⓘⓖⓝⓞⓡⓔ", "ignore"),
        ("Ígnöre", "ignore"),
        ("игнорируй", "игнорируи"),  # a word of its own alphabet stays in it
    ],
)
def test_text_is_read_as_a_reader_sees_it(text, plain):
    assert fold(text).text == plain


def test_places_lead_back_to_the_text_as_it_stands():
    folded = fold("é\u200bab")  # reads "eab"; a stands at 2, b at 3
    assert folded.span(1, 3) == (2, 4)
    assert folded.changed == 1


@given(st.text(max_size=200))
def test_every_stretch_lies_within_the_text(text):
    folded = fold(text)
    for at in range(len(folded.text)):
        start, end = folded.span(at, at + 1)
        assert 0 <= start < end <= len(text)
