from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from little_router import expert_of, router
from stand_ins import ListIndex, question

from rag_router.errors import DataError
from rag_router.eval.outlook_fitting import (
    Parted,
    claims_of,
    fit_outlook,
    fit_verifier,
    outcomes_of,
    ratios_of,
)
from rag_router.eval.outlooks import Observed, observe_questions
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.orchestrator import Ask
from rag_router.outcomes import RecordCache
from rag_router.outlook import Outlook, OutlookHead

ALWAYS = Ask(retrieval="always")
PLACES = [f"place{n}" for n in range(100)]
INDEX = ListIndex([f"The river of {place} is river{n}." for n, place in enumerate(PLACES)])


def script(prompt: str) -> Reply:
    """It reads rivers out of passages, surely where it is right, and knows every fourth itself."""
    place = prompt.rpartition("river of place")[2].split("?")[0].split(" ")[0]
    number = int(place) if place.isdigit() else 0
    if "from its passages" not in prompt:
        return Reply(f"river{number}" if number % 4 == 0 else "Nile", 0.5)
    return Reply(f"river{number}", 0.9) if number % 3 else Reply("mud", 0.3)


def questions(n=100):
    return [
        question(f"what is the river of place{k}?", f"q{k}", answers=(f"river{k}",))
        if k % 5
        # Nobody can answer every fifth.
        else question(f"what is the river of place{k}?", f"q{k}")
        for k in range(n)
    ]


@pytest.fixture(scope="module")
def by():
    return router(
        expert=expert_of(ScriptedModel(script)), indices={"list": INDEX}, filters=(), batch_size=50
    )


@pytest.fixture(scope="module")
def observed(by):
    return observe_questions(by, questions(), ALWAYS)


def test_every_question_is_observed_and_judged(observed):
    assert [one.question.id for one in observed] == [f"q{n}" for n in range(100)]
    seventh, fourth = observed[7], observed[4]
    assert (seventh.seen.passages.text, seventh.passages, seventh.memory) == ("river7", True, False)
    assert (fourth.memory, fourth.passages, fourth.read) == (True, True, True)
    assert not observed[5].passages  # it has no accepted answer


def test_what_was_observed_is_kept(by, tmp_path):
    cache = RecordCache(tmp_path / "outcomes.sqlite")
    first = observe_questions(by, questions(9), ALWAYS, cache=cache)
    silent = replace(by, expert=expert_of(ScriptedModel(lambda prompt: 1 / 0)))
    again = observe_questions(silent, questions(9), ALWAYS, cache=cache)
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.seen.states, other.seen.states)
        assert replace(one.seen, states=other.seen.states).shown == other.seen.shown
        assert (one.seen.memory, one.seen.passages) == (other.seen.memory, other.seen.passages)
    cache.close()


def test_the_three_parts_share_no_question_and_leave_none_out(observed):
    parts = Parted.of(observed)
    ids = [one.question.id for part in (parts.fitting, parts.testing, parts.held) for one in part]
    assert sorted(ids) == sorted(one.question.id for one in observed)
    assert min(map(len, (parts.fitting, parts.testing, parts.held))) > 10


def test_the_likelier_answer_is_what_counts_as_given(observed):
    two = [observed[7], observed[4]]
    sure = Outlook(memory=0.1, passages=0.8, conflict=0.5)
    outcomes = outcomes_of(two, [sure, replace(sure, memory=0.9)])
    assert outcomes.p.tolist() == [0.8, 0.9]
    assert outcomes.right.tolist() == [True, True]
    unread = Observed.of(two[0].question, replace(two[0].seen, passages=None))
    alone = outcomes_of([unread], [])
    assert (alone.p.tolist(), alone.right.tolist()) == ([unread.seen.p_know], [False])


def test_the_policy_learns_who_is_right_and_its_card_says_how_well(by, observed):
    artefact = fit_outlook(by, observed)
    assert artefact.card.metrics["auroc"] > 0.6
    assert artefact.card.notes["gate"] == "confidence"
    head = OutlookHead().with_artefact(artefact)
    right, wrong = head([observed[7].seen, observed[9].seen])
    assert right.passages > wrong.passages
    assert head.risk_limit(0.5) <= 1.0


def test_too_few_questions_are_refused(by, observed):
    with pytest.raises(DataError, match="too few"):
        fit_outlook(by, observed[:20])


def test_the_verifier_learns_from_the_same_answers(by, observed):
    ratios = ratios_of(by.expert, observed)
    assert len(ratios) == len(claims_of(observed)) == 100
    artefact = fit_verifier(by.expert, observed, ratios)
    counts = artefact.card.notes["labels"]
    assert counts["grounded"] == sum(one.passages for one in observed)
    assert artefact.card.metrics["auroc"] > 0.6
    assert sum(artefact.card.notes["confusion"].values()) == artefact.card.notes["held_out"]
