from __future__ import annotations

import numpy as np
import pytest
from little_router import ALWAYS, INDEX, KNOWN, LOST, UNKNOWN, answer, notes, router

from rag_router.arrays import Arrays
from rag_router.orchestrator import Ask
from rag_router.outlook import OutlookHead
from rag_router.outlook.observation import FIGURES, MEMORY
from rag_router.policy import Policy

LAYERS, WIDTH = 3, 8
"""Of the scripted model's states that are read."""


def head(memory: float, passages: float, conflict: float = 0.0) -> OutlookHead:
    """A head that says the same of every question, in log-odds."""
    wide = len(FIGURES) + LAYERS * WIDTH
    arrays = {}
    for name, value in (("memory", memory), ("passages", passages), ("conflict", conflict)):
        arrays[f"{name}.weights"] = np.zeros(MEMORY if name == "memory" else wide)
        arrays[f"{name}.bias"] = np.array([value])
        arrays[f"{name}.curve"] = np.array([1.0, 0.0])
    return OutlookHead(arrays=Arrays(arrays), wanted=True)


OPEN = Policy(min_support=0.0, min_confidence=0.5)


def test_the_likelier_answer_is_given():
    read = answer(UNKNOWN, ALWAYS, outlook=head(-3.0, 3.0), policy=OPEN)
    assert (read.text, read.reason) == ("Tiber", "contextual")
    known = answer(UNKNOWN, ALWAYS, outlook=head(3.0, -3.0), policy=OPEN)
    assert (known.text, known.reason) == ("Nile", "parametric")
    # 1 / (1 + e^-3)
    assert read.confidence == known.confidence == pytest.approx(0.9525741)


def test_what_both_answers_are_worth_is_told():
    said = answer(UNKNOWN, ALWAYS, outlook=head(-3.0, 3.0), policy=OPEN)
    shown = said.to_json()["conflict"]
    assert (shown["p_memory"], shown["p_passages"]) == (0.0474, 0.9526)
    assert "p_memory" not in answer(UNKNOWN, ALWAYS).to_json()["conflict"]


@pytest.mark.parametrize(("conflict", "reason"), [(-2.0, "insufficient"), (2.0, "conflict")])
def test_what_is_not_worth_its_cost_is_not_said(conflict, reason):
    said = answer(UNKNOWN, ALWAYS, outlook=head(-2.0, -1.0, conflict), policy=OPEN)
    assert (said.text, said.abstained, said.reason) == (None, True, reason)
    assert said.message == "I don't know."
    assert said.evidence.kept
    # The likelier one would have been right with 1 / (1 + e).
    assert said.confidence == pytest.approx(1 - 0.2689414)


def test_a_lower_cost_lets_it_be_said():
    said = answer(
        UNKNOWN,
        ALWAYS,
        outlook=head(-2.0, -1.0),
        policy=Policy(min_support=0.0, min_confidence=0.2),
    )
    assert (said.text, said.reason) == ("Tiber", "contextual")


def test_a_policy_that_never_abstains_gives_the_better_one():
    policy = Policy(min_support=0.0, min_confidence=1.0, abstain=False)
    assert answer(UNKNOWN, ALWAYS, outlook=head(-2.0, -1.0), policy=policy).text == "Tiber"


def test_what_memory_alone_answers_must_be_sure_enough_too():
    outlook = head(3.0, 3.0)
    assert answer(KNOWN, outlook=outlook, policy=OPEN).reason == "parametric"
    strict = Policy(min_support=0.0, min_confidence=1.0)
    said = answer(KNOWN, outlook=outlook, policy=strict)
    assert (said.text, said.reason) == (None, "no_knowledge")


def test_a_policy_that_is_not_fitted_says_so_and_the_quadrants_decide():
    plain, wanted = answer(UNKNOWN), answer(UNKNOWN, outlook=OutlookHead(wanted=True))
    assert (plain.text, plain.reason) == (wanted.text, wanted.reason)
    assert [stage for stage, _ in notes(wanted)].count("policy") == 1
    assert "policy" not in [stage for stage, _ in notes(plain)]


def test_whoever_learns_hears_of_every_question_what_it_shows():
    heard = {}
    ask = Ask(retrieval="always", observed=lambda q, seen: heard.update({q.text: seen}))
    router(policy=Policy(abstain=False, min_support=0.0)).answer([UNKNOWN, KNOWN, LOST], ask)
    seen = heard[UNKNOWN]
    assert (seen.memory.text, seen.passages.text) == ("Nile", "Tiber")
    assert seen.states.shape == (LAYERS, WIDTH)
    assert ("", INDEX.texts[0]) in seen.shown
    assert set(heard) == {UNKNOWN, KNOWN, LOST}


def test_answers_are_weighed_the_same_alone_and_in_company():
    parts = {"outlook": head(-1.0, 1.0), "policy": OPEN}
    texts = [UNKNOWN, KNOWN, LOST]
    together = router(**parts).answer(texts, ALWAYS)
    alone = [router(**parts).answer([text], ALWAYS)[0] for text in texts]
    assert [(a.text, a.reason, a.confidence, a.usage) for a in together] == [
        (a.text, a.reason, a.confidence, a.usage) for a in alone
    ]
