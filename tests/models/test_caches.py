from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from rag_router.models.caches import KeyValues

WINDOW = 4
ROWS = st.lists(st.integers(1, 9), min_size=1, max_size=4)


def one_row(length: int, number: int = 0) -> KeyValues:
    """A cache of two layers, full and sliding, whose keys are 100 * number + their position."""
    keys = (100.0 * number + torch.arange(length)).reshape(1, 1, length, 1)
    held = keys[:, :, -(WINDOW - 1) :]
    return KeyValues(
        keys=(keys, held),
        values=(-keys, -held),
        windows=(None, WINDOW),
        mask=torch.ones((1, length), dtype=torch.bool),
    )


def held(cache: KeyValues, row: int) -> tuple[list[float], list[float]]:
    """What the two layers hold of a row, padding left out."""
    real = cache.mask[row]
    sliding = cache.keys[1][row, 0, :, 0]
    return (
        cache.keys[0][row, 0, real, 0].tolist(),
        sliding[real[cache.length - len(sliding) :]].tolist(),
    )


def test_short_caches_are_padded_on_the_left_of_each_layer():
    cache = KeyValues.join([one_row(2, number=1), one_row(6, number=2)])
    assert cache.mask.tolist() == [[False] * 4 + [True] * 2, [True] * 6]
    assert cache.keys[0][0, 0, :, 0].tolist() == [0, 0, 0, 0, 100, 101]
    # The sliding layer holds the last 4 - 1 columns only.
    assert cache.keys[1][0, 0, :, 0].tolist() == [0, 100, 101]
    assert cache.keys[1][1, 0, :, 0].tolist() == [203, 204, 205]
    assert torch.equal(cache.values[1], -cache.keys[1])


def test_one_cache_joined_is_itself():
    cache = one_row(3)
    assert KeyValues.join([cache]) is cache


@given(ROWS, st.data())
def test_joining_and_selecting_lose_nothing_that_is_not_padding(lengths, data):
    joined = KeyValues.join([one_row(n, number) for number, n in enumerate(lengths)])
    assert (joined.rows, joined.length) == (len(lengths), max(lengths))
    assert joined.positions.tolist() == lengths
    order = data.draw(st.lists(st.sampled_from(range(len(lengths))), min_size=1, max_size=5))
    chosen = joined.select(order)
    assert (chosen.rows, chosen.length) == (len(order), max(lengths[row] for row in order))
    for place, row in enumerate(order):
        full, sliding = held(chosen, place)
        assert full == [100 * row + at for at in range(lengths[row])]
        assert sliding == full[-(WINDOW - 1) :]


@given(ROWS, ROWS)
def test_joining_in_two_steps_is_joining_in_one(left, right):
    parts = [one_row(n, number) for number, n in enumerate([*left, *right])]
    once = KeyValues.join(parts)
    twice = KeyValues.join([KeyValues.join(parts[: len(left)]), KeyValues.join(parts[len(left) :])])
    assert torch.equal(once.mask, twice.mask)
    for row in range(once.rows):
        assert held(once, row) == held(twice, row)


def test_copies_of_a_prefix_are_cut_at_their_ends_and_stand_at_the_right():
    # Three columns fit into the window of four, so both layers hold them all: 0, 1 and 2.
    copies = one_row(3).spread([3, 1, 0])
    assert (copies.rows, copies.length) == (3, 3)
    assert copies.mask.tolist() == [[True] * 3, [False, False, True], [False] * 3]
    for layer in (0, 1):
        assert copies.keys[layer][:, 0, :, 0].tolist() == [[0, 1, 2], [0, 0, 0], [0, 0, 0]]
        assert torch.equal(copies.values[layer], -copies.keys[layer])
    assert held(copies, 0) == ([0, 1, 2], [0, 1, 2])
    assert held(copies, 1) == ([0], [0])
    assert held(copies, 2) == ([], [])


@given(st.integers(1, WINDOW - 1), st.data())
def test_every_copy_holds_the_first_tokens_and_nothing_else(length, data):
    kept = data.draw(st.lists(st.integers(0, length), min_size=1, max_size=4))
    copies = one_row(length).spread(kept)
    assert copies.positions.tolist() == kept
    for row, count in enumerate(kept):
        assert held(copies, row) == (list(range(count)), list(range(count)))


def test_bytes_are_those_of_keys_values_and_mask():
    # Six columns: 6 in the full layer and 3 in the sliding one, keys and values of 4 bytes each,
    # and one byte a column for the mask.
    assert one_row(6).nbytes == (6 + 3) * 2 * 4 + 6
    assert KeyValues.join([one_row(6), one_row(6)]).nbytes == 2 * one_row(6).nbytes
