"""Several experts of a pool, one answer: scripted models, real indexes, every stage."""

from __future__ import annotations

from dataclasses import replace

import pytest
from little_house import asked, parts
from stand_ins import question

from rag_router.assembly import assemble
from rag_router.errors import CancelledError, SettingsError, UnknownNameError
from rag_router.experts import Expert
from rag_router.experts.card import Card
from rag_router.experts.fusion.frugal import FrugalFusion
from rag_router.experts.fusion.mixture import MixtureFusion
from rag_router.experts.fusion.product import ProductFusion
from rag_router.experts.fusion.vote import VoteFusion
from rag_router.experts.fusion.weighing import EvenWeighing, KnowledgeWeighing
from rag_router.experts.pool import Loaded, Member, Pool
from rag_router.experts.routing.base import Choice
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.orchestrator import Ask
from rag_router.orchestrator.events import Done, Spoke
from rag_router.orchestrator.fused_pool import FusingOrchestrator
from rag_router.settings import Component, Settings

FRANCE, ITALY = "What is the capital of France?", "What is the capital of Italy?"
VALVE = "How often is the Larkspur valve calibrated?"
KNOWN = {
    "gaul": {FRANCE: Reply("Paris", 0.9), ITALY: Reply("Turin", 0.5)},
    "roman": {FRANCE: Reply("Lyon", 0.6), ITALY: Reply("Rome", 0.95)},
}
READ = {"gaul": Reply("90 days", 0.95), "roman": Reply("90 days", 0.8)}


def model_of(name):
    def script(prompt):
        if "every 90 days" in prompt:
            return READ[name]
        return KNOWN[name].get(asked(prompt), Reply("hm", 0.1))

    return ScriptedModel(script, name=name)


class InOrder:
    """Ranks experts as they come."""

    needs = frozenset()

    def rank(self, questions, cards, context):
        del context
        line = tuple(Choice(name=card.name, score=1.0, why="in order") for card in cards)
        return [line] * len(questions)


@pytest.fixture
def house(tmp_path):
    """Makes a fusing service; `loaded` notes which experts were loaded."""
    common, loaded = parts(tmp_path), []

    def member(name, tenants=None, model=None):
        def load(_):
            loaded.append(name)
            own = model or model_of(name)
            expert = Expert(name=name, model=own, style=PromptStyle.of(own))
            settings = Settings(gate=Component(name="confidence", statistic="minimum"))
            return Loaded(assemble(settings, replace(common, expert=expert)))

        card = Card(name=name, kind="local", model=name, abilities=frozenset(), tenants=tenants)
        return Member(name=name, load=load, card=card)

    def make(fusion, *, members=None, **more):
        pool = Pool(members or [member(name) for name in KNOWN])
        return FusingOrchestrator(
            pool=pool, router=InOrder(), router_name="in_order", fusion=fusion, **more
        )

    make.member, make.loaded = member, loaded
    return make


def by_knowledge(house, fusion=None, **more):
    fused = fusion or MixtureFusion()
    return house(fused, fusion_name="mixture", weighing=KnowledgeWeighing(), **more)


def test_each_question_is_answered_by_whoever_knows_it_better(house):
    answers = by_knowledge(house).answer([FRANCE, ITALY])
    assert [one.text for one in answers] == ["Paris", "Rome"]
    # 0.9 and 0.6 of 1.5; 0.5 and 0.95 of 1.45.
    shares = [[one.weight for one in answer.route.opinions] for answer in answers]
    assert shares[0] == pytest.approx([0.6, 0.4], abs=1e-3)
    assert shares[1] == pytest.approx([0.5 / 1.45, 0.95 / 1.45], abs=1e-3)
    told = answers[0].to_json()["route"]
    assert told["expert"]["name"] == "gaul"
    assert told["opinions"][1] == {
        "expert": "roman",
        "answer": None,
        "weight": 0.4,
        "why": "mixture of tokens",
    }


def test_every_token_of_a_trace_holds_the_weight_of_each_expert(house):
    ask = Ask(tokens=True)
    token = by_knowledge(house).answer([FRANCE], ask)[0].to_json()["tokens"][0]
    assert token["experts"] == {"gaul": 0.6, "roman": 0.4}


@pytest.mark.parametrize(
    "fusion",
    [MixtureFusion(), ProductFusion(), VoteFusion(), FrugalFusion(price=0.3)],
    ids=lambda one: type(one).__name__,
)
def test_answers_are_the_same_alone_in_a_batch_and_in_any_order(house, fusion):
    service, texts = by_knowledge(house, fusion), [FRANCE, VALVE, ITALY, "Who is there?"]

    def told(answers):
        return {one.question: replace(one, id="", timings_ms={}) for one in answers}

    together = told(service.answer(texts))
    assert told(service.answer(texts[::-1])) == together
    assert told([service.answer([text])[0] for text in texts]) == together


