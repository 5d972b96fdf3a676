from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from little_router import MODEL, TIBER, UNKNOWN, answer, asked, expert_of, notes, router
from stand_ins import ListIndex

from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.orchestrator import Ask
from rag_router.policy import Policy
from rag_router.verify import Judgement, Rounds
from rag_router.verify.likelihood import LikelihoodVerifier

ALWAYS = Ask(retrieval="always")
# By its words the first is the nearest to the question, and does not answer it.
ASTRAY = "What is the river of Rome, the river of Rome, what river is asked in school."
BOTH = ListIndex([ASTRAY, TIBER, "Honey is made by bees."], name="wiki")


def script(prompt: str) -> Reply:
    if "river of Rome" not in asked(prompt):
        return Reply("no idea", 0.2)
    if "from its passages" not in prompt:
        return Reply("Nile", 0.15)
    if TIBER in prompt and ASTRAY not in prompt:
        return Reply("Tiber", 0.95)
    return Reply("school", 0.9)


@dataclass(frozen=True)
class Accepts:
    """Accepts one answer; of the others it holds the passages or the reading responsible."""

    answer: str
    otherwise: str = "retrieval_error"
    fitted: bool = True

    def judge(self, claims, context):
        assert len(claims) == len(context.rows)
        return [
            Judgement(label="grounded", grounded=0.9)
            if claim.answer == self.answer
            else Judgement(label=self.otherwise, grounded=0.1, why="it is not the answer")
            for claim in claims
        ]


def verified(verifier, **more):
    parts = {
        "expert": expert_of(ScriptedModel(script)),
        "indices": {"wiki": BOTH},
        "filters": (),
        "verifier": verifier,
    }
    return answer(UNKNOWN, ALWAYS, **(parts | more))


def only_the_first():
    """Filters that keep the first hit."""

    @dataclass(frozen=True)
    class First:
        fitted: bool = True

        def judge(self, questions, judged, context):
            return [
                [
                    replace(j, kept=n == 0, why="first" if n == 0 else "later")
                    for n, j in enumerate(line)
                ]
                for line in judged
            ]

    return (First(),)


def test_without_a_verifier_the_first_answer_stands():
    assert verified(None).text == "school"


def test_a_retrieval_error_has_the_next_passages_read():
    said = verified(Accepts("Tiber"), filters=only_the_first())
    assert (said.text, said.reason) == ("Tiber", "contextual")
    kept = [judged.hit.passage.text for judged in said.evidence.kept]
    assert TIBER in kept
    assert ASTRAY not in kept
    assert ("verify", "round 1: answered again from the next passages") in notes(said)


def test_an_answer_that_is_not_grounded_is_read_from_the_best_passage_alone():
    said = verified(Accepts("nothing", "not_grounded"), policy=Policy(abstain=False))
    assert ("verify", "round 1: answered again from the best passage alone") in notes(said)
    # Neither was accepted, and both came as close: the first goes on, with what it was read from.
    assert len(said.evidence.kept) == 2


def test_with_one_passage_the_answer_is_drawn():
    said = verified(Accepts("Tiber", "not_grounded"), filters=only_the_first())
    assert ("verify", "round 1: answered again by a draw") in notes(said)


def test_what_is_never_accepted_is_not_given():
    said = verified(Accepts("Danube"), rounds=Rounds(most=2))
    assert (said.text, said.abstained, said.reason) == (None, True, "unverified")
    assert said.message == "I don't know."
    assert said.evidence.kept
    assert any(what.startswith("no answer was accepted") for _, what in notes(said))


def test_a_policy_that_never_abstains_gives_what_came_closest():
    said = verified(Accepts("Danube"), policy=Policy(abstain=False))
    assert (said.text, said.reason) == ("school", "contextual")


def test_memory_that_is_sure_enough_takes_over():
    said = verified(Accepts("Danube"), policy=Policy(min_confidence=0.01))
    assert (said.text, said.reason) == ("Nile", "parametric")


@pytest.mark.parametrize("most", [0, 1, 3])
def test_rounds_are_bounded_and_cost_what_usage_says(most):
    once = verified(Accepts("Danube", "not_grounded"), rounds=Rounds(most=0))
    said = verified(Accepts("Danube", "not_grounded"), rounds=Rounds(most=most))
    again = [what for stage, what in notes(said) if what.startswith("round")]
    assert len(again) == most
    if most:
        assert said.usage.lm_forward_passes > once.usage.lm_forward_passes
        assert said.usage.prompt_tokens > once.usage.prompt_tokens


def test_answers_are_verified_the_same_alone_and_in_company():
    parts = {
        "expert": expert_of(ScriptedModel(script)),
        "indices": {"wiki": BOTH},
        "filters": only_the_first(),
        "verifier": Accepts("Tiber"),
        "rounds": Rounds(most=2),
    }
    texts = [UNKNOWN, "who makes honey", UNKNOWN]
    together = router(**parts).answer(texts, ALWAYS)
    alone = [router(**parts).answer([text], ALWAYS)[0] for text in texts]
    shown = [(a.text, a.reason, a.confidence, a.usage, notes(a)) for a in together]
    assert shown == [(a.text, a.reason, a.confidence, a.usage, notes(a)) for a in alone]


def test_the_generators_own_likelihood_accepts_what_stands_in_its_passage():
    said = answer(UNKNOWN, ALWAYS, expert=expert_of(MODEL), verifier=LikelihoodVerifier())
    assert (said.text, said.reason) == ("Tiber", "contextual")
    assert ("verify", "the verifier is not fitted for tiny: it goes by a rule") in notes(said)


def test_the_generators_own_likelihood_refuses_what_stands_in_none():
    odd = ScriptedModel(
        lambda prompt: Reply("Danube", 0.9 if "from its passages" in prompt else 0.1)
    )
    said = answer(
        UNKNOWN, ALWAYS, expert=expert_of(odd), verifier=LikelihoodVerifier(), sureness=SURE
    )
    assert (said.text, said.reason) == (None, "unverified")


SURE = replace(router().sureness, curve=(0.0, 0.0, 1.0, 5.0))
