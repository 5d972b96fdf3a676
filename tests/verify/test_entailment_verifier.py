from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from stand_ins import passage

from rag_router.models.entailment import Entailment
from rag_router.signals import Board
from rag_router.verify import Claim, VerifyContext
from rag_router.verify.entailment import EntailmentVerifier

NOWHERE: Board | None = None


@dataclass(frozen=True)
class Relations:
    """A model of inference that has its logits written down, by a word of the premise."""

    table: tuple[tuple[str, Entailment], ...]
    name: str = "written down"

    def judge(self, pairs):
        return [next(e for word, e in self.table if word in premise) for premise, _ in pairs]


MODEL = Relations(
    (
        ("Tiber", Entailment(2.0, 0.0, 0.0)),
        ("Nile", Entailment(0.0, 3.0, 0.0)),
        ("", Entailment(0.0, 0.0, 4.0)),
    )
)


def judged(*texts, model=MODEL, **options):
    claim = Claim(question="what river?", answer="Tiber", passages=tuple(passage(t) for t in texts))
    verifier = EntailmentVerifier(judge_model=model, **options)
    return verifier.judge([claim], VerifyContext(NOWHERE, (0,)))[0]


@pytest.mark.parametrize(
    ("texts", "label"),
    [
        (["The Tiber."], "grounded"),
        (["The Nile."], "not_grounded"),
        (["A fjord."], "retrieval_error"),
        (["A fjord.", "The Nile.", "The Tiber."], "grounded"),
    ],
)
def test_one_passage_that_implies_the_answer_is_enough(texts, label):
    assert judged(*texts).label == label


def test_the_probability_is_that_of_three_relations():
    e = math.exp(2)
    assert judged("The Tiber.").grounded == pytest.approx(e / (e + 1 + 1))


def test_a_model_of_two_relations_has_no_neutral():
    two = Relations((("", Entailment(1.0, 0.0)),))
    assert judged("x", model=two).grounded == pytest.approx(math.e / (math.e + 1))


def test_the_threshold_can_be_raised():
    assert judged("The Tiber.", min_entailment=0.9).label == "retrieval_error"


def test_without_a_model_everything_is_accepted_and_it_says_what_it_lacks():
    assert judged("A fjord.", model=None).label == "grounded"
    assert "rag-router models fetch" in EntailmentVerifier().lacks[0]
    assert EntailmentVerifier(judge_model=MODEL).lacks == ()


def test_a_model_that_was_never_fetched_is_done_without():
    verifier = EntailmentVerifier()
    assert verifier.equipped(lambda name: None) == verifier
