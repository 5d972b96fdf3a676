from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from rag_router.verify import Judgement, Rounds, verify_rounds

WELL = Judgement(label="grounded", grounded=0.9)
WRONG = Judgement(label="not_grounded", grounded=0.4)
ASTRAY = Judgement(label="retrieval_error", grounded=0.1)


@dataclass
class Scripted:
    """A trial whose judgements are written down, and which tells what was done to it."""

    judgements: list[Judgement]
    allowed: tuple[str, ...] = ("next_window", "again")
    speaks: bool = True
    done: list[tuple[str, int]] = field(default_factory=list)

    def can(self, mend):
        return mend in self.allowed


def run(*trials, most=2):
    def mend(asked):
        for trial, what, number in asked:
            trial.done.append((what, number))
        return [trial.speaks for trial, _, _ in asked]

    return verify_rounds(
        trials,
        lambda some: [one.judgements[len(one.done)] for one in some],
        mend,
        Rounds(most=most),
    )


def test_an_accepted_answer_is_left_alone():
    trial = Scripted([WELL])
    (attempt,) = run(trial)
    assert attempt.accepted
    assert (trial.done, attempt.best) == ([], 0)


def test_a_retrieval_error_looks_further_and_a_wrong_answer_is_read_again():
    trial = Scripted([ASTRAY, WRONG, WELL])
    (attempt,) = run(trial)
    assert trial.done == [("next_window", 1), ("again", 2)]
    assert (attempt.accepted, attempt.best) == (True, 2)


def test_the_budget_bounds_the_rounds():
    trial = Scripted([WRONG] * 9)
    (attempt,) = run(trial, most=3)
    assert len(trial.done) == 3
    assert not attempt.accepted


def test_without_a_budget_answers_are_judged_and_nothing_is_tried():
    trial = Scripted([WRONG])
    (attempt,) = run(trial, most=0)
    assert (trial.done, attempt.accepted) == ([], False)


def test_what_cannot_be_done_is_tried_the_other_way():
    trial = Scripted([ASTRAY, WELL], allowed=("again",))
    run(trial)
    assert trial.done == [("again", 1)]


def test_where_nothing_can_be_done_the_trial_ends():
    trial = Scripted([ASTRAY], allowed=())
    (attempt,) = run(trial)
    assert (trial.done, attempt.accepted) == ([], False)


def test_of_answers_never_accepted_the_likeliest_goes_on():
    (attempt,) = run(Scripted([ASTRAY, WRONG, ASTRAY]))
    assert attempt.best == 1


def test_a_trial_that_has_nothing_new_to_say_is_not_judged_again():
    trial = Scripted([WRONG], speaks=False)
    (attempt,) = run(trial)
    assert (len(attempt.judgements), len(trial.done)) == (1, 1)


def test_trials_do_not_depend_on_each_other():
    alone = run(Scripted([ASTRAY, WELL]))[0]
    first, second = run(Scripted([WELL]), Scripted([ASTRAY, WELL]))
    assert (first.accepted, second.judgements) == (True, alone.judgements)


@given(st.lists(st.sampled_from([WELL, WRONG, ASTRAY]), min_size=9, max_size=9), st.integers(0, 8))
def test_no_trial_is_answered_more_often_than_the_budget_says(line, most):
    trial = Scripted(line)
    (attempt,) = run(trial, most=most)
    assert len(attempt.judgements) == len(trial.done) + 1 <= most + 1
    assert attempt.accepted == (WELL in line[: most + 1])
