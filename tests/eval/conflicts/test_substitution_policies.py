from __future__ import annotations

from collections import Counter

import pytest
from conflict_rows import ToldTyper, target

from rag_router.errors import SettingsError, UnknownNameError, UsageError
from rag_router.eval.conflicts import POLICIES, AnswerType
from rag_router.eval.conflicts.draws import Draw
from rag_router.eval.conflicts.pool import Pool
from rag_router.eval.conflicts.substitutes import (
    are_alike,
    fits_in,
    names_another,
    substituted,
    telling_names,
)

TYPER = ToldTyper(
    {
        **dict.fromkeys(("Ada Lovelace", "Marie Curie"), AnswerType.PERSON),
        **dict.fromkeys(("7", "8", "$5", "$6", "seven", "6.3", "63"), AnswerType.NUMERIC),
        "4 May": AnswerType.DATE,
    }
)
ANSWERS = ["Oslo", "Rome", "Paris", "Ada Lovelace", "Marie Curie", "7", "8", "$5", "$6", "4 May"]


def of(answer: str, *more: str, **meta: object):
    return target(f"It is {answer}, so.", answer, *more, typer=TYPER, meta=meta)


POOL = Pool(map(of, ANSWERS))


def drawn(policy: str, one, pool: Pool = POOL, **options: int) -> list[str]:
    """All candidates, in the order in which they would be taken."""
    chosen = POLICIES.build(policy, **options)
    return [entity.name for entity in chosen.candidates(one, pool, Draw(0, "q"))]


def test_the_corpus_gives_the_other_answers_of_the_same_type():
    assert sorted(drawn("corpus", of("Oslo"))) == ["Paris", "Rome"]
    assert drawn("corpus", of("Ada Lovelace")) == ["Marie Curie"]
    assert drawn("corpus", of("4 May")) == []


def test_the_corpus_replaces_money_by_money_and_plain_numbers_by_plain_ones():
    assert drawn("corpus", of("7")) == ["8"]
    assert drawn("corpus", of("$5")) == ["$6"]


def test_a_type_swap_gives_the_answers_of_all_other_types():
    assert sorted(drawn("type-swap", of("Oslo"))) == sorted(
        set(ANSWERS) - {"Oslo", "Rome", "Paris"}
    )


def test_a_type_swap_draws_types_alike_however_many_answers_they_have():
    # Three other types with 1, 2 and 4 answers: each comes first in a third of the rows.
    policy, one = POLICIES.build("type-swap"), of("Oslo")
    first = Counter(
        next(policy.candidates(one, POOL, Draw(0, str(row)))).type for row in range(900)
    )
    # One standard deviation of 900 draws of 1/3 is sqrt(900 * 1/3 * 2/3) = 14.1.
    assert all(abs(first[kind] - 300) < 4 * 14.1 for kind in ("PERSON", "NUMERIC", "DATE"))
    assert sum(first.values()) == 900


def test_an_alias_is_another_name_of_the_same_thing_that_the_passage_lacks():
    aliases = ("City of Oslo", "Oslo, Norway", "oslo", "Bergen")
    assert sorted(drawn("alias", of("Oslo", *aliases))) == ["City of Oslo", "Oslo, Norway"]
    one = target("Oslo is the City of Oslo.", "Oslo", *aliases)
    assert drawn("alias", one) == ["Oslo, Norway"]
    assert drawn("alias", of("7", "seven", "8")) == ["seven"]


def test_popularity_draws_bins_alike():
    # Ten places, of 1 to 10 views, in two bins of five.
    places = [f"Place{n:02}" for n in range(1, 11)]
    pool = Pool(of(place, o_pop=n) for n, place in enumerate(places, 1))
    policy, one = POLICIES.build("popularity", bins=2), of("Oslo")
    first = Counter(
        next(policy.candidates(one, pool, Draw(0, str(row)))).name for row in range(1_000)
    )
    low = sum(first[place] for place in places[:5])
    # One standard deviation of 1,000 draws of 1/2 is sqrt(1000 * 1/2 * 1/2) = 15.8.
    assert abs(low - 500) < 4 * 15.8
    assert set(first) == set(places)
    # All of a bin come before any of the next.
    order = drawn("popularity", one, pool, bins=2)
    assert {frozenset(order[:5]), frozenset(order[5:])} == {
        frozenset(places[:5]),
        frozenset(places[5:]),
    }


