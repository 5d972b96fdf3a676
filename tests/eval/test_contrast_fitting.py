"""Fitting `auto` on lessons that are made up, so that what must be learned is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from stand_ins import passage, question

from rag_router.decoders.auto import AutoDecoder
from rag_router.decoders.comparison import FIGURES
from rag_router.decoders.considerations import CASES
from rag_router.errors import DataError
from rag_router.eval.auto_fitting import learn
from rag_router.eval.contrast_fitting import Lesson, lesson_of, promises, reached, wanted
from rag_router.eval.disputes import Dispute
from rag_router.eval.walks import Walk
from rag_router.models.streams import Facts

EVEN = {"gold": 1.0, "counterfactual": 1.0, "irrelevant": 1.0}
N = len(FIGURES)


def walk_of(text, *, chosen=0, closed=(-1.0, -2.0), context=(-2.0, -1.0), steps=2):
    """A walk with the same two candidates at every step; the last one ends it."""
    return Walk(
        text=text,
        figures=np.zeros((steps, N), dtype=np.float32),
        chosen=np.full(steps, chosen),
        closed=np.tile(np.float32(closed), (steps, 1)),
        context=np.tile(np.float32(context), (steps, 1)),
        tokens=np.tile(np.arange(len(closed)), (steps, 1)),
    )


def dispute(n, condition):
    asked = question(
        f"which city is it, {n}",
        f"{condition}-{n}",
        answers=("Oslo",),
        meta={"counterfactual_answers": ("Rome",)},
    )
    return Dispute(n, asked, condition, (passage("x"),))


def taught(support=True, count=12):
    """Passages that support an answer are to be followed, and others not to be."""
    disputes, facts, walks = [], [], []
    for n in range(count):
        for condition, text, chosen in (
            ("gold", "Oslo", 1),
            ("counterfactual", "Rome", 1),
            ("irrelevant", "Oslo", 0),
        ):
            beside = condition == "irrelevant"
            disputes.append(dispute(n, condition))
            facts.append(Facts(p_know=0.5, support=(0.05 if beside else 0.9) if support else 0.5))
            walks.append([walk_of("no"), walk_of(text, chosen=chosen), walk_of("no")])
    return lesson_of(disputes, facts, walks)


def test_the_wanted_answer_is_that_of_the_passage_where_it_is_falsified():
    assert wanted(dispute(0, "counterfactual")) == ("Rome",)
    assert wanted(dispute(0, "gold")) == wanted(dispute(0, "irrelevant")) == ("Oslo",)


def test_margins_by_hand():
    lesson = taught()
    row = lesson.owners.tolist().index(lesson.kinds.index("counterfactual"))
    # Token 1 is one nat ahead with passages, and contrast, q less p, adds 1 - (-1) to that.
    alpha = torch.full(lesson.steps.shape, 0.25)
    assert lesson.margins(alpha)[row, 0].item() == pytest.approx(1 + 0.25 * 2)
    assert lesson.margins(-2 * torch.ones_like(alpha))[row, 0].item() == pytest.approx(1 - 2 * 2)
    # And what only ended the answer is not learned from.
    assert lesson.steps[row].tolist() == [1, 0, 0, 0, 0, 0]


def test_a_question_that_never_comes_to_its_answer_teaches_nothing():
    disputes = [dispute(n, kind) for n in range(11) for kind in EVEN]
    said = {"gold": "Oslo", "counterfactual": "Rome", "irrelevant": "Oslo"}
    walks = [[walk_of(said[one.condition])] for one in disputes]
    facts = [Facts()] * len(disputes)
    assert len(lesson_of(disputes, facts, walks).kinds) == 33
    walks[0] = [walk_of("Bern")]
    assert len(lesson_of(disputes, facts, walks).kinds) == 32
    with pytest.raises(DataError, match="only 9 questions with gold passages"):
        lesson_of(disputes, facts, [[walk_of("Bern")]] * 6 + walks[6:])


def test_what_every_strength_comes_to_is_known():
    lesson = taught(count=10)
    # One nat ahead with passages; contrast adds two nats to what they say: ahead above -1/2.
    follows = [kind != "irrelevant" for kind in lesson.kinds]
    assert lesson.rewards().tolist() == [
        [False, True, True, True] if one else [True, False, False, False] for one in follows
    ]


def grown(lesson, case=CASES[0], **worth):
    return promises(lesson, worth=EVEN | worth, leaf=2, case=case)


def test_what_tells_them_apart_is_learned():
    lesson = taught()
    for case in CASES:
        decoder = AutoDecoder().with_forests([grown(lesson, case)] * len(CASES))
        if "support" in case:
            assert reached(lesson, decoder, case).all()


def test_what_cannot_be_told_apart_goes_to_who_is_worth_more():
    lesson = taught(support=False)
    follows = np.array([kind != "irrelevant" for kind in lesson.kinds])
    for worth, right in ((0.1, follows), (10.0, ~follows)):
        forest = grown(lesson, irrelevant=worth)
        decoder = AutoDecoder().with_forests([forest] * len(CASES))
        assert (reached(lesson, decoder, CASES[0]) == right).all()


def test_what_is_promised_is_the_weighted_share_by_hand():
    # Memory is right for one kind of three, worth half of each other: 1/2 / (1 + 1 + 1/2).
    lesson = taught(support=False)
    promised = grown(lesson, irrelevant=0.5)(lesson.considered(CASES[0]))
    assert promised[0] == pytest.approx([0.2, 0.8, 0.8, 0.8], abs=0.1)


def test_choosing_tells_what_each_kind_comes_to():
    fitted, metrics, notes = learn(taught(count=20), AutoDecoder())
    assert fitted.fitted
    for kind in EVEN:
        assert metrics[f"{kind}_p_know_support_known"] == 1.0
    # At 0 the passages are read as they are, and memory is lost.
    assert (metrics["gold_alpha_0"], metrics["irrelevant_alpha_0"]) == (1.0, 0.0)
    assert (metrics["gold_alpha_-1"], metrics["irrelevant_alpha_-1"]) == (0.0, 1.0)
    # Half the harm of reading passages as they are, which is harm to all, is the bar.
    assert notes["bars"] == {"gold": 1.0, "counterfactual": 1.0, "irrelevant": 0.5}
    assert notes["behind"] == 0.0
    assert notes["questions"] == dict.fromkeys(EVEN, 20)


def test_another_way_to_a_wanted_answer_counts_too():
    line = [walk_of("Oslo", chosen=1), walk_of("Oslo it is", chosen=0), walk_of("Oslo", chosen=1)]
    disputes = [dispute(n, kind) for n in range(11) for kind in EVEN]
    walks = [line if one.condition != "counterfactual" else [walk_of("Rome")] for one in disputes]
    lesson = lesson_of(disputes, [Facts()] * len(disputes), walks)
    # The same answer twice is one walk.
    assert len(lesson.owners) == 11 * (2 + 2 + 1)
    assert len(lesson.kinds) == 33
    # Token 1 is chosen above alpha = -1/2 and token 0 below it: one of the two is always reached.
    gold = [kind == "gold" for kind in lesson.kinds]
    for alpha in (-1.0, 0.0):
        assert lesson.reached(torch.full(lesson.steps.shape, alpha))[gold].all()
    picked = lesson.pick([3, 1])
    assert picked.names == (lesson.names[3], lesson.names[1])
    assert sorted(picked.owners.tolist()) == [0, 0, 1]


def test_a_lesson_learned_twice_is_learned_alike():
    one, other = (grown(taught()).arrays("0") for _ in range(2))
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert isinstance(taught(), Lesson)
