"""Counting what tenants spend, with a clock that is moved by hand."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_router.api.guards.allowances import Allowances
from rag_router.api.guards.quotas import Quotas
from rag_router.errors import QuotaError, TooLargeError
from rag_router.settings import LimitSettings, TenantLimitSettings
from rag_router.store.spending import Level, Rates, Spent

NOON = 20_000 * 86_400 + 43_200.0


@dataclass
class Hand:
    """A clock that is moved by hand."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


def quotas(clock, **rates):
    return Quotas(lambda tenant: Rates(**rates), clock)


def taken(counting, tenant="a", most=1000):
    for number in range(most):
        try:
            counting.take(tenant)
        except QuotaError:
            return number
    return most


def test_as_many_requests_as_a_minute_has_are_let_through_at_once_and_not_one_more():
    clock = Hand()
    counting = quotas(clock, requests_per_minute=6)
    assert taken(counting) == 6
    with pytest.raises(QuotaError) as caught:
        counting.take("a")
    assert caught.value.message == "6 of 6 requests a minute are spent, and this takes 1."
    # Six a minute are one in ten seconds.
    assert caught.value.retry_after_s == pytest.approx(10.0)
    clock.now += 9.9
    assert taken(counting) == 0
    clock.now += 0.1
    assert taken(counting) == 1


def test_a_day_begins_anew_at_midnight():
    clock = Hand()
    counting = quotas(clock, requests_per_day=3)
    assert taken(counting) == 3
    with pytest.raises(QuotaError, match="3 of 3 requests of this day") as caught:
        counting.take("a")
    assert caught.value.retry_after_s == 43_200
    clock.now += 43_199
    assert taken(counting) == 0
    clock.now += 1
    assert taken(counting) == 3


def test_tokens_are_reserved_and_corrected_by_what_was_used():
    clock = Hand()
    counting = quotas(clock, tokens_per_minute=1000, tokens_per_day=1500)
    first = counting.reserve("a", 1000)
    with pytest.raises(QuotaError, match="1,000 of 1,000 tokens a minute are spent"):
        counting.reserve("a", 1)
    first.settle(200)
    first.settle(0)  # only the first time counts
    assert [one.left for one in counting.standings("a")] == [800, 1300]
    counting.reserve("a", 800)
    with pytest.raises(QuotaError):
        counting.reserve("a", 1)


def test_more_tokens_than_were_thought_are_paid_for_before_the_next_ones():
    clock = Hand()
    counting = quotas(clock, tokens_per_minute=600)
    counting.reserve("a", 100).settle(900)
    with pytest.raises(QuotaError) as caught:
        counting.reserve("a", 100)
    # 900 + 100 - 600 at ten a second.
    assert caught.value.retry_after_s == pytest.approx(40.0)


@pytest.mark.parametrize("window", ["tokens_per_minute", "tokens_per_day"])
def test_what_no_minute_and_no_day_has_room_for_is_too_large_and_not_for_later(window):
    counting = quotas(Hand(), **{window: 500})
    counting.reserve("a", 500).settle(0)
    with pytest.raises(TooLargeError, match="this may take 501 tokens") as caught:
        counting.reserve("a", 501)
    assert not caught.value.retryable


def test_tenants_do_not_share_what_they_may():
    counting = quotas(Hand(), requests_per_minute=2)
    assert (taken(counting, "a"), taken(counting, "b")) == (2, 2)


def test_a_tenant_of_its_own_limits_has_those_and_the_others_of_all():
    limits = LimitSettings(requests_per_minute=5, requests_per_day=50, request_mb=8)
    own = TenantLimitSettings(requests_per_minute=7, request_mb=9, question_characters=10)
    allowances = Allowances(limits, {"big": own})
    assert allowances.rates("big") == Rates(requests_per_minute=7, requests_per_day=50)
    assert allowances.rates("any") == Rates(requests_per_minute=5, requests_per_day=50)
    # Sizes only get smaller.
    assert (allowances("big").request_mb, allowances("big").question_characters) == (8, 10)


def test_a_clock_that_is_set_back_lets_nothing_through_and_blocks_nobody_for_ever():
    clock = Hand()
    counting = quotas(clock, requests_per_minute=6)
    assert taken(counting) == 6
    clock.now -= 3600
    assert taken(counting) == 0
    clock.now += 10
    assert taken(counting) == 1


