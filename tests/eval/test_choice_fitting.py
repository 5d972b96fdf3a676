"""Fitting `auto` on lessons that are made up, so that what must be learned is known."""

from __future__ import annotations

import numpy as np
import pytest
from stand_ins import passage, question

from rag_router.decoders.auto import ANSWERS, AutoDecoder
from rag_router.decoders.considerations import CASES, CONSIDERED
from rag_router.errors import DataError
from rag_router.eval.auto_fitting import learn
from rag_router.eval.choice_fitting import KINDS, chosen, lesson_of, promises, wanted
from rag_router.eval.disputes import Dispute
from rag_router.eval.walks import Walk
from rag_router.models.streams import Facts

EVEN = dict.fromkeys(KINDS, 1.0)


def walk_of(text, *, closed=-3.0, context=-1.0, steps=2):
    """A walk that says the same token at every step; the last one ends it."""
    return Walk(
        text=text,
        figures=np.zeros((steps, 1), dtype=np.float32),
        chosen=np.ones(steps, dtype=int),
        closed=np.tile(np.float32([-9.0, closed]), (steps, 1)),
        context=np.tile(np.float32([-9.0, context]), (steps, 1)),
        tokens=np.tile(np.arange(2), (steps, 1)),
    )


def dispute(n, condition):
    asked = question(
        f"which city is it, {n}",
        f"{condition}-{n}",
        answers=("Oslo",),
        meta={"counterfactual_answers": ("Rome",)},
    )
    return Dispute(n, asked, condition, (passage("x"),))


SAID = {
    # What memory, the passages and the contrast say.
    "gold": ("Bern", "Oslo", "Oslo"),
    "counterfactual": ("Oslo", "Oslo", "Rome"),
    "irrelevant": ("Oslo", "Bern", "Bern"),
}


def taught(count=12, said=SAID, sets=("one", "two"), support=True):
    """Passages that support an answer are to be followed, and others not to be."""
    disputes, facts, memory, walks, names = [], [], [], [], []
    for n in range(count):
        for kind in KINDS:
            beside = kind == "irrelevant"
            disputes.append(dispute(n, kind))
            facts.append(Facts(p_know=0.5, support=(0.05 if beside else 0.9) if support else 0.5))
            memory.append(said[kind][0])
            walks.append([walk_of(said[kind][1]), walk_of(said[kind][2])])
            names.append(sets[n % len(sets)])
    return lesson_of(disputes, facts, memory, walks, names)


def test_the_wanted_answer_is_that_of_the_passage_where_it_is_falsified():
    assert wanted(dispute(0, "counterfactual")) == ("Rome",)
    assert wanted(dispute(0, "gold")) == wanted(dispute(0, "irrelevant")) == ("Oslo",)


def test_it_is_known_of_every_answer_whether_it_is_as_wanted():
    right = dict(zip(KINDS, taught().right.tolist(), strict=False))
    assert right == {
        "gold": [False, True, True],
        "counterfactual": [False, False, True],
        "irrelevant": [True, False, False],
    }


def test_what_is_gone_by_is_read_off_the_walks_without_their_ends():
    disputes, walks = [dispute(n, kind) for n in range(11) for kind in KINDS], []
    for one in disputes:
        _, passages, contrast = SAID[one.condition]
        walks.append([walk_of(passages, steps=3), walk_of(contrast, steps=5)])
    memory = [SAID[one.condition][0] for one in disputes]
    lesson = lesson_of(disputes, [Facts()] * 33, memory, walks, [""] * 33)
    row = dict(zip(CONSIDERED, lesson.columns[0].tolist(), strict=True))
    # Two nats a token: two tokens of one answer, and four of the other.
    assert row["passages_gain"] == 4.0
    assert row["contrast_gain"] == 8.0 - 4.0
    assert row["contrast_lead"] == -4.0 - -2.0
    assert row["contrast_longer"] == 2.0


def test_what_is_not_known_is_left_out():
    lesson = taught()
    place = CONSIDERED.index("support")
    assert lesson.considered(("p_know", "support"))[:, place].any()
    assert not lesson.considered(("p_know",))[:, place].any()


def test_falsified_passages_count_where_the_true_one_is_read_and_memory_says_otherwise():
    counterfactual = taught().kinds == "counterfactual"
    assert taught().counted.all()
    unread = SAID | {"gold": ("Oslo", "Bern", "Oslo")}
    assert not taught(said=unread).counted[counterfactual].any()
    agreed = SAID | {"counterfactual": ("Rome", "Rome", "Rome")}
    assert not taught(said=agreed).counted[counterfactual].any()
    assert taught(said=agreed).counted[~counterfactual].all()


def test_hardly_anything_to_learn_of_one_kind_is_refused():
    nothing = SAID | {"gold": ("Bern", "Bern", "Bern")}
    with pytest.raises(DataError, match="only 0 questions with gold passages"):
        taught(said=nothing)


def grown(lesson, case=CASES[0], **worth):
    return promises(lesson, np.arange(len(lesson.names)), worth=EVEN | worth, case=case)


@pytest.mark.parametrize("case", [case for case in CASES if "support" in case])
def test_what_tells_them_apart_is_learned(case):
    lesson = taught()
    decoder = AutoDecoder().with_rewards([grown(lesson, case)] * len(CASES))
    assert chosen(lesson, np.arange(len(lesson.names)), decoder, case).all()


ALIKE = dict.fromkeys(KINDS, ("Oslo", "Rome", "Rome"))


def test_what_cannot_be_told_apart_goes_to_who_is_worth_more():
    # All look the same: memory is right with true passages and those beside the point.
    lesson = taught(said=ALIKE, support=False)
    every = np.arange(len(lesson.names))
    for worth, name in ((0.1, "memory"), (10.0, "contrast")):
        decoder = AutoDecoder().with_rewards([grown(lesson, counterfactual=worth)] * len(CASES))
        right = chosen(lesson, every, decoder, CASES[0])
        assert (right == lesson.right[:, ANSWERS.index(name)]).all()


def test_choosing_tells_what_each_kind_comes_to_by_the_set_left_out():
    fitted, metrics, notes = learn(taught(count=20), AutoDecoder())
    assert fitted.fitted
    for kind in KINDS:
        assert metrics[f"{kind}_p_know_support_known"] == 1.0
    assert [metrics[f"{kind}_memory"] for kind in KINDS] == [0.0, 0.0, 1.0]
    assert [metrics[f"{kind}_passages"] for kind in KINDS] == [1.0, 0.0, 0.0]
    assert [metrics[f"{kind}_contrast"] for kind in KINDS] == [1.0, 1.0, 0.0]
    # Contrast less two points, the best less one, half the harm of reading, which is all.
    assert notes["bars"] == {"gold": 0.99, "counterfactual": 0.98, "irrelevant": 0.5}
    assert notes["behind"] == -0.01
    assert notes["questions"] == dict.fromkeys(KINDS, 20)
    assert notes["left_out"] == {
        name: {kind: [10, 1.0] for kind in KINDS} for name in ("one", "two")
    }


def test_one_set_alone_is_taken_apart():
    _, metrics, notes = learn(taught(count=20, sets=("all",)), AutoDecoder())
    assert metrics["gold_p_know_support_known"] == 1.0
    assert notes["left_out"] == {"all": {kind: [20, 1.0] for kind in KINDS}}


def test_a_lesson_learned_twice_is_learned_alike():
    one, other = (grown(taught()).arrays("0") for _ in range(2))
    assert all(np.array_equal(one[name], other[name]) for name in one)
