"""Prompts are read in the passes that cost least."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rag_router.models.passes import ON_CPU, Passes

LENGTHS = st.lists(st.integers(min_value=0, max_value=600), max_size=7)


def cost(passes: list[list[int]], lengths: list[int], fixed: int) -> int:
    return sum(fixed + len(rows) * max(lengths[row] for row in rows) for rows in passes)


def partitions(rows: list[int]) -> list[list[list[int]]]:
    """All ways to part rows, whatever their order."""
    if not rows:
        return [[]]
    first, rest = rows[0], rows[1:]
    found = []
    for parted in partitions(rest):
        found.append([[first], *parted])
        for at, some in enumerate(parted):
            found.append([*parted[:at], [first, *some], *parted[at + 1 :]])
    return found


def test_short_prompts_share_a_pass():
    # Together 40 + 3 * 17 = 91; the cheapest cut, 40 + 2 * 15 and 40 + 17, costs 127.
    assert Passes(fixed=40, most=1024).cut([15, 17, 15]) == [[0, 1, 2]]


def test_a_long_prompt_does_not_pad_short_ones():
    # Apart 40 + 2 * 20 and 40 + 300: 420; together 40 + 3 * 300 = 940.
    assert Passes(fixed=40, most=1024).cut([20, 300, 20]) == [[0, 2], [1]]


def test_what_is_saved_must_be_worth_a_pass():
    # Padding 39 tokens is cheaper than a pass that costs 40, padding 41 is not.
    assert Passes(fixed=40, most=1024).cut([100, 139]) == [[0, 1]]
    assert Passes(fixed=40, most=1024).cut([100, 141]) == [[0], [1]]


def test_a_pass_has_so_many_tokens_at_most():
    # Three of 300 fit into 1000, four do not.
    assert Passes(fixed=40, most=1000).cut([300] * 4) != [[0, 1, 2, 3]]
    assert all(len(rows) * 300 <= 1000 for rows in Passes(fixed=40, most=1000).cut([300] * 4))


def test_a_prompt_longer_than_a_pass_is_read_alone():
    assert Passes(fixed=40, most=100).cut([500, 30]) == [[1], [0]]


def test_nothing_takes_no_pass():
    assert ON_CPU.cut([]) == []


@given(LENGTHS)
def test_every_prompt_is_read_once_and_shorter_ones_in_earlier_passes(lengths: list[int]):
    passes = ON_CPU.cut(lengths)
    assert sorted(row for rows in passes for row in rows) == list(range(len(lengths)))
    assert all(rows == sorted(rows) for rows in passes)
    spans = [(min(some), max(some)) for some in ([lengths[row] for row in rows] for rows in passes)]
    assert all(longest <= shortest for (_, longest), (shortest, _) in pairwise(spans))


@given(LENGTHS.filter(lambda lengths: len(lengths) <= 6))
def test_no_other_cut_costs_less(lengths: list[int]):
    passes = Passes(fixed=40, most=10_000)
    least = min(cost(one, lengths, 40) for one in partitions(list(range(len(lengths)))))
    assert cost(passes.cut(lengths), lengths, 40) == least
