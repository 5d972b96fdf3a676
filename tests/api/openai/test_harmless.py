from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag_router.api.openai.harmless import Harmless, harmless

TEXT = st.text(st.sampled_from("ab ![]()<>/:\n\\1"), max_size=30)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Rome is old. Is 1 < 2? Yes!", "Rome is old. Is 1 < 2? Yes!"),
        ("![x](https://evil.example/?q=1)", "\\[x](https://evil.example/?q=1)"),
        ("![x][1]", "\\[x][1]"),
        ("a <img src=//evil.example> b", "a ‹img src=//evil.example> b"),
        ("</p><!-- x -->", "‹/p>‹!-- x -->"),
        ("[1]: https://evil.example", "(1): https://evil.example"),
        ("Rome\n   [1]: https://evil.example", "Rome\n   (1): https://evil.example"),
        ("As in [1]: Rome", "As in [1]: Rome"),
    ],
)
def test_nothing_is_fetched_or_hidden_by_who_reads_an_answer(text, shown):
    assert harmless(text) == shown
    assert len(shown) == len(text)


@given(TEXT)
def test_no_image_tag_or_definition_is_left(text):
    shown = harmless(text)
    assert len(shown) == len(text)
    assert "![" not in shown
    assert "<a" not in shown
    assert "</" not in shown
    assert not any(line.lstrip(" ").startswith("[1]:") for line in shown.split("\n"))


@given(st.lists(TEXT, max_size=6))
@example(["!", "[a](b)"])
@example(["a\n", " ", "[", "1", "]", ": b"])
@example(["<", "i", "mg>"])
def test_piece_by_piece_the_same_is_said_as_at_once(pieces):
    words = Harmless()
    for upto in range(len(pieces)):
        before = words.said
        assert before + words.hear(pieces[upto]) == words.said
        assert harmless("".join(pieces[: upto + 1])).startswith(words.said)
    # Once a line has ended, nothing of it is held back.
    words.hear("\n")
    assert words.said == harmless("".join([*pieces, "\n"]))