def test_passages_are_read_by_every_expert_and_the_answer_is_cited(house):
    answer = by_knowledge(house).answer([VALVE])[0]
    assert (answer.text, answer.reason) == ("90 days", "contextual")
    assert answer.citations[0].passage_id.startswith("valve")
    alone = by_knowledge(house).answer([VALVE], Ask(expert="gaul"))[0]
    assert alone.text == "90 days"
    assert answer.usage.lm_forward_passes > 1.5 * alone.usage.lm_forward_passes
    assert answer.usage.prompt_tokens > 1.5 * alone.usage.prompt_tokens


def test_nothing_is_looked_up_where_one_of_them_knows(house):
    # `gaul` leads, and would look it up: it is as likely wrong as right.
    fused = by_knowledge(house).answer([ITALY])[0]
    assert not fused.knowledge.advised
    assert fused.knowledge.reason.startswith("roman: ")
    even = house(MixtureFusion(), weighing=EvenWeighing()).answer([ITALY])[0]
    assert even.knowledge.p_know == pytest.approx(0.5)


def test_what_they_answer_from_memory_is_fused_too(house):
    service = by_knowledge(house)
    seen = []
    ask = Ask(retrieval="always", observed=lambda _, seen_of: seen.append(seen_of.memory.text))
    service.answer([ITALY], ask)
    assert seen == ["Rome"]


def test_the_order_of_the_experts_says_who_leads(house):
    service = house(MixtureFusion(), experts=("roman", "gaul"))
    answer = service.answer([FRANCE])[0]
    assert [one.expert for one in answer.route.opinions] == ["roman", "gaul"]
    assert answer.route.expert.name == "roman"


def test_an_expert_that_is_asked_for_by_name_answers_alone(house):
    answer = by_knowledge(house).answer([FRANCE], Ask(expert="roman"))[0]
    assert (answer.text, answer.route.opinions) == ("Lyon", ())
    with pytest.raises(UnknownNameError, match="no expert named 'saxon'"):
        by_knowledge(house).answer([FRANCE], Ask(expert="saxon"))


@pytest.mark.parametrize("fusion", [MixtureFusion(), VoteFusion()])
def test_who_is_forbidden_to_a_tenant_is_neither_fused_nor_loaded(house, fusion):
    members = [house.member("gaul"), house.member("roman", frozenset({"senate"}))]
    service = house(fusion, members=members)
    answer = service.answer([FRANCE])[0]
    assert (answer.text, answer.route.opinions, house.loaded) == ("Paris", (), ["gaul"])
    answer = service.answer([FRANCE], Ask(tenant="senate"))[0]
    assert [one.expert for one in answer.route.opinions] == ["gaul", "roman"]


def test_a_model_of_another_vocabulary_is_refused_by_name(house):
    class Other(ScriptedModel):
        vocabulary_fingerprint = "other"

    members = [house.member("gaul"), house.member("roman", model=Other({}, name="roman"))]
    with pytest.raises(SettingsError, match="'gaul' and 'roman' have different vocabularies"):
        by_knowledge(house, members=members).answer([FRANCE])
    assert by_knowledge(house, VoteFusion(), members=members).answer([FRANCE])[0].text == "Paris"


def test_a_vote_tells_what_everybody_said_and_adds_up_what_it_cost(house):
    answer = house(VoteFusion()).answer([FRANCE])[0]
    told = [(one.expert, one.answer) for one in answer.route.opinions]
    assert told == [("gaul", "Paris"), ("roman", "Lyon")]
    alone = [house(VoteFusion()).answer([FRANCE], Ask(expert=name))[0] for name in KNOWN]
    assert answer.usage.prompt_tokens == sum(one.usage.prompt_tokens for one in alone)
    assert answer.usage.lm_forward_passes == sum(one.usage.lm_forward_passes for one in alone)


def test_a_frugal_questioner_stops_at_the_first_who_is_sure(house):
    service = house(FrugalFusion(price=0.3))
    first, second = service.answer([FRANCE, ITALY])
    # 1 - 0.9 is not worth 0.3; 1 - 0.5 is.
    assert [one.expert for one in first.route.opinions] == ["gaul"]
    assert [one.expert for one in second.route.opinions] == ["gaul", "roman"]
    assert second.text == "Rome"


def test_whoever_listens_hears_of_the_answer_of_several(house):
    for fusion in (MixtureFusion(), VoteFusion()):
        heard = []
        answers = by_knowledge(house, fusion).answer([FRANCE, ITALY], Ask(heard=heard.append))
        done = {one.row: one.answer for one in heard if isinstance(one, Done)}
        assert [done[row].text for row in (0, 1)] == [one.text for one in answers]
        words = "".join(one.text for one in heard if isinstance(one, Spoke) and one.row == 1)
        assert words == "Rome"


def test_giving_up_stops_everything(house):
    for fusion in (MixtureFusion(), VoteFusion()):
        with pytest.raises(CancelledError):
            by_knowledge(house, fusion).answer([FRANCE], Ask(cancelled=lambda: True))


def test_what_comes_too_late_is_not_begun(house):
    for fusion in (MixtureFusion(), VoteFusion()):
        answer = by_knowledge(house, fusion).answer([question(FRANCE)], Ask(deadline_s=1e-9))[0]
        assert answer.abstained
