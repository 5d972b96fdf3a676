from __future__ import annotations

from rag_router.filters.units import phrases_of, words_of


def words(text):
    return [text[slice(*span)] for span in words_of(text, (0, len(text)))]


def phrases(text):
    whole = (0, len(text))
    return [text[slice(*span)] for span in phrases_of(text, [whole], words_of(text, whole))]


def test_words_keep_what_is_written_onto_them():
    assert words("The U.S. won (3-1), they say.") == [
        "The",
        "U.S.",
        "won",
        "(3-1),",
        "they",
        "say.",
    ]
    assert words("") == []


def test_a_letter_of_a_script_without_spaces_is_a_word():
    assert words("東京 is 首都。") == ["東", "京", "is", "首", "都", "。"]


def test_a_phrase_is_function_words_and_the_run_behind_them():
    assert phrases("The old bridge was opened in 1932, and carries six lanes of it.") == [
        "The old bridge",
        "was opened",
        "in 1932,",
        "and carries six lanes",
        "of it.",
    ]


def test_every_word_is_in_one_phrase():
    text = "and of the. Rome, (which is old) lies on it"
    joined = " ".join(phrases(text))
    assert joined.split() == text.split()
