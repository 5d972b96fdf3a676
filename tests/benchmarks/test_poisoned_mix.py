from __future__ import annotations

from stand_ins import passage, question

from benchmarks.poisoned_mix import mixes


def poisoned(*texts, wrong="Rome", right="Oslo", id_="1"):
    contexts = tuple(passage(text, f"{id_}-{n}") for n, text in enumerate(texts))
    return question(
        "where", id_, answers=(right,), contexts=contexts, meta={"incorrect_answer": wrong}
    )


FIVE = [f"It is in Rome, says {who}." for who in "ABCDE"]


def test_truthful_passages_are_the_false_ones_with_the_right_answer():
    (mix,) = mixes([poisoned(*FIVE)])
    assert [p.text for p in mix.question.contexts] == [
        f"It is in Oslo, says {who}." for who in "ABCDE"
    ]
    assert [p.text for p in mix.poisoned.contexts][:2] == [FIVE[0], "It is in Oslo, says B."]
    assert (mix.false_id, mix.wrong) == ("1-0", "Rome")


def test_the_false_passage_takes_each_place_in_turn():
    made = mixes([poisoned(*FIVE, id_=str(n)) for n in range(6)])
    assert [mix.false_id for mix in made] == ["0-0", "1-1", "2-2", "3-3", "4-4", "5-0"]


def test_what_cannot_be_set_right_word_for_word_is_left_out():
    assert mixes([poisoned(*FIVE[:4])]) == []
    assert mixes([poisoned(*FIVE[:4], "It is in Romania.")]) == []
    assert mixes([poisoned(*FIVE[:4], "In Rome, and not in Oslo.")]) == []


def test_the_wrong_answer_goes_wherever_it_stands_and_only_as_a_word():
    (mix,) = mixes([poisoned(*FIVE[:4], "ROME, romes, Rome.")])
    assert mix.question.contexts[4].text == "Oslo, romes, Oslo."
