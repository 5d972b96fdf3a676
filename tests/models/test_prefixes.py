from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import ModelError, SettingsError
from rag_router.models.caches import KeyValues
from rag_router.models.prefixes import (
    MIN_SHARED,
    PrefixCache,
    PrefixKey,
    PrefixStats,
    checked_shared,
    group_by_prefix,
)

# Keys and values of one float each, and one byte of mask, for every column.
COLUMN = 4 + 4 + 1


def prefix_of(columns):
    tensor = torch.zeros((1, 1, columns, 1))
    mask = torch.ones((1, columns), dtype=torch.bool)
    return KeyValues(keys=(tensor,), values=(tensor,), windows=(None,), mask=mask)


def key_of(number):
    return PrefixKey.of([number], model="m")


def test_what_is_kept_is_found_and_counted():
    cache, prefix = PrefixCache(100 * COLUMN), prefix_of(20)
    assert cache.get(key_of(1)) is None
    cache.put(key_of(1), prefix)
    assert cache.get(key_of(1)) is prefix
    assert cache.stats == PrefixStats(hits=1, misses=1, entries=1, bytes=20 * COLUMN)


def test_beyond_the_bound_the_least_recently_used_prefix_goes():
    cache = PrefixCache(50 * COLUMN)
    cache.put(key_of(1), prefix_of(20))
    cache.put(key_of(2), prefix_of(30))
    assert cache.stats.bytes == 50 * COLUMN
    assert cache.get(key_of(1)) is not None
    cache.put(key_of(3), prefix_of(1))  # 51 columns are one too many; the second was used last
    assert cache.get(key_of(2)) is None
    assert cache.get(key_of(1)) is not None
    assert cache.get(key_of(3)) is not None
    assert (cache.stats.entries, cache.stats.bytes) == (2, 21 * COLUMN)


def test_as_many_prefixes_go_as_a_large_one_needs():
    cache = PrefixCache(50 * COLUMN)
    for number in range(5):
        cache.put(key_of(number), prefix_of(10))
    cache.put(key_of(9), prefix_of(35))
    assert [cache.get(key_of(n)) is not None for n in range(5)] == [False] * 4 + [True]
    assert cache.stats.bytes == 45 * COLUMN


def test_a_prefix_larger_than_the_bound_is_not_kept_and_drives_nothing_out():
    cache = PrefixCache(20 * COLUMN)
    cache.put(key_of(1), prefix_of(20))
    cache.put(key_of(2), prefix_of(21))
    assert cache.get(key_of(1)) is not None
    assert cache.get(key_of(2)) is None


def test_a_prefix_put_twice_is_counted_once():
    cache = PrefixCache(50 * COLUMN)
    cache.put(key_of(1), prefix_of(20))
    cache.put(key_of(1), prefix_of(20))
    assert (cache.stats.entries, cache.stats.bytes) == (1, 20 * COLUMN)


def test_a_bound_of_nothing_keeps_nothing_and_a_negative_one_is_an_error():
    cache = PrefixCache(0)
    cache.put(key_of(1), prefix_of(1))
    assert cache.stats.entries == 0
    with pytest.raises(SettingsError, match="cannot hold -1 bytes"):
        PrefixCache(-1)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 12))), st.integers(0, 30))
def test_the_bound_is_kept_and_the_bytes_are_those_of_the_entries(puts, columns):
    cache = PrefixCache(columns * COLUMN)
    for number, size in puts:
        cache.put(key_of(number), prefix_of(size))
        assert cache.stats.bytes <= cache.max_bytes
    held = [found for n in range(6) if (found := cache.get(key_of(n))) is not None]
    assert cache.stats.entries == len(held)
    assert cache.stats.bytes == sum(prefix.nbytes for prefix in held)


def test_threads_may_share_a_cache():
    cache = PrefixCache(10 * COLUMN)

    def use(number):
        for turn in range(50):
            if cache.get(key_of((number + turn) % 5)) is None:
                cache.put(key_of((number + turn) % 5), prefix_of(3))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))
    stats = cache.stats
    # Three prefixes of three columns fit into ten.
    assert (stats.entries, stats.bytes) == (3, 9 * COLUMN)
    assert stats.hits + stats.misses == 8 * 50


def test_prefixes_of_another_model_adapter_tenant_or_text_are_other_prefixes():
    key = PrefixKey.of([1, 2], model="m")
    assert key == PrefixKey.of((1, 2), model="m")
    others = [
        PrefixKey.of([1, 2], model="n"),
        PrefixKey.of([1, 2], model="m", adapter="legal"),
        PrefixKey.of([1, 2], model="m", namespace="acme"),
        PrefixKey.of([12], model="m"),
    ]
    assert len({key, *others}) == 5
    assert replace(others[1], adapter=None) == key


SHARED = tuple(range(MIN_SHARED))


def test_prompts_that_begin_alike_are_read_together_and_the_others_by_themselves():
    other = tuple(range(100, 100 + MIN_SHARED))
    prompts = [[*SHARED, 7], [*other, 7], [5, 6], [*SHARED, 8, 9], [*SHARED]]
    shared = [MIN_SHARED, MIN_SHARED, 0, MIN_SHARED, MIN_SHARED]
    assert group_by_prefix(prompts, shared, longest=50) == {SHARED: [0, 3, 4], other: [1], (): [2]}


def test_what_begins_alike_but_is_not_marked_or_too_short_is_not_shared():
    prompts = [[*SHARED, 7], [*SHARED, 7]]
    assert group_by_prefix(prompts, [0, MIN_SHARED - 1], longest=50) == {(): [0, 1]}


def test_of_a_prefix_that_is_too_long_the_beginning_is_shared():
    prompts = [[*SHARED, 7, 8], [*SHARED, 7, 9], [*SHARED, 5]]
    shared = [MIN_SHARED + 2, MIN_SHARED + 2, MIN_SHARED]
    assert group_by_prefix(prompts, shared, longest=MIN_SHARED) == {SHARED: [0, 1, 2]}
    assert group_by_prefix(prompts, shared, longest=MIN_SHARED - 1) == {(): [0, 1, 2]}


def test_lengths_that_do_not_fit_the_prompts_are_errors():
    assert list(checked_shared([[1], [2]], None)) == [0, 0]
    assert checked_shared([[1, 2], [2]], (2, 0)) == (2, 0)
    with pytest.raises(ModelError, match="2 prompts came with 1 lengths"):
        checked_shared([[1], [2]], [0])
    with pytest.raises(ModelError, match="of 1 tokens cannot share 2"):
        checked_shared([[1]], [2])
    with pytest.raises(ModelError, match="cannot share -1"):
        checked_shared([[1]], [-1])
