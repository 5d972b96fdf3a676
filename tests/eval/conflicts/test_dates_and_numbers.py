from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.eval.conflicts.dates import is_date, is_year
from rag_router.eval.conflicts.numbers import (
    NumberSort,
    is_number,
    is_number_word,
    number_sort,
    same_number,
)


@pytest.mark.parametrize(
    "text",
    [
        "1984",
        "2003–04",
        "44 BC",
        "AD 79",
        "the 1980s",
        "1980’s",
        "late 1967",
        "c. 3000 BC",
        "around 1200",
        "May",
        "May 2002",
        "March 6, 2018",
        "25\xa0December\xa02003",
        "4th of July",
        "Wednesday, 5 September 1666",
        "6–14 July",
        "July–October 2012",
        "1780–1830",
        "14 and 15 August 1945",
        "4th century–1489",
        "the mid-10th century BCE",
        "the nineteenth century",
        "18th and 19th centuries",
        "Summer of 1967",
        "Fall 1998",
        "2011-09-01",
        "12/25/2003",
        "Christmas Day",
        "Saturday",
    ],
)
def test_these_are_dates(text):
    assert is_date(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "201",
        "12,000",
        "3100",
        "four years",
        "1169 cc",
        "1999 people",
        "May Day parade",
        "by 1854",
        "Mayor",
        "Season two",
        "March of Dimes",
        "1984 (novel)",
        "Paris",
    ],
)
def test_these_are_no_dates(text):
    assert not is_date(text)


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("7", "plain"),
        ("seven", "plain"),
        ("Twenty-one", "plain"),
        ("1,760,400", "plain"),
        ("4.8 million", "plain"),
        ("over 50,000", "plain"),
        ("thirty seven", "plain"),
        ("20 to 30", "plain"),
        ("3–6", "plain"),
        ("2,579 steps", "measure"),
        ("about four years", "measure"),
        ("24-hour", "measure"),
        ("12km", "measure"),
        ("−89.2 °C", "measure"),
        ("$1.06 trillion", "money"),
        ("US$38 billion", "money"),
        ("49 cents", "money"),
        ("€3,306", "money"),
        ("78%", "percent"),
        ("90 per cent", "percent"),
        ("3 to 6%", "percent"),
        ("41st", "ordinal"),
        ("third", "ordinal"),
        ("twenty-first", "ordinal"),
    ],
)
def test_these_are_numbers_of_that_sort(text, sort):
    assert is_number(text)
    assert number_sort(text) is NumberSort(sort)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Seven Samurai",
        "20th Century Fox",
        "about",
        "Paris",
        "7 Up",
        "L1 or L2",
        "14 grams of pure alcohol",
        "one of the best films ever",
    ],
)
def test_these_are_no_numbers(text):
    assert not is_number(text)


def test_only_four_digits_of_our_millennia_may_be_a_year():
    assert [y for y in ("999", "1000", "1999", "2099", "2100", "19990") if is_year(y)] == [
        "1000",
        "1999",
        "2099",
    ]


def test_number_words_are_told_from_other_words():
    assert is_number_word("Seven")
    assert is_number_word("twenty-first")
    assert not is_number_word("Severn")


def test_a_number_in_figures_is_the_number_spelled_out_up_to_twenty():
    assert same_number("7", "Seven")
    assert same_number("twenty", "20")
    assert not same_number("7", "eight")
    assert not same_number("30", "thirty")


@given(st.text())
def test_any_text_is_judged_without_fail(text):
    assert is_date(text) in {True, False}
    assert is_number(text) in {True, False}
    assert number_sort(text) in NumberSort


@given(st.dates())
def test_every_day_is_a_date_however_it_is_written(day):
    month = day.strftime("%B")
    assert is_date(day.isoformat()) or day.year < 1000
    if 1000 <= day.year < 2100:
        assert is_date(f"{month} {day.day}, {day.year}")
        assert is_date(f"{day.day} {month} {day.year}")
        assert is_date(f"{month} {day.year}")


@given(st.integers(min_value=0), st.sampled_from(["", " people", "%", " million"]))
def test_every_whole_number_is_a_number(value, unit):
    assert is_number(f"{value:,}{unit}")
