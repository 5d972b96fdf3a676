"""Every rung of the ladder: told with the answer, and counted."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from fastapi.testclient import TestClient
from kept_service import keeping
from little_house import parts
from little_pool import FRANCE, TWO, House
from said import VALVE, given, problem
from sqlalchemy import text
from watched import expert_of

from rag_router.api.app import create_app
from rag_router.assembly import assemble
from rag_router.decoders.adaptive_contrast import AdaptiveContrastDecoder
from rag_router.errors import RemoteError
from rag_router.models.cross_encoder import Relevance
from rag_router.models.prompts import ABSTENTION
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.retrievers import RETRIEVERS
from rag_router.retrievers.reranked import RerankedRetriever
from rag_router.settings import Settings
from rag_router.types import Hit, Passage, Verdict


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("degraded")
    return assemble(Settings(home=folder / "home"), parts(folder))


@contextmanager
def serving(service):
    with TestClient(create_app(lambda: service)) as client:
        for _ in range(10_000):
            if client.get("/health/ready").status_code == 200:
                break
        yield client


def degraded(client, stage, question=VALVE, **more):
    """What an answer says of a stage, once, after checking that it is counted so often."""
    body = {"question": question, **more}
    (answer,) = given(client.post("/v1/answer", json=body))["answers"]
    said = [note["what"] for note in answer["degraded"] if note["stage"] == stage]
    line = f'rag_router_degraded_total{{stage="{stage}"}} {float(len(said))}'
    assert (line in metrics(client)) is bool(said)
    return answer, said


def metrics(client):
    return client.get("/metrics").text.splitlines()


def fell(rung, times=1):
    """The line of the metrics that says how often something stood in for a part."""
    return f'rag_router_fallbacks_total{{rung="{rung}"}} {float(times)}'


def test_a_gate_that_is_not_fitted_is_said_and_counted(house):
    with serving(house) as client:
        _, said = degraded(client, "gate")
    assert len(said) == 1
    assert said[0].endswith("is not fitted for scripted: p_know is not calibrated")


@dataclass(frozen=True)
class BrokenGate:
    """Fails at every question, or at those that say a word."""

    word: str = ""
    fitted: bool = True
    needs: tuple = ()

    def assess(self, questions, signals):
        if any(self.word in question.text for question in questions):
            raise RuntimeError("no gate today")
        return [Verdict(p_know=0.9, retrieve=False, reason="known")] * len(questions)


def test_where_the_gate_is_down_everything_is_looked_up(house):
    with serving(replace(house, gate=BrokenGate())) as client:
        answer, said = degraded(client, "gate")
        assert fell("gate") in metrics(client)
        body = {"question": VALVE, "retrieval": "never"}
        (never,) = given(client.post("/v1/answer", json=body))["answers"]
    assert said == ["the gate failed (RuntimeError): it is looked up"]
    assert (answer["answer"], answer["knowledge"]["retrieve"]) == ("90 days", True)
    assert answer["knowledge"]["reason"] == said[0]
    # Whoever wants nothing looked up is obeyed all the same.
    assert never["knowledge"]["retrieve"] is False


def test_a_question_that_the_gate_fails_at_takes_no_other_along(house):
    with serving(replace(house, gate=BrokenGate(word="valve"))) as client:
        body = {"questions": [VALVE, FRANCE]}
        valve, france = given(client.post("/v1/answer", json=body))["answers"]
        assert fell("gate") in metrics(client)
    assert (valve["knowledge"]["retrieve"], france["knowledge"]["retrieve"]) == (True, False)
    assert [note["stage"] for note in france["degraded"]] == ["filter"] * len(france["degraded"])


class Blank:
    """An embedder that is down."""

    def __init__(self, other):
        self._other = other

    def __getattr__(self, name):
        return getattr(self._other, name)

    def encode_queries(self, texts):
        raise RuntimeError("no device")


@pytest.mark.parametrize("name", ["fused", "fused_convex", "dense", "sparse"])
def test_where_the_embedder_is_down_words_are_searched_for(house, name):
    retriever = RETRIEVERS.build(name)
    with serving(replace(house, retriever=retriever, embedder=Blank(house.embedder))) as client:
        answer, said = degraded(client, "retrieve", retrieval="always")
        assert fell("dense") in metrics(client)
    assert answer["answer"] == "90 days"
    assert said[0] == "the question could not be embedded: RuntimeError"
    assert [one["id"] for one in answer["passages"]] == ["valve#0"]
    if name.startswith("fused"):
        assert said[1] == "dense was left out: ModelError"
    if name == "dense":
        assert said[1] == "dense failed: ModelError; only words were searched for"


@dataclass(frozen=True)
class BrokenRetriever:
    name: str = "mine"
    calls: int = 1

    def retrieve(self, queries, indices):
        raise RuntimeError("no retriever today")


def test_a_retriever_that_is_down_gives_way_to_words(house):
    with serving(replace(house, retriever=BrokenRetriever())) as client:
        answer, said = degraded(client, "retrieve")
        assert fell("retriever") in metrics(client)
    assert said == ["mine failed: RuntimeError; only words were searched for"]
    assert answer["answer"] == "90 days"
    assert [one["name"] for one in answer["route"]["retrievers"]] == ["sparse"]


class Unsearchable:
    """An index whose files have become unreadable while it was open."""

    name = "handbook"

    def __len__(self):
        return 1

    def __getattr__(self, name):
        raise OSError("input/output error")


def test_where_nothing_can_be_looked_up_the_client_is_told(house):
    broken = replace(house, indices={"handbook": Unsearchable()})
    with serving(broken) as client:
        asked = {"question": VALVE, "retrieval": "always"}
        told = problem(client.post("/v1/answer", json=asked), 503)
    assert told["detail"] == "nothing can be looked up: fused failed: OSError."


class Slow:
    """A cross-encoder for which time passes; it likes the last passage best."""

    name = "slow"

    def __init__(self, seconds):
        self.seconds, self.now = seconds, 0.0

    def clock(self):
        return self.now

    def judge(self, pairs):
        self.now += self.seconds
        return [Relevance(int(passage[-1]) / 10, 9, 9) for _, passage in pairs]


@dataclass(frozen=True)
class Nine:
    """Finds nine passages, p0 first."""

    name: str = "nine"
    calls: int = 1

    def retrieve(self, queries, indices):
        return [[self._hit(n) for n in range(9)] for _ in queries]

    def _hit(self, n):
        passage = Passage(id=f"p{n}", title="", text=f"Passage {n}", index="handbook")
        return Hit(passage=passage, retriever=self.name, score=1 / (n + 1), rank=n + 1)


@pytest.mark.parametrize(("seconds", "late"), [(4.9, False), (5.0, True)])
def test_a_reranker_that_is_slow_is_skipped(house, seconds, late):
    # Nine candidates are two pieces: behind the first, the five seconds have passed or have not.
    slow = Slow(seconds)
    retriever = RerankedRetriever(member=Nine(), encoder=slow, clock=slow.clock)
    with serving(replace(house, retriever=retriever)) as client:
        answer, said = degraded(client, "retrieve", retrieval="always")
        assert (fell("reranker") in metrics(client)) is late
    took = "reranked: not reranked, the cross-encoder took longer than 5 s"
    assert said == [took] * late
    ids = [one["id"] for one in answer["passages"]]
    assert ids == [f"p{n}" for n in (range(8) if late else range(8, 0, -1))]


@dataclass(frozen=True)
class BrokenFilter:
    """Raises whatever it is given."""

    fitted: bool = True

    def judge(self, questions, hits, context):
        raise RuntimeError("no filter today")


def test_a_filter_that_fails_is_left_out(house):
    with serving(replace(house, filters=(BrokenFilter(),))) as client:
        answer, said = degraded(client, "filter")
        assert 'rag_router_filter_failures_total{filter="BrokenFilter"} 1.0' in (
            client.get("/metrics").text
        )
    assert answer["answer"] == "90 days"
    assert any("BrokenFilter" in what for what in said)


class SmallModel(ScriptedModel):
    """Has no memory for more than one row at a step."""

    def step(self, cache, tokens):
        if len(tokens) > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return super().step(cache, tokens)


def test_streams_that_do_not_fit_into_memory_give_way_to_one(house):
    def script(prompt):
        if "calibrated every 90 days" in prompt:
            return Reply("90 days", 0.95)
        return Reply("60 days" if ABSTENTION not in prompt else "40 days", 0.6)

    small = replace(house, expert=expert_of(SmallModel(script)), decoder=AdaptiveContrastDecoder())
    with serving(small) as client:
        answer, said = degraded(client, "decode", retrieval="always")
        assert fell("decoder") in metrics(client)
    assert answer["answer"] == "90 days"
    assert any(what.endswith("without AdaptiveContrastDecoder") for what in said)


class Away:
    """An expert that is not to be had for now."""

    def answer(self, questions, ask=None):
        raise RemoteError("nobody is there.")


class Lonely(House):
    """Experts of which some are away."""

    def __init__(self, folder, *away):
        super().__init__(folder)
        self.away = away

    def alone(self, name):
        return Away() if name in self.away else super().alone(name)


def test_an_expert_that_cannot_answer_gives_way_to_the_next(tmp_path):
    with serving(Lonely(tmp_path, "towns").service(TWO)) as client:
        answer, said = degraded(client, "route", FRANCE, retrieval="never")
        assert fell("expert") in metrics(client)
    assert answer["route"]["expert"]["name"] == "rivers"
    assert said == ["towns could not answer: nobody is there."]


def test_where_no_expert_can_answer_the_client_is_told_when_to_come_again(tmp_path):
    with serving(Lonely(tmp_path, "towns", "rivers").service(TWO)) as client:
        refused = client.post("/v1/answer", json={"question": FRANCE})
    told = problem(refused, 503)
    assert "no expert can answer. towns: nobody is there.; rivers:" in told["detail"]
    assert (told["retryable"], refused.headers["retry-after"]) == (True, "2")


def test_an_answer_that_cannot_be_kept_is_given(tmp_path):
    with keeping(tmp_path) as client:
        with client.app.state.service.resources.database.writing() as session:
            session.execute(text("DROP TABLE traces"))
        answer, said = degraded(client, "trace")
    assert answer["answer"] == "90 days"
    assert said == ["the answer could not be kept"]


def test_a_deadline_that_passes_is_said(house):
    ticks = iter(range(0, 10_000, 5))
    slow = replace(house, answer_seconds=12.0, clock=lambda: float(next(ticks)))
    with serving(slow) as client:
        (answer,) = given(client.post("/v1/answer", json={"question": VALVE}))["answers"]
        assert any("the deadline of 12 s passed" in note["what"] for note in answer["degraded"])
        assert "rag_router_degraded_total" in client.get("/metrics").text
