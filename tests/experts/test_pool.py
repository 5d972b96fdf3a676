"""A pool of experts: loaded on demand, within a budget, one never held up by another."""

from __future__ import annotations

import threading

import pytest

from rag_router.errors import ArtefactError, ModelError, UnknownNameError
from rag_router.experts import Card
from rag_router.experts.pool import Loaded, Member, Pool


def card(name):
    return Card(name=name, kind="local", model=name, abilities=frozenset())


class Weights:
    """Members that note what is loaded, in order."""

    def __init__(self):
        self.loads = []

    def member(self, name, bytes_=10, *, over=None, expert=True):
        def load(below):
            self.loads.append(name)
            return Loaded(f"{below}+{name}" if over else name, bytes_)

        return Member(
            name=name, load=load, over=over, bytes=bytes_, card=card(name) if expert else None
        )


class Watch:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def use(pool, name):
    with pool.using(name) as value:
        return value


def loaded(pool):
    return [name for name, (state, _) in pool.states().items() if state == "loaded"]


def test_an_expert_is_loaded_when_it_is_first_used_and_kept():
    weights = Weights()
    pool = Pool([weights.member("a"), weights.member("b")])
    assert (weights.loads, pool.bytes) == ([], 0)
    assert [use(pool, "a"), use(pool, "a")] == ["a", "a"]
    assert (weights.loads, loaded(pool), pool.bytes) == (["a"], ["a"], 10)


def test_nobody_of_that_name_is_an_error_that_names_the_nearest():
    pool = Pool([Weights().member("small")])
    with pytest.raises(UnknownNameError, match="Did you mean 'small'"):
        use(pool, "smal")
    with pytest.raises(UnknownNameError, match="no model named 'base'"):
        Pool([Weights().member("a", over="base")])


def test_what_was_used_longest_ago_leaves_first():
    weights = Weights()
    pool = Pool([weights.member(name) for name in "abc"], max_bytes=20)
    for name in ("a", "b", "a", "c"):
        use(pool, name)
    # 10 + 10 + 10 > 20: b was used before a.
    assert (loaded(pool), pool.bytes) == (["a", "c"], 20)
    use(pool, "b")
    assert (loaded(pool), weights.loads) == (["b", "c"], ["a", "b", "c", "b"])


def test_a_base_is_held_once_for_all_that_lie_over_it_and_leaves_after_them():
    weights = Weights()
    pool = Pool(
        [
            weights.member("base", 100, expert=False),
            weights.member("x", 5, over="base"),
            weights.member("y", 5, over="base"),
            weights.member("other", 100),
        ],
        max_bytes=110,
    )
    assert [use(pool, "x"), use(pool, "y")] == ["base+x", "base+y"]
    assert (weights.loads, pool.bytes) == (["base", "x", "y"], 110)
    assert [one.name for one in pool.cards] == ["x", "y", "other"]
    use(pool, "other")
    # 100 of 110 are taken: neither the base nor an adapter that needs it can stay.
    assert (loaded(pool), pool.bytes) == (["other"], 100)


def test_what_never_fits_is_refused_at_once():
    weights = Weights()
    pool = Pool([weights.member("large", 3 * 2**20)], max_bytes=2**20)
    with pytest.raises(ModelError, match="takes 3 MiB, and all experts together may take 1"):
        use(pool, "large")
    assert weights.loads == []


def test_what_is_in_use_is_not_unloaded_and_who_wants_its_room_waits():
    weights = Weights()
    pool = Pool([weights.member("a"), weights.member("b")], max_bytes=10)
    done = threading.Event()

    def want_b():
        use(pool, "b")
        done.set()

    with pool.using("a"):
        other = threading.Thread(target=want_b)
        other.start()
        assert not pool.unload("a")
        assert weights.loads == ["a"]
        assert not done.is_set()
    other.join()
    assert (weights.loads, loaded(pool)) == (["a", "b"], ["b"])


def test_loading_one_does_not_hold_up_another():
    begun, let_go = threading.Event(), threading.Event()

    def slowly(_):
        begun.set()
        assert let_go.wait(60)
        return Loaded("slow")

    weights = Weights()
    pool = Pool([Member(name="slow", load=slowly, card=card("slow")), weights.member("fast")])
    waiting = threading.Thread(target=use, args=(pool, "slow"))
    waiting.start()
    assert begun.wait(60)
    # While the other one is being loaded: were this held up, nobody would ever let go.
    assert use(pool, "fast") == "fast"
    assert pool.states()["slow"] == ("loading", "")
    let_go.set()
    waiting.join()
    assert loaded(pool) == ["slow", "fast"]