def test_popularity_leaves_out_what_it_knows_nothing_about():
    pool = Pool([of("Rome"), of("Paris", views=3), of("Ada Lovelace", views=5)])
    assert drawn("popularity", of("Oslo"), pool) == ["Paris"]
    assert drawn("popularity", of("7"), pool) == []


def test_popularity_without_any_says_what_is_missing():
    with pytest.raises(UsageError, match=r"meta\.o_pop, meta\.popularity, meta\.views") as caught:
        drawn("popularity", of("Oslo"))
    assert "'corpus'" in caught.value.hint
    with pytest.raises(SettingsError):
        POLICIES.build("popularity", bins=0)


def test_a_misspelt_policy_is_guessed():
    with pytest.raises(UnknownNameError, match="corpus"):
        POLICIES.build("corpsu")


@pytest.mark.parametrize(
    ("name", "aliases", "another"),
    [
        ("Rome", ["Paris"], True),
        ("the Paris", ["Paris"], False),
        ("Paris, Texas", ["Paris"], False),
        ("Paris", ["Paris, Texas"], False),
        ("Parisian", ["Paris"], True),
        ("1998", ["June 1998"], False),
        ("7", ["seven"], False),
        ("The", ["Paris"], False),
        ("US", ["U.S."], False),
    ],
)
def test_a_substitute_neither_is_nor_holds_nor_stands_in_an_answer(name, aliases, another):
    assert names_another(name, aliases) is another


def test_a_substitute_is_new_to_title_and_text_and_can_be_read_where_it_is_put():
    one = target("It is Oslo, not Rome.", "Oslo", title="Of Paris")
    assert [name for name in ("Rome", "Paris", "paris", "Bonn") if fits_in(name, one)] == ["Bonn"]
    # "in Oslo,5" would read "in 7,5".
    assert not fits_in("7", target("It is Oslo,5 or so.", "Oslo"))


def test_title_and_text_are_both_altered():
    one = target("It is OSLO's port.", "Oslo", title="Oslo")
    [passage] = substituted(one, "Rome")
    assert (passage.title, passage.text) == ("Rome", "It is ROME's port.")


def test_aliases_that_tell_who_followed_the_passage():
    pool = Pool([of("Rome", "City of Rome", "Eternal City", "Rome, Oslo", "Rome, Georgia")])
    one = target("It is Oslo, not Rome, Georgia.", "Oslo")
    [rome] = pool.of_type(AnswerType.LOCATION)
    # "Eternal City" shares no word with it, "Rome, Oslo" holds the answer, and the passage says
    # "Rome, Georgia" anyway.
    assert telling_names(rome, one) == ["Rome", "City of Rome"]


def test_names_are_alike_by_word_initials_or_number():
    assert are_alike("Kennedy", "John F. Kennedy")
    assert are_alike("JFK", "John F. Kennedy")
    assert are_alike("United Nations", "UN")
    assert are_alike("ten", "10")
    assert not are_alike("Lennon", "McCartney")
    assert not are_alike("", "?")


def test_the_pool_holds_every_answer_once_in_an_order_of_its_own():
    twice = [of("Oslo", "Kristiania", o_pop=3), of("the Oslo", o_pop=5), of("Bonn")]
    for order in (twice, twice[::-1]):
        bonn, oslo = Pool(order).of_type(AnswerType.LOCATION)
        assert (bonn.name, oslo.name, oslo.popularity) == ("Bonn", "Oslo", 5.0)
        assert "Kristiania" in oslo.aliases
    # Normalised, both are "63".
    assert len(Pool([of("6.3"), of("63")]).of_type(AnswerType.NUMERIC)) == 2
