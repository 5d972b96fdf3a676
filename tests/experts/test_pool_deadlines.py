"""Waiting for an expert no longer than there is time, while it goes on being loaded."""

from __future__ import annotations

import threading

import pytest
from test_pool import Weights, card, loaded, use

from rag_router.errors import BusyError, CancelledError, ModelError
from rag_router.experts.deadline import Deadline
from rag_router.experts.patience import ENDLESS, Patience
from rag_router.experts.pool import Loaded, Member, Pool
from rag_router.experts.preloading import preload


class Slow:
    """A member whose load ends when it is let go; a clock stands at `now`."""

    def __init__(self, name="slow", bytes_=10, *, error=None):
        self.now, self.error, self.loads = 0.0, error, 0
        self.begun, self.let_go = threading.Event(), threading.Event()
        self.member = Member(name=name, load=self._load, bytes=bytes_, card=card(name))

    def patience(self, seconds, **more):
        return Patience(until=Deadline.within(seconds, clock=lambda: self.now), **more)

    def _load(self, _):
        self.loads += 1
        self.begun.set()
        assert self.let_go.wait(60)
        if self.error is not None:
            raise self.error
        return Loaded(self.member.name, self.member.bytes)


def run(work):
    """Do something in a thread; returns it, and what comes of it."""
    out = []

    def noted():
        try:
            out.append(work())
        except Exception as exc:  # noqa: BLE001  # it is looked at by the test
            out.append(exc)

    thread = threading.Thread(target=noted)
    thread.start()
    return thread, out


def use_within(pool, name, patience):
    with pool.using(name, patience) as value:
        return value


def test_who_has_no_time_left_hears_so_and_the_load_goes_on_for_the_next():
    slow = Slow()
    pool = Pool([slow.member])
    waiting, said = run(lambda: use_within(pool, "slow", slow.patience(10)))
    assert slow.begun.wait(60)
    slow.now = 10.0
    waiting.join()
    assert isinstance(said[0], BusyError)
    assert said[0].message == "slow is still being loaded."
    assert pool.states()["slow"] == ("loading", "")
    slow.let_go.set()
    # Nobody loads it a second time, whether there is time or not.
    assert use(pool, "slow") == "slow"
    assert use_within(pool, "slow", slow.patience(10)) == "slow"
    assert (slow.loads, pool.bytes) == (1, 10)


def test_who_has_time_gets_what_was_loaded_meanwhile():
    slow = Slow()
    pool = Pool([slow.member])
    waiting = [run(lambda: use_within(pool, "slow", slow.patience(10))) for _ in range(3)]
    assert slow.begun.wait(60)
    slow.let_go.set()
    for thread, _ in waiting:
        thread.join()
    assert [said for _, said in waiting] == [["slow"]] * 3
    assert slow.loads == 1
    # Nobody uses it any more.
    assert pool.unload("slow")


def test_what_is_loaded_is_used_though_the_time_is_up():
    pool = Pool([Weights().member("a")])
    use(pool, "a")
    past = Patience(until=Deadline(seconds=1.0, ends=1.0, clock=lambda: 2.0))
    assert use_within(pool, "a", past) == "a"


def test_without_an_end_patience_is_endless():
    assert not ENDLESS.ends
    assert not Patience(until=Deadline.within(None, clock=lambda: 0.0)).ends


def test_who_gives_up_waits_no_longer():
    slow, gone = Slow(), threading.Event()
    pool = Pool([slow.member])
    patience = slow.patience(10, cancelled=gone.is_set)
    waiting, said = run(lambda: use_within(pool, "slow", patience))
    assert slow.begun.wait(60)
    gone.set()
    waiting.join()
    assert isinstance(said[0], CancelledError)
    slow.let_go.set()


def test_a_load_that_fails_in_the_background_is_heard_of_and_remembered():
    slow = Slow(error=ModelError("its files are cut short.", hint="Copy them again."))
    pool = Pool([slow.member], clock=lambda: 0.0)
    waiting, said = run(lambda: use_within(pool, "slow", slow.patience(10)))
    assert slow.begun.wait(60)
    slow.let_go.set()
    waiting.join()
    assert str(said[0]) == "slow cannot be loaded: its files are cut short. Copy them again."
    assert pool.states()["slow"] == ("failed", "its files are cut short.")
    assert pool.bytes == 0
    assert not pool.begin("slow")
    assert slow.loads == 1


