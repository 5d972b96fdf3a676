from __future__ import annotations

from stand_ins import passage

from rag_router.filters.relations import bearer, content_words, other_filling

FREQUENCY = content_words("when was the aurora bridge opened")


def who(title, text=""):
    return bearer(passage(text, title=title))


def filling(left, right, asked=FREQUENCY):
    found = other_filling(left, right, asked=asked)
    return None if found is None else (found.left, found.right)


def test_a_name_and_what_stands_in_parentheses_behind_it():
    planet = who("Mercury (planet) > Orbit")
    assert (planet.name, planet.what, planet.shown) == (
        "mercury",
        frozenset({"planet"}),
        "Mercury (planet)",
    )
    assert planet.differs_from(who("Mercury (element)"))
    assert planet.differs_from(who("Mercury"))
    assert not planet.differs_from(who("Mercury (planet) > Size"))
    assert not planet.differs_from(who("Venus (planet)"))


def test_years_behind_the_first_name_tell_people_apart():
    elder = who("", "John Smith (1580 - 1631) was a soldier.")
    younger = who("", "John Smith (born 6 September 1938) led a party.")
    assert (elder.name, elder.what) == ("john smith", frozenset({"1580", "1631"}))
    assert elder.differs_from(younger)
    assert not elder.differs_from(who("", "John Smith (1580 to 1631), explorer."))


def test_other_parentheses_tell_nobody_apart():
    assert who("", "Rome (Italian: Roma) is old.") is None
    assert who("Rome", "Rome (Latin: Roma) is old.").what == frozenset()
    assert who("") is None


def test_the_same_sentence_with_another_year_in_the_same_place():
    left = "The bridge is long. The Aurora Bridge was opened in 1932 and carries six lanes."
    right = "The Aurora Bridge was opened in 1933 and carries six lanes."
    assert filling(left, right) == ("1932", "1933")
    assert filling(right, left) == ("1933", "1932")


def test_the_same_sentence_with_another_name_in_the_same_place():
    asked = content_words("who designed the aurora bridge")
    left = "The Aurora Bridge was designed by Jacob Ober in Seattle."
    right = "The Aurora Bridge was designed by Ralph Ober Stone in Seattle."
    # Word for word, "Ober" stands in both; what stands before it differs.
    assert filling(left, right, asked)[0] == "Jacob"


def test_other_words_that_are_neither_numbers_nor_names_contradict_nothing():
    assert (
        filling("The Aurora Bridge is a big bridge.", "The Aurora Bridge is a large one.") is None
    )


def test_a_sentence_that_has_nothing_to_do_with_the_question_is_not_compared():
    left, right = "Bees live for 40 days in summer.", "Bees live for 50 days in summer."
    assert filling(left, right) is None
    assert filling(left, right, content_words("how long do bees live")) == ("40", "50")


def test_what_stands_elsewhere_in_the_other_text_is_not_denied():
    left = "The Aurora Bridge was opened in 1932 by us."
    right = "The Aurora Bridge was opened in 1933 by us. It was begun in 1932."
    assert filling(left, right) is None


def test_the_same_text_and_no_text_contradict_nothing():
    text = "The Aurora Bridge was opened in 1932."
    assert filling(text, text) is None
    assert filling(text, "") is None
    assert filling("", "") is None


def test_a_sentence_of_fifty_thousand_characters_is_compared_by_its_beginning():
    long = "The Aurora Bridge " + "was opened " * 5000
    assert filling(long, long.replace("Aurora", "Boreal")) is None
    assert filling(long, long + "1932") is None
    assert filling("東" * 50_000, "東" * 49_999 + "京") is None
