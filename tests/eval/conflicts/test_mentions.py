from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rag_router.eval.conflicts.mentions import (
    composed,
    find_mentions,
    replace_mentions,
    still_says,
    usable_aliases,
)


def replaced(text: str, *answers: str, by: str = "Oslo") -> str:
    return replace_mentions(text, find_mentions(text, usable_aliases(answers)), by)


@pytest.mark.parametrize(
    ("text", "answers", "expected"),
    [
        ("Paris, in Paris.", ["Paris"], "Oslo, in Oslo."),
        ("Parisian and comparis", ["Paris"], "Parisian and comparis"),
        ("PARIS and Paris", ["Paris"], "OSLO and Oslo"),
        ("in paris", ["Paris"], "in oslo"),
        ("in the USA", ["USA"], "in the Oslo"),
        ("Paris's walls, Paris' walls, Paris’s", ["Paris"], "Oslo's walls, Oslo' walls, Oslo’s"),
        ("Paris-based", ["Paris"], "Oslo-based"),
        # The longest alias wins, and a short one elsewhere goes too.
        ("New York City and York", ["York", "New York City"], "Oslo and Oslo"),
        ("New\u00a0York,\nNew  York", ["New York"], "Oslo,\nOslo"),
        ("O’Brien and O'Brien", ["O'Brien"], "Oslo and Oslo"),
        ("1914–18 and 1914-18", ["1914–18"], "Oslo and Oslo"),
        ("by the Bee Gees, by Bee Gees", ["the Bee Gees"], "by Oslo, by Oslo"),
        ("The Who, who sang", ["The Who"], "Oslo, who sang"),
        # Numbers are whole.
        ("4.8 or 1,4 or 24 or 4", ["4"], "4.8 or 1,4 or 24 or Oslo"),
        ("from 4, in 4.", ["4"], "from Oslo, in Oslo."),
        ("the U.S. and U.S.A.", ["U.S."], "the Oslo and U.S.A."),
        ("Hugh Beaver, who", ["Hugh Beaver,"], "Oslo, who"),
        ("by Frank Zappa.", ["Frank Zappa's"], "by Oslo."),
        ("in Bonn.", ["“Bonn.”"], "in Oslo."),
        ("東京 is 東京", ["東京"], "Oslo is Oslo"),
        ("nothing here", ["?", "the", ""], "nothing here"),
    ],
)
def test_replacing_by_example(text, answers, expected):
    assert replaced(text, *answers) == expected


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        ("There are 23 in all.", "23", "There are seven in all."),
        ("All is well. Twelve were lost.", "twelve", "All is well. Seven were lost."),
        ("All is well. 23 were lost.", "23", "All is well. Seven were lost."),
        ("Mr. Twelve of Dr. 12", "12", "Mr. Twelve of Dr. seven"),
        ("TWELVE MEN", "twelve", "SEVEN MEN"),
    ],
)
def test_a_word_is_capitalised_where_a_sentence_begins(text, answer, expected):
    assert replaced(text, answer, by="seven") == expected


def test_a_mention_knows_its_alias_as_it_is_spelled():
    text = "The Miracles and the miracles"
    found = find_mentions(text, usable_aliases(["the miracles", "The Miracles"]))
    assert [(m.start, m.end, m.text, m.alias) for m in found] == [
        (0, 12, "The Miracles", "The Miracles"),
        (17, 29, "the miracles", "the miracles"),
    ]


def test_composed_and_decomposed_letters_are_the_same():
    decomposed = unicodedata.normalize("NFD", "Röntgen was here")
    assert replaced(composed(decomposed), "Röntgen") == "Oslo was here"
    assert replaced("Röntgen was here", unicodedata.normalize("NFD", "Röntgen")) == "Oslo was here"


def test_a_text_still_says_what_normalises_to_an_alias():
    assert still_says("It told us all.", ["U.S."])
    assert still_says("in Paris", ["paris"])
    assert not still_says("It told them all.", ["U.S."])


names = st.text(st.sampled_from("abÄß 'É1."), min_size=1, max_size=8)


@given(st.lists(names, max_size=4), st.lists(names, max_size=8), st.sampled_from(["Q", "QQ Q"]))
def test_nothing_remains_of_the_aliases_and_the_rest_is_untouched(answers, pieces, substitute):
    aliases, text = usable_aliases(answers), composed(" ".join(pieces))
    found = find_mentions(text, aliases)
    changed = replace_mentions(text, found, substitute)
    assert all(text[m.start : m.end] == m.text for m in found)
    assert all(one.end <= other.start for one, other in pairwise(found))
    # Q is in no alias: as many as there were mentions, and no other letter is lost or gained.
    assert changed.lower().count(substitute.lower()) == len(found)
    kept = "".join(c for c in changed if c not in "Qq")
    rest = "".join(c for i, c in enumerate(text) if not any(m.start <= i < m.end for m in found))
    assert kept.replace(" ", "") == rest.replace(" ", "")
    assert find_mentions(changed, aliases) == []


@given(st.text(max_size=30), st.lists(st.text(max_size=10), max_size=3))
def test_any_text_can_be_searched_for_anything(text, answers):
    aliases = usable_aliases(answers)
    assert list(aliases) == sorted(aliases, key=lambda alias: (-len(alias), alias))
    found = find_mentions(composed(text), aliases)
    assert all(m.alias in aliases for m in found)


@given(names, names)
def test_an_alias_between_spaces_is_always_found(before, alias):
    usable = usable_aliases([alias])
    assume(usable)
    assert find_mentions(f"{before} \n {usable[0]} ", usable)
