"""Which expert was asked, and that gate and router read one embedding of a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from little_router import ALWAYS, INDEX, UNKNOWN, router
from numpy.typing import NDArray
from stand_ins import ListIndex

from rag_router.gates import Gate
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.retrievers.routed import RoutedRetriever
from rag_router.retrievers.sparse import SparseRetriever
from rag_router.signals.question_embedding import QuestionEmbedding
from rag_router.types import Verdict

NEWS = ListIndex(["Bees make honey."], name="news")
INDICES = {"news": NEWS, "wiki": INDEX}


@dataclass(frozen=True)
class Counting:
    """An embedder that remembers what it was asked."""

    inner: HashingEmbedder = field(default_factory=HashingEmbedder)
    asked: list[str] = field(default_factory=list)

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked.extend(texts)
        return self.inner.encode_queries(texts)

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


@dataclass(frozen=True)
class ReadsTheQuestion:
    """A gate that goes by the question's embedding, and always wants to look."""

    queries: tuple[str, ...] = ()
    fitted: bool = True

    @property
    def needs(self):
        return (QuestionEmbedding(),)

    def assess(self, questions, signals):
        assert len(signals.read(QuestionEmbedding())) == len(questions)
        return [Verdict(p_know=0.1, retrieve=True, reason="", queries=self.queries)] * len(
            questions
        )


@dataclass(frozen=True)
class ByWords:
    """A router that sends rivers to wiki and all else to news."""

    knows = None

    def probabilities(self, queries, experts):
        river = [["river" in query.text for query in queries]]
        p = np.where(np.array(river).T, [[0.1, 0.9]], [[0.9, 0.1]])
        return p[:, [("news", "wiki").index(name) for name in experts]]


def routed(**more):
    retriever = RoutedRetriever(router=ByWords(), member=SparseRetriever(), share=0.5)
    return router(retriever=retriever, indices=INDICES, **more)


def test_the_answer_says_which_expert_was_asked_and_why():
    said = routed().answer([UNKNOWN, "who makes honey"], ALWAYS)
    assert [[(c.name, c.weight, c.why) for c in one.route.retrievers] for one in said] == [
        [("wiki", 1.0, "p 0.90")],
        [("news", 1.0, "p 0.90")],
    ]
    assert said[0].text == "Tiber"
    assert said[0].to_json()["route"]["retrievers"] == [
        {"name": "wiki", "weight": 1.0, "why": "p 0.90"}
    ]
    assert {one.hit.passage.index for one in said[1].evidence.judged} == {"news"}
    # One search each, and not one in every index.
    assert [one.usage.retriever_calls for one in said] == [1, 1]


def test_an_unrouted_answer_says_no_why():
    said = router().answer([UNKNOWN], ALWAYS)[0]
    assert said.to_json()["route"]["retrievers"] == [{"name": "sparse", "weight": 1.0}]


def test_gate_router_and_retriever_read_one_embedding():
    embedder = Counting()
    gate: Gate = ReadsTheQuestion()
    said = routed(embedder=embedder, gate=gate).answer([UNKNOWN, "who makes honey"])
    assert embedder.asked == [UNKNOWN, "who makes honey"]
    assert [one.route.retrievers[0].name for one in said] == ["wiki", "news"]


def test_what_a_gate_searches_for_instead_is_routed_each_its_own_way():
    gate = ReadsTheQuestion(queries=("the river", "the honey"))
    said = routed(gate=gate).answer([UNKNOWN])[0]
    assert [choice.name for choice in said.route.retrievers] == ["news", "wiki"]
    assert said.usage.retriever_calls == 2


def test_only_chosen_indexes_are_routed_to():
    from dataclasses import replace

    said = routed().answer([UNKNOWN], replace(ALWAYS, indexes=("news",)))[0]
    assert [choice.name for choice in said.route.retrievers] == ["news"]
