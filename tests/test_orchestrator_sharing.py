"""Experts over one base that answer side by side: the passes of one, the answers of each."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache

import pytest
import torch
from little_house import parts
from tiny import _COMMON, CharacterTokenizer, CountedNetwork
from transformers import LlamaConfig, LlamaForCausalLM

from rag_router.assembly import assemble
from rag_router.errors import CancelledError, ModelError
from rag_router.experts import Card, Expert
from rag_router.experts.pool import Loaded, Member, Pool
from rag_router.experts.routing import Choice
from rag_router.experts.routing.self_knowledge import SelfKnowledgeRouter
from rag_router.models.adapters import adapted
from rag_router.models.causal import TransformersModel
from rag_router.models.low_rank import LowRank
from rag_router.models.prompts import PromptStyle
from rag_router.orchestrator import Ask, PooledOrchestrator
from rag_router.orchestrator.events import Done, Spoke
from rag_router.settings import Component, Settings

ADAPTERS = ("law", "news", "sport", "trade")
EVERYBODY = (*ADAPTERS, "plain")
# Whose each one is stands in it; the base itself answers the last two.
EIGHT = [f"What says {name} of {what}?" for what in ("valves", "Oslo") for name in ADAPTERS]
TEN = [*EIGHT, "What says plain of valves?", "What says plain of Oslo?"]


@cache
def network():
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**{**_COMMON, "max_position_embeddings": 4096})).eval()


def matrices(seed):
    """An adapter of two layers, large enough to say something else."""
    draw = torch.Generator().manual_seed(seed)
    paths = [f"model.layers.{at}.self_attn.q_proj" for at in (1, 2)]
    pair = torch.randn((3, 32), generator=draw), torch.randn((32, 3), generator=draw)
    return LowRank(f"adapter {seed}", f"fingerprint {seed}", dict.fromkeys(paths, pair))


class ByName:
    """Sends a question to the expert that it names, and then to the others as they come."""

    needs = frozenset()

    def rank(self, questions, cards, context):
        del context
        return [
            tuple(
                sorted(
                    (Choice(name=c.name, score=float(c.name in q), why="named") for c in cards),
                    key=lambda choice: -choice.score,
                )
            )
            for q in questions
        ]


class Breaking:
    """A gate that cannot judge what it is asked."""

    needs = ()
    fitted = True

    def assess(self, questions, signals):
        raise ModelError("the gate broke.")


class House:
    """Adapters over one base that counts its passes; `apart` gives each a base of its own."""

    def __init__(self, folder):
        self.common = parts(folder)

    def service(self, gate="never", *, apart=False, decoder="plain", change=None, **more):
        settings = Settings(gate=Component(name=gate), decoder=Component(name=decoder))
        self.network = CountedNetwork(copy.deepcopy(network()))
        base = self.base = TransformersModel(
            self.network, CharacterTokenizer(), name="tiny", fingerprint="tiny"
        )

        def load(name):
            model = base
            if name in ADAPTERS:
                model = adapted(base, matrices(ADAPTERS.index(name)), name=name)
            expert = Expert(name=name, model=model, style=PromptStyle.of(model))
            made = assemble(settings, replace(self.common, expert=expert))
            made = replace(made, max_new_tokens=6, batch_size=16)
            return Loaded(made if change is None else change(made))

        def member(name):
            return Member(
                name=name,
                load=lambda _, name=name: load(name),
                over=None if apart else "weights",
                card=Card(name=name, kind="local", model=name, abilities=base.abilities),
            )

        weights = Member(name="weights", load=lambda _: Loaded(base))
        pool = Pool([weights, *(member(name) for name in EVERYBODY)])
        more = {"router": ByName(), "router_name": "test", **more}
        return PooledOrchestrator(pool=pool, **more)

    def passes(self, service, questions, ask=None):
        """The shapes of all passes of the second of two equal requests: prefixes are kept."""
        service.answer(questions, ask)
        self.network.read.clear()
        service.answer(questions, ask)
        return list(self.network.read)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return House(tmp_path_factory.mktemp("sharing"))


def told(answers):
    """What is the same whenever it is asked: everything but the times."""
    return [{k: v for k, v in one.to_json().items() if k != "timings_ms"} for one in answers]


def alike(one, other):
    """Whether two documents are equal, but for the last digit of rounded figures."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float):
        return one == pytest.approx(other, abs=2e-4)
    return one == other


def test_eight_questions_over_four_adapters_take_the_passes_of_one(house):
    passes = house.passes(house.service(), EIGHT)
    prefills = [shape for shape in passes if shape[1] > 1]
    steps = [shape for shape in passes if shape[1] == 1]
    assert [shape[0] for shape in prefills] == [8]
    # The first of six tokens comes with the prompts.
    assert steps[0][0] == 8
    assert len(steps) <= 5

    apart = house.passes(house.service(apart=True), EIGHT)
    assert [shape[0] for shape in apart if shape[1] > 1] == [2, 2, 2, 2]
    assert sum(rows for rows, width in passes if width == 1) == sum(
        rows for rows, width in apart if width == 1
    )


