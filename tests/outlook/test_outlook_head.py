from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from outlook_stand_ins import seen

from rag_router.artefacts import Card
from rag_router.calibration.risk import NEVER, Outcomes
from rag_router.errors import DataError
from rag_router.outlook import Outlook, OutlookHead, Said, Taught

CARD = Card(method="policy/joint", model="m", model_fingerprint="f")


def taught(n=120, *, width=0):
    """Sure answers are right; memory is right where it is known; states tell along, if any."""
    random = np.random.default_rng(0)
    observations, memory, passages = [], [], []
    for _ in range(n):
        p, know = random.uniform(0.05, 0.95, size=2)
        right, known = bool(random.uniform() < p), bool(random.uniform() < know)
        states = random.normal(size=(1, width)) + right if width else np.zeros((0, 0))
        observations.append(
            seen(
                p_know=float(know),
                passages=Said("Tiber", (float(np.log(p)),)),
                states=states.astype(np.float32),
            )
        )
        memory.append(known)
        passages.append(right)
    return Taught(
        observations=tuple(observations), memory=np.array(memory), passages=np.array(passages)
    )


def test_it_learns_who_is_right_and_says_so_of_questions_unseen():
    lesson = taught()
    head, unseen = OutlookHead().fit(lesson)
    for name, right in (("memory", lesson.memory), ("passages", lesson.passages)):
        p = np.array([getattr(one, name) for one in unseen])
        assert p[right].mean() > p[~right].mean() + 0.1
        assert abs(p.mean() - right.mean()) < 0.1
    assert head.fitted


def test_hidden_states_are_read_where_there_are_any():
    lesson = taught(width=4)
    with_states = [one.passages for one in OutlookHead().fit(lesson)[1]]
    without = [one.passages for one in OutlookHead().fit(taught())[1]]
    right = lesson.passages

    def apart(p):
        return np.mean(np.array(p)[right]) - np.mean(np.array(p)[~right])

    assert apart(with_states) > apart(without)


def test_an_outlook_is_the_same_alone_and_in_company():
    lesson = taught(width=4)
    head, _ = OutlookHead().fit(lesson)
    some = lesson.observations[:5]
    assert head(some) == [head([one])[0] for one in some]


def test_what_was_learned_comes_back_from_its_artefact():
    lesson = taught()
    head, _ = OutlookHead().fit(lesson)
    sure = Outcomes.of([0.9] * 20, [True] * 20)
    whole = head.tested(sure, sure)
    again = OutlookHead().with_artefact(whole.to_artefact(CARD))
    assert again(lesson.observations) == head(lesson.observations)
    assert again.risk_limit(0.2) == whole.risk_limit(0.2) == 0.9


def test_what_keeps_no_promise_answers_nothing():
    head, _ = OutlookHead().fit(taught())
    wrong = Outcomes.of([0.9] * 20, [False] * 20)
    assert head.tested(wrong, wrong).risk_limit(0.2) == NEVER


def test_an_artefact_that_lacks_a_head_is_refused():
    head, _ = OutlookHead().fit(taught())
    whole = head.to_artefact(CARD)
    some = {k: v for k, v in whole.weights.items() if not k.startswith("conflict")}
    with pytest.raises(KeyError):
        OutlookHead().with_artefact(type(whole)(card=CARD, weights=some))


def test_memory_that_is_never_right_is_said_to_be_so():
    lesson = taught()
    never = replace(lesson, memory=np.zeros(len(lesson.memory), dtype=bool))
    head, unseen = OutlookHead().fit(never)
    # One more of each class, by Laplace: 1 / (120 + 2).
    assert {round(one.memory, 6) for one in unseen} == {round(1 / 122, 6)}
    assert head(never.observations[:1])[0].memory == pytest.approx(1 / 122)


def test_both_kinds_of_answers_from_passages_are_needed():
    lesson = taught()
    with pytest.raises(DataError):
        OutlookHead().fit(replace(lesson, passages=np.ones(len(lesson.passages), dtype=bool)))


def test_the_better_answer_is_worth_what_it_is_worth():
    assert Outlook(memory=0.2, passages=0.7, conflict=0.5).best == 0.7


def test_without_observations_there_are_no_outlooks():
    head, _ = OutlookHead().fit(taught())
    assert head([]) == []