def test_a_clock_that_jumps_ahead_lets_one_minute_through():
    clock = Hand()
    counting = quotas(clock, requests_per_minute=6)
    assert taken(counting) == 6
    clock.now += 10 * 365 * 86_400
    assert taken(counting) == 6


@settings(max_examples=200, deadline=None)
@given(
    per_minute=st.integers(1, 120),
    steps=st.lists(st.tuples(st.floats(0, 90), st.integers(1, 40)), max_size=30),
)
def test_in_no_stretch_of_time_more_is_let_through_than_a_bucket_and_what_flowed_out(
    per_minute, steps
):
    clock = Hand()
    counting = quotas(clock, requests_per_minute=per_minute)
    passed: list[float] = []
    for seconds, requests in steps:
        clock.now += seconds
        for _ in range(requests):
            try:
                counting.take("a")
            except QuotaError as exc:
                waits = exc.retry_after_s
                assert 0 < waits <= 60 / per_minute + 1e-3
                break
            passed.append(clock.now)
    for first, begins in enumerate(passed):
        for last in range(first, len(passed)):
            room = per_minute * (1 + (passed[last] - begins) / 60)
            assert last - first + 1 <= room + 0.01


@settings(max_examples=200, deadline=None)
@given(
    level=st.floats(0, 5000),
    per_minute=st.integers(1, 1000),
    pauses=st.lists(st.floats(0, 30), min_size=1, max_size=8),
)
def test_it_flows_out_alike_in_one_go_and_in_several(level, per_minute, pauses):
    rates = Rates(tokens_per_minute=per_minute)
    begun = Level(at=0.0, minute_tokens=level)
    several, now = begun, 0.0
    for pause in pauses:
        now += pause
        several = several.until(now, rates)
    assert several.minute_tokens == pytest.approx(begun.until(now, rates).minute_tokens, abs=1e-6)


@given(level=st.integers(0, 100), spent=st.integers(-200, 200), tokens=st.integers(-200, 200))
def test_what_is_given_back_makes_no_room_that_was_not_there(level, spent, tokens):
    before = Level(at=0.0, minute_requests=level, day_requests=level)
    after = before.after(Spent(requests=spent, tokens=tokens))
    assert after.minute_requests == after.day_requests == max(0, level + spent)
    assert after.minute_tokens == after.day_tokens == max(0, tokens)


class TestSeveralProcesses:
    """Each has a counter of its own, and all tell one database."""

    def process(self, kept, clock, **rates):
        return Quotas(lambda tenant: Rates(**rates), clock, kept.noting)

    def test_what_one_lets_through_another_does_not_once_it_was_told(self, kept):
        clock = Hand()
        one, other = (self.process(kept, clock, requests_per_minute=10) for _ in range(2))
        assert taken(one, most=6) == 6
        one.tell()
        other.tell("a")
        assert taken(other) == 4
        other.tell()
        one.tell()
        assert taken(one) == 0

    def test_what_both_let_through_before_they_told_is_made_up_for(self, kept):
        clock = Hand()
        one, other = (self.process(kept, clock, requests_per_minute=10) for _ in range(2))
        assert (taken(one), taken(other)) == (10, 10)
        one.tell()
        other.tell()
        one.tell()
        # Twenty stand in a bucket of ten: after a minute it is just full.
        clock.now += 60
        assert taken(one) == 0
        clock.now += 6
        assert taken(one) == 1

    def test_a_day_survives_a_restart(self, kept):
        clock = Hand()
        before = self.process(kept, clock, requests_per_day=5)
        assert taken(before, most=3) == 3
        before.stop()
        after = self.process(kept, clock, requests_per_day=5)
        assert not after.knows("a")
        after.tell("a")
        assert after.knows("a")
        assert taken(after) == 2

    def test_a_database_that_does_not_answer_holds_nobody_up_and_is_told_later(self, kept):
        clock = Hand()
        counting = self.process(kept, clock, requests_per_day=5)
        assert taken(counting, most=2) == 2
        with kept.writing() as session:
            session.connection().exec_driver_sql("ALTER TABLE spending RENAME TO elsewhere")
        counting.tell()
        assert taken(counting, most=1) == 1
        with kept.writing() as session:
            session.connection().exec_driver_sql("ALTER TABLE elsewhere RENAME TO spending")
        counting.tell()
        later = self.process(kept, clock, requests_per_day=5)
        later.tell("a")
        assert taken(later) == 2