def test_a_mistake_of_ours_reaches_whoever_waits():
    slow = Slow(error=KeyError("weights"))
    pool = Pool([slow.member])
    waiting, said = run(lambda: use_within(pool, "slow", slow.patience(10)))
    assert slow.begun.wait(60)
    slow.let_go.set()
    waiting.join()
    assert isinstance(said[0], KeyError)


def test_loading_is_begun_ahead_only_where_there_is_free_room():
    slow, weights = Slow(), Weights()
    pool = Pool([slow.member, weights.member("idle")], max_bytes=15)
    use(pool, "idle")
    # 10 + 10 > 15, and nothing is unloaded for somebody who may not be wanted.
    assert not pool.begin("slow")
    assert (loaded(pool), pool.bytes) == (["idle"], 10)
    assert pool.unload("idle")
    assert pool.begin("slow")
    assert pool.begin("slow")
    assert slow.begun.wait(60)
    # What is being loaded takes its room already.
    assert pool.bytes == 10
    assert not pool.begin("idle")
    slow.let_go.set()
    assert use(pool, "slow") == "slow"
    assert not pool.begin("slow")
    assert slow.loads == 1


def test_nobody_begins_to_load_what_never_fits():
    pool = Pool([Weights().member("large", 20)], max_bytes=10)
    assert not pool.begin("large")


def test_room_is_not_made_of_those_who_are_spared():
    slow, weights = Slow(), Weights()
    pool = Pool([slow.member, weights.member("ready")], max_bytes=10)
    use(pool, "ready")
    slow.now = 11.0
    late = Patience(until=Deadline(seconds=10, ends=10, clock=lambda: slow.now), sparing=["ready"])
    with pytest.raises(BusyError, match="no room to load slow beside what is in use"):
        use_within(pool, "slow", late)
    assert (loaded(pool), slow.loads) == (["ready"], 0)
    slow.let_go.set()
    slow.now = 0.0
    assert use_within(pool, "slow", slow.patience(10)) == "slow"
    assert loaded(pool) == ["slow"]


def test_nobody_is_unloaded_for_what_would_not_fit_all_the_same():
    weights = Weights()
    members = [weights.member(name) for name in ("used", "idle")] + [weights.member("large", 15)]
    pool = Pool(members, max_bytes=20)
    use(pool, "idle")
    with pool.using("used"):
        late = Patience(until=Deadline(seconds=1, ends=1, clock=lambda: 2.0))
        # 10 are in use, and 15 + 10 > 20 whoever else leaves.
        with pytest.raises(BusyError, match="no room"):
            use_within(pool, "large", late)
        assert loaded(pool) == ["used", "idle"]


def test_several_are_loaded_together_in_the_background():
    slow, weights = Slow(), Weights()
    pool = Pool([slow.member, weights.member("fast")])

    def both():
        with pool.using_all(["fast", "slow"], slow.patience(10)) as values:
            return values

    waiting, said = run(both)
    assert slow.begun.wait(60)
    slow.now = 10.0
    waiting.join()
    assert isinstance(said[0], BusyError)
    slow.now = 0.0
    slow.let_go.set()
    assert both() == {"fast": "fast", "slow": "slow"}
    assert (slow.loads, weights.loads) == (1, ["fast"])


# --- before anybody asks ------------------------------------------------------------------------


def test_experts_are_preloaded_in_order_as_far_as_there_is_room():
    weights = Weights()

    def broken(_):
        raise ModelError("its files are cut short.")

    members = [weights.member(name) for name in "abc"]
    pool = Pool([*members, Member(name="x", load=broken, card=card("x"))], max_bytes=20)
    # 10 + 10 + 10 > 20: the third one would send the first one away.
    assert preload(pool, ["x", "b", "a", "c"]) == ("b", "a")
    assert (loaded(pool), weights.loads) == (["a", "b"], ["b", "a"])
    assert pool.states()["x"][0] == "failed"