def test_two_that_want_the_same_load_it_once():
    begun, let_go = threading.Event(), threading.Event()
    loads = []

    def slowly(_):
        loads.append("a")
        begun.set()
        assert let_go.wait(60)
        return Loaded("a", 10)

    pool = Pool([Member(name="a", load=slowly, bytes=10, card=card("a"))], max_bytes=10)
    threads = [threading.Thread(target=use, args=(pool, "a")) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(60)
    let_go.set()
    for thread in threads:
        thread.join()
    assert (loads, pool.bytes) == (["a"], 10)


def test_a_failed_load_is_remembered_and_tried_again_later_and_later():
    watch, tries = Watch(), []

    def fail(_):
        tries.append(watch.now)
        if len(tries) < 4:
            raise ArtefactError("the file is cut short.", hint="Copy it again.")
        return Loaded("mended")

    pool = Pool([Member(name="a", load=fail, bytes=10, card=card("a"))], clock=watch)
    with pytest.raises(ModelError, match=r"a cannot be loaded: the file is cut short. Copy it"):
        use(pool, "a")
    assert (pool.states()["a"], pool.bytes) == (("failed", "the file is cut short."), 0)
    watch.now = 29.0
    with pytest.raises(ModelError, match=r"Copy it again. It is tried again in 1 s."):
        use(pool, "a")
    assert tries == [0.0]
    for watch.now in (30.0, 89.0, 90.0, 209.0):
        with pytest.raises(ModelError):
            use(pool, "a")
    # 30 s after the first failure, 60 s after the second, 120 s after the third.
    assert tries == [0.0, 30.0, 90.0]
    watch.now = 210.0
    assert use(pool, "a") == "mended"
    assert pool.states()["a"] == ("loaded", "")


def test_what_a_library_raises_while_loading_is_an_error_of_ours():
    def fail(_):
        raise RuntimeError("not enough memory")

    pool = Pool([Member(name="a", load=fail, card=card("a"))])
    with pytest.raises(ModelError, match="a cannot be loaded: RuntimeError: not enough memory"):
        use(pool, "a")


def test_one_that_fails_does_not_take_its_base_along():
    weights = Weights()

    def fail(_):
        raise ModelError("of another base.")

    pool = Pool(
        [
            weights.member("base", 100),
            Member(name="x", load=fail, over="base", bytes=5, card=card("x")),
        ],
        max_bytes=105,
    )
    with pytest.raises(ModelError, match="of another base"):
        use(pool, "x")
    assert (loaded(pool), pool.bytes) == (["base"], 100)
    assert use(pool, "base") == "base"


def test_an_idle_member_can_be_let_go():
    weights = Weights()
    pool = Pool([weights.member("base", expert=False), weights.member("x", over="base")])
    use(pool, "x")
    assert not pool.unload("base")
    assert pool.unload("x")
    assert pool.unload("base")
    assert not pool.unload("base")
    assert pool.bytes == 0


def test_several_are_used_at_once_over_a_base_that_is_loaded_once():
    weights = Weights()
    members = [
        weights.member("base", expert=False),
        weights.member("a", over="base"),
        weights.member("b", over="base"),
    ]
    pool = Pool(members, max_bytes=30)
    with pool.using_all(["b", "a"]) as values:
        assert values == {"b": "base+b", "a": "base+a"}
        assert not pool.unload("a")
    assert weights.loads == ["base", "b", "a"]
    assert pool.unload("a")


def test_room_for_several_is_made_together_and_what_never_fits_is_refused():
    weights = Weights()
    pool = Pool([weights.member(name) for name in "abc"], max_bytes=20)
    use(pool, "a")
    with pool.using_all(["b", "c"]):
        assert loaded(pool) == ["b", "c"]
    with pytest.raises(ModelError, match="all experts together may take"), pool.using_all("abc"):
        pass
    with pool.using_all(["a"]) as values:
        assert values == {"a": "a"}
