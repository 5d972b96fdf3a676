"""What tenants have spent, kept in both databases and added up by several processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from rag_router.store.spending import DAY_S, Level, Rates, Spent, add_spending

RATES = Rates(requests_per_minute=60, tokens_per_minute=600)


def added(database, now, **spent):
    with database.noting() as session:
        return add_spending(session, spent, lambda tenant: RATES, now=now)


def test_what_was_spent_is_added_and_flows_out(database):
    assert added(database, 0.0, a=Spent(10, 100))["a"] == Level(
        at=0.0, minute_requests=10, minute_tokens=100, day=0, day_requests=10, day_tokens=100
    )
    # In four seconds four requests and forty tokens flow out, and one and ten come in.
    assert added(database, 4.0, a=Spent(1, 10), b=Spent())["a"] == Level(
        at=4.0, minute_requests=7, minute_tokens=70, day=0, day_requests=11, day_tokens=110
    )


def test_another_day_begins_anew(database):
    added(database, 10.0, a=Spent(5, 50))
    level = added(database, DAY_S + 10.0, a=Spent(1, 0))["a"]
    assert (level.day, level.day_requests, level.day_tokens) == (1, 1, 0)


def test_nothing_is_lost_where_several_add_at_once(database):
    added(database, 0.0, a=Spent(), b=Spent())
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: added(database, 0.0, a=Spent(1, n), b=Spent(1, 1)), range(20)))
    levels = added(database, 0.0, a=Spent(), b=Spent())
    assert (levels["a"].day_requests, levels["a"].day_tokens) == (20, sum(range(20)))
    assert (levels["b"].day_requests, levels["b"].minute_requests) == (20, 20.0)