def test_what_is_looked_up_is_read_together_too(house):
    passes = house.passes(house.service("always"), EIGHT)
    questions, *passages = [rows for rows, width in passes if width > 1]
    # Long prompts go through a CPU in several passes, by their lengths and not by their experts.
    assert (questions, sum(passages)) == (8, 8), passes


@pytest.mark.parametrize("gate", ["never", "always", "confidence"])
@pytest.mark.parametrize("decoder", ["plain", "context_aware"])
def test_answers_are_those_of_each_expert_alone(house, gate, decoder):
    together = told(house.service(gate, decoder=decoder).answer(TEN, Ask(tokens=True)))
    apart = told(house.service(gate, decoder=decoder, apart=True).answer(TEN, Ask(tokens=True)))
    for one, other in zip(together, apart, strict=True):
        assert alike(one, other)
    assert [one["route"]["expert"]["name"] for one in together] == [*ADAPTERS * 2, "plain", "plain"]
    assert len({one["answer"] for one in together}) > 3


def test_a_gate_that_asks_for_answers_from_memory_has_them_decoded_together(house):
    passes = house.passes(house.service("confidence"), EIGHT)
    first = next(shape for shape in passes if shape[1] == 1)
    assert first == (8, 1)


def test_what_experts_know_is_not_found_out_again(house):
    answers = [
        told(house.service("confidence", apart=apart, router=SelfKnowledgeRouter()).answer(EIGHT))
        for apart in (False, True)
    ]
    assert all(map(alike, *answers))


def test_whose_gate_breaks_looks_it_up_and_the_others_go_on_together(house):
    def breaking(made):
        return replace(made, gate=Breaking()) if made.expert.name == "news" else made

    together = told(house.service(change=breaking).answer(EIGHT))
    apart = told(house.service(change=breaking, apart=True).answer(EIGHT))
    assert all(map(alike, together, apart))
    for one in (together[1], together[5]):
        assert one["route"]["expert"]["name"] == "news"
        assert "the gate failed (ModelError): it is looked up" in str(one["degraded"])
    assert "the gate failed" not in str(together[0]["degraded"])


def test_who_spoils_a_common_pass_is_found_and_spoils_nobody_elses(house):
    def spoil(made):
        if made.expert.name == "sport":
            # So large that what it adds overflows.
            for _, up in made.expert.model.adapter.matrices.values():
                up.fill_(3e38)
        return made

    heard = []
    answers = house.service(change=spoil).answer(EIGHT, Ask(heard=heard.append))
    plain = house.service(apart=True).answer(EIGHT)
    for row in (0, 1, 3, 4, 5, 7):
        assert alike(told(answers)[row], told(plain)[row])
    assert [answers[row].route.expert.name for row in (2, 6)] == ["law", "law"]
    assert "sport could not answer" in str(answers[2].degraded)
    assert {one.row: one.answer.text for one in heard if isinstance(one, Done)} == {
        row: answer.text for row, answer in enumerate(answers)
    }


def test_words_are_told_of_the_questions_that_they_answer(house):
    heard = []
    answers = house.service().answer(TEN, Ask(heard=heard.append))
    said = [""] * len(TEN)
    for one in heard:
        if isinstance(one, Spoke):
            said[one.row] += one.text
    assert said == [answer.text or "" for answer in answers]
    stages = {row: [one.stage for one in heard if one.row == row] for row in range(len(TEN))}
    for row in range(len(TEN)):
        wanted = ["accept", "accept", "begin", "gate", "route", "retrieve", "policy", "decode"]
        assert list(dict.fromkeys(stages[row])) == [*dict.fromkeys(wanted), "done"]


def test_one_deadline_cuts_all_of_them_short(house):
    # A clock that ticks at every look: the time is over while answers are decoded.
    def service(last):
        ticks = iter(range(10**9))
        return house.service(clock=lambda: float(next(ticks)), answer_seconds=float(last))

    (first,) = {answer.reason for answer in service(1).answer(EIGHT)}
    assert first == "no_knowledge"
    answers = service(40).answer(EIGHT)
    assert len(answers) == 8
    assert any("the deadline of 40 s passed" in str(one.degraded) for one in answers)


def test_who_leaves_stops_the_common_loop(house):
    asked = iter(range(10**9))
    service = house.service()
    with pytest.raises(CancelledError):
        service.answer(EIGHT, Ask(cancelled=lambda: next(asked) > 12))
    # Nothing is held on to: the next request is answered.
    assert len(service.answer(EIGHT[:2])) == 2


def test_more_questions_than_a_batch_are_cut_across_experts(house):
    service = house.service(change=lambda made: replace(made, batch_size=3))
    assert alike(told(service.answer(TEN)), told(house.service(apart=True).answer(TEN)))
    passes = house.passes(house.service(change=lambda made: replace(made, batch_size=4)), EIGHT)
    assert [rows for rows, width in passes if width > 1] == [4, 4]


def test_what_does_not_fit_together_is_answered_one_after_the_other(house):
    service = house.service()
    members = [
        replace(slot.member, bytes=10) if slot.member.card else slot.member
        for slot in service.pool._slots.values()
    ]
    narrow = replace(service, pool=Pool(members, max_bytes=15))
    assert alike(told(narrow.answer(EIGHT)), told(house.service(apart=True).answer(EIGHT)))
