"""A pool of experts behind one front: who is asked, who is not, and what an answer says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from little_house import assert_documented
from little_pool import BY_WORD, FRANCE, RIVER, TWO, VALVE, House

from rag_router.errors import (
    ModelError,
    QuestionError,
    UnavailableError,
    UnknownNameError,
    UsageError,
)
from rag_router.experts import Card
from rag_router.experts.deadline import Deadline
from rag_router.experts.pool import Member, Pool
from rag_router.experts.routing.best_single import BestSingleRouter
from rag_router.experts.routing.self_knowledge import SelfKnowledgeRouter
from rag_router.orchestrator import Ask, roster


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return House(tmp_path_factory.mktemp("pooled"))


def told(answers):
    """What is the same whenever it is asked: everything but the times."""
    return [{k: v for k, v in one.to_json().items() if k != "timings_ms"} for one in answers]


def test_each_question_is_answered_by_the_expert_that_comes_first(house):
    service = house.service(TWO)
    answers = service.answer([FRANCE, RIVER, VALVE, FRANCE])
    assert [one.text for one in answers] == ["Paris", "Danube", "90 days", "Paris"]
    assert [one.route.expert.name for one in answers] == ["towns", "rivers", "towns", "towns"]
    assert [one.id for one in answers] == ["1", "2", "3", "4"]
    for one in answers:
        assert_documented({**one.to_json()} | {"route": {**one.to_json()["route"]}})


def test_an_answer_tells_who_was_considered_and_why(house):
    (answer,) = house.service(TWO).answer([RIVER])
    expert = answer.to_json()["route"]["expert"]
    assert expert == {
        "name": "rivers",
        "score": 1.0,
        "router": "test",
        "candidates": [
            {"name": "rivers", "score": 1.0, "why": "by a word"},
            {"name": "towns", "score": 0.0, "why": "by a word"},
        ],
    }


def test_an_answer_is_what_the_expert_would_give_alone_but_for_the_route(house):
    service = house.service(TWO)
    pooled = service.answer([FRANCE, VALVE, RIVER])
    alone = house.alone("towns").answer([FRANCE, VALVE, RIVER])
    for at in (0, 1):
        mine, theirs = told([pooled[at]])[0], told([alone[at]])[0]
        assert mine.pop("route")["expert"]["name"] == theirs.pop("route")["expert"]["name"]
        assert mine == theirs


def test_answers_are_the_same_alone_in_a_batch_and_in_any_order(house):
    for router in (BY_WORD, SelfKnowledgeRouter()):
        service = house.service(TWO, router=router)
        questions = [FRANCE, RIVER, VALVE]
        together = {one["question"]: one for one in told(service.answer(questions))}
        turned = {one["question"]: one for one in told(service.answer(questions[::-1]))}
        for question in questions:
            (alone,) = told(service.answer([question]))
            for other in (together[question], turned[question]):
                assert {**other, "id": "1"} == {**alone, "id": "1"}


def test_only_who_is_asked_is_loaded(house):
    service = house.service(TWO)
    assert house.loads == []
    service.answer([FRANCE, VALVE])
    assert house.loads == ["towns"]
    assert [(one.card.name, one.state) for one in roster(service)] == [
        ("towns", "loaded"),
        ("rivers", "not loaded"),
    ]


# --- what experts know ------------------------------------------------------------------------


def test_whoever_is_surest_answers_and_reads_no_question_a_second_time(house):
    service = house.service(TWO, router=SelfKnowledgeRouter())
    answers = service.answer([FRANCE, RIVER])
    assert [one.text for one in answers] == ["Paris", "Danube"]
    # The gate's pass of each candidate, and nothing more: answers go on from it.
    assert {name: model.prefills for name, model in house.models.items()} == {
        "towns": 1,
        "rivers": 1,
    }
    assert [model.read(FRANCE) for model in house.models.values()] == [1, 1]
    first = answers[0].route.expert
    assert first.score == pytest.approx(0.99, abs=1e-4)
    assert [one.name for one in first.candidates] == ["towns", "rivers"]
    assert first.candidates[1].score == pytest.approx(0.5, abs=1e-4)


def test_what_the_losers_read_is_charged_too(house):
    service = house.service(TWO, router=SelfKnowledgeRouter())
    (answer,) = service.answer([FRANCE])
    (alone,) = house.alone("towns").answer([FRANCE])
    (other,) = house.alone("rivers").consider([FRANCE])
    assert answer.usage.lm_forward_passes == (
        alone.usage.lm_forward_passes + other.usage.lm_forward_passes
    )
    assert answer.usage.prompt_tokens == alone.usage.prompt_tokens + other.usage.prompt_tokens
    assert answer.knowledge == alone.knowledge


def test_what_has_to_be_looked_up_is_read_once_alone_and_once_with_passages(house):
    service = house.service(TWO, router=SelfKnowledgeRouter())
    (answer,) = service.answer([VALVE])
    assert (answer.text, answer.reason) == ("90 days", "contextual")
    winner = house.models[answer.route.expert.name]
    (other,) = (model for model in house.models.values() if model is not winner)
    assert (winner.prefills, other.prefills) == (2, 1)


def test_all_questions_of_a_batch_are_considered_before_the_next_batch_is(house):
    service = house.service(TWO, router=SelfKnowledgeRouter(), batch_size=2)
    answers = service.answer([FRANCE, RIVER, FRANCE])
    assert [one.text for one in answers] == ["Paris", "Danube", "Paris"]
    assert [model.prefills for model in house.models.values()] == [2, 2]


# --- access -----------------------------------------------------------------------------------


def test_forbidden_weights_are_never_loaded_nor_named(house):
    service = house.service(TWO, router=SelfKnowledgeRouter(), tenants={"rivers": ["harbour"]})
    (answer,) = service.answer([RIVER], Ask(tenant="museum"))
    assert house.loads == ["towns"]
    assert "rivers" not in str(answer.to_json()["route"])
    assert [one.card.name for one in roster(service, "museum")] == ["towns"]
    (answer,) = service.answer([RIVER], Ask(tenant="harbour"))
    assert (answer.text, house.loads) == ("Danube", ["towns", "rivers"])


def test_nobody_names_an_expert_that_is_forbidden(house):
    service = house.service(TWO, tenants={"rivers": ["harbour"]})
    for tenant in (None, "museum"):
        with pytest.raises(UnknownNameError) as caught:
            service.answer([RIVER], Ask(expert="rivers", tenant=tenant))
        assert caught.value.known == ["towns"]
    assert house.loads == []
    (answer,) = service.answer([RIVER], Ask(expert="rivers", tenant="harbour"))
    assert answer.text == "Danube"


def test_a_forbidden_expert_is_not_asked_where_all_others_fail(house):
    service = house.service(TWO, tenants={"rivers": ["harbour"]}, lasts={"towns": 0})
    with pytest.raises(ModelError, match="out of memory"):
        service.answer([FRANCE])
    assert house.loads == ["towns"]


# --- requests that name an expert -------------------------------------------------------------


def test_a_request_names_who_answers(house):
    service = house.service(TWO, router=SelfKnowledgeRouter())
    (answer,) = service.answer([FRANCE], Ask(expert="rivers", retrieval="never"))
    assert (answer.route.expert.name, answer.route.expert.candidates) == ("rivers", ())
    assert house.loads == ["rivers"]
    with pytest.raises(UnknownNameError, match="Did you mean 'rivers'"):
        service.answer([FRANCE], Ask(expert="river"))


def test_one_alone_knows_no_other_name_than_its_own(house):
    house.service(TWO)
    towns = house.alone("towns")
    assert towns.answer([FRANCE], Ask(expert="towns"))[0].text == "Paris"
    with pytest.raises(UnknownNameError, match="no expert named 'rivers'"):
        towns.answer([FRANCE], Ask(expert="rivers"))


def test_of_one_expert_nothing_is_chosen(house):
    service = house.service({"towns": TWO["towns"]}, router=SelfKnowledgeRouter())
    (answer,) = service.answer([FRANCE])
    (alone,) = house.alone("towns").answer([FRANCE])
    assert told([answer]) == told([alone])


# --- experts that fail ------------------------------------------------------------------------


def test_who_cannot_answer_is_passed_over_and_the_answer_says_so(house):
    service = house.service(TWO, lasts={"rivers": 0})
    answers = service.answer([RIVER, FRANCE])
    assert [one.route.expert.name for one in answers] == ["towns", "towns"]
    (note,) = [one for one in answers[0].degraded if one.stage == "route"]
    assert note.what == "rivers could not answer: out of memory."
    assert answers[0].route.expert.candidates[0].name == "rivers"
    assert not [one for one in answers[1].degraded if one.stage == "route"]


def test_who_fails_while_it_is_considered_is_not_asked_again(house):
    service = house.service(TWO, router=SelfKnowledgeRouter(), lasts={"towns": 0})
    (answer,) = service.answer([FRANCE])
    assert (answer.route.expert.name, house.loads) == ("rivers", ["towns", "rivers"])


def test_who_cannot_be_loaded_is_passed_over(house):
    service = house.service(TWO)

    def broken(_):
        raise ModelError("its files are cut short.")

    card = Card(name="broken", kind="local", model="x", abilities=frozenset())
    members = [Member(name="broken", load=broken, card=card), house._member("towns", None)]
    service = replace(service, pool=Pool(members), router=BestSingleRouter())
    (answer,) = service.answer([FRANCE])
    assert (answer.text, answer.route.expert.name) == ("Paris", "towns")
    assert "broken cannot be loaded: its files are cut short." in str(answer.degraded)
    assert [(one.state, one.why) for one in roster(service)] == [
        ("failed", "its files are cut short."),
        ("loaded", ""),
    ]


def test_where_nobody_can_answer_each_says_why(house):
    service = house.service(TWO, lasts={"towns": 0, "rivers": 0})
    with pytest.raises(UnavailableError, match=r"towns: out of memory\.; rivers: out of memory"):
        service.answer([FRANCE])


# --- limits -----------------------------------------------------------------------------------


def test_an_impossible_question_is_refused_before_anybody_is_loaded(house):
    service = house.service(TWO)
    with pytest.raises(QuestionError, match="question 2 is empty"):
        service.answer([FRANCE, "  "])
    assert (house.loads, service.answer([])) == ([], [])


def test_one_deadline_holds_for_all_experts_of_a_request(house):
    service = house.service(TWO, router=SelfKnowledgeRouter())
    now = [0.0]
    past = Deadline(seconds=1.0, ends=1.0, clock=lambda: now[0])
    (answer,) = service.answer([FRANCE], Ask(deadline=past))
    assert answer.text == "Paris"
    now[0] = 2.0
    (late,) = service.answer([FRANCE], Ask(deadline=past))
    assert (late.text, late.knowledge.reason) == (
        None,
        "the deadline of 1 s passed before it was begun",
    )


def test_events_tell_of_questions_by_their_places_among_all(house):
    service, heard = house.service(TWO), []
    service.answer([RIVER, FRANCE, VALVE], Ask(heard=heard.append))
    done = {one.row: one.answer.text for one in heard if one.stage == "done"}
    assert done == {0: "Danube", 1: "Paris", 2: "90 days"}
    routed = {one.row: one.expert for one in heard if one.stage == "route"}
    assert routed == {0: "rivers", 1: "towns", 2: "towns"}


# --- reliance on memory -----------------------------------------------------------------------

MIXED = {
    "decoders": {"towns": "plain", "rivers": "confidence_gain"},
    "without_knob": {"towns": "plain"},
}


@pytest.mark.parametrize("router", [BY_WORD, SelfKnowledgeRouter()])
def test_who_has_no_knob_for_reliance_answers_without_and_says_so(house, router):
    service = house.service(TWO, router=router, **MIXED)
    towns, rivers = service.answer([FRANCE, RIVER], Ask(reliance=0.7))
    assert (towns.text, rivers.text) == ("Paris", "Danube")
    what = "towns relies on memory as it is set: its decoder 'plain' has no knob for it"
    assert [one.what for one in towns.degraded].count(what) == 1
    assert "has no knob" not in str(rivers.degraded)
    assert "has no knob" not in str(service.answer([FRANCE])[0].degraded)


def test_where_nobody_has_a_knob_reliance_is_refused_before_anybody_is_loaded(house):
    both = {"towns": "plain", "rivers": "plain"}
    service = house.service(TWO, without_knob=both)
    with pytest.raises(UsageError, match="the decoder 'plain' has no knob") as caught:
        service.answer([FRANCE], Ask(reliance=0.7))
    assert "confidence_gain" in caught.value.hint
    # Whoever is named is the only one who may answer.
    with pytest.raises(UsageError, match="has no knob"):
        house.service(TWO, **MIXED).answer([FRANCE], Ask(reliance=0.7, expert="towns"))
    with pytest.raises(UsageError, match=r"reliance is 1\.5"):
        house.service(TWO, **MIXED).answer([FRANCE], Ask(reliance=1.5))
    assert house.loads == []
