from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from rag_router.errors import SettingsError, UnknownNameError
from rag_router.retrievers import RETRIEVERS
from rag_router.retrievers.dense import DenseRetriever
from rag_router.retrievers.fused import FusedRetriever
from rag_router.retrievers.routed import RoutedRetriever
from rag_router.retrievers.routing import RoutingRetriever
from rag_router.retrievers.routing.experts import RetrievalExpert
from rag_router.retrievers.routing.loading import check_experts
from rag_router.retrievers.sparse import SparseRetriever
from rag_router.types import RouteChoice


@dataclass(frozen=True)
class Says:
    """A router that is always of the same opinion."""

    p: dict[str, float]

    @property
    def knows(self):
        return tuple(self.p)

    def probabilities(self, queries, experts):
        if unknown := set(experts) - self.p.keys():
            raise SettingsError(f"nothing is known of {unknown}")
        return np.array([[self.p[name] for name in experts]] * len(queries))


@dataclass(frozen=True)
class Turned:
    """An encoder to which every question points the same way."""

    vector: tuple[float, float]
    name: str = "turned"

    def encode_queries(self, texts):
        return np.array([self.vector] * len(texts), dtype=np.float32)


@pytest.fixture
def places(list_index):
    """Three indexes, each with passages in both directions."""
    return [
        list_index([(f"{name}{n}", "rome", (1, n / 100)) for n in range(5)], name=name)
        for name in ("law", "news", "wiki")
    ]


def routed(p, **options):
    return RoutedRetriever(router=Says(p), member=DenseRetriever(), **options)


def chosen(retriever, query, places):
    return [(c.name, round(c.weight, 4)) for c in retriever.choose([query()], places)[0]]


def test_experts_weigh_by_their_odds_and_unlikely_ones_are_not_visited(query, places):
    # Odds: 0.8 / 0.2 = 4, 0.5 / 0.5 = 1, 0.3 / 0.7 = 0.43; a fifth of the best one's is 0.8.
    retriever = routed({"law": 0.5, "news": 0.8, "wiki": 0.3}, share=0.2)
    assert chosen(retriever, query, places) == [("news", 0.8), ("law", 0.2)]
    hits = retriever.retrieve([query()], places)[0]
    assert {hit.passage.index for hit in hits} == {"news", "law"}


def test_places_are_shared_out_in_proportion_to_the_weights(query, places):
    hits = routed({"law": 0.5, "news": 0.75, "wiki": 0.0}, k=4).retrieve([query()], places)[0]
    # Odds are 3 and 1. The tie of news, 0.75 / 3, and law, 0.25 / 1, is law's by the id.
    assert [(hit.passage.id, hit.score) for hit in hits] == [
        ("news0", 0.75),
        ("news1", 0.375),
        ("law0", 0.25),
        ("news2", 0.25),
    ]
    assert hits[0].why == "news rank 1 (cosine 1.000)"
    assert {hit.retriever for hit in hits} == {"routed"}


def test_what_an_expert_brings_counts_beside_how_likely_it_was(query, list_index):
    near = list_index([("near", "", (1, 0))], name="news")
    far = list_index([("far", "", (0.6, 0.8))], name="law")
    p = {"law": 0.75, "news": 0.5}
    # Odds are 3 and 1, cosines 0.6 and 1: 0.75 e^(5 * -0.4) = 0.1015 against 0.25.
    hits = routed(p, evidence=5.0).retrieve([query()], [far, near])[0]
    assert [hit.passage.id for hit in hits] == ["near", "far"]
    assert hits[0].score == pytest.approx(0.25 / (0.25 + 0.75 * math.exp(-2)))
    hits = routed(p, evidence=0.0).retrieve([query()], [far, near])[0]
    assert [(hit.passage.id, hit.score) for hit in hits] == [("far", 0.75), ("near", 0.25)]


def test_smoothing_says_how_much_the_first_ranks_matter(query, places):
    hits = routed({"law": 0.5, "news": 0.8, "wiki": 0.0}, k=1, smoothing=3.0).retrieve(
        [query()], places
    )[0]
    assert hits[0].score == pytest.approx(0.8 / (3 + 1))


def test_the_general_expert_is_asked_where_no_other_is_likely(query, places):
    p = {"law": 0.3, "news": 0.01}
    retriever = routed(p, general="wiki", confidence=0.5)
    # What the best expert is not likely to answer, 1 - 0.3, is left to the general one.
    assert chosen(retriever, query, places) == [("law", 0.3), ("wiki", 0.7)]
    why = retriever.choose([query()], places)[0][1].why
    assert why == "no expert is likelier than 0.30, and 0.50 is asked for"
    assert chosen(replace(retriever, confidence=0.3), query, places) == [("law", 1.0)]
    assert chosen(replace(retriever, most=1), query, places) == [("wiki", 1.0)]


def test_a_general_expert_that_is_likely_itself_is_not_asked_twice(query, places):
    retriever = routed({"law": 0.3, "news": 0.01, "wiki": 0.4}, general="wiki", share=0.9)
    assert chosen(retriever, query, places) == [("wiki", 1.0)]


def test_no_more_experts_than_wanted_are_visited(query, places):
    p = {"law": 0.6, "news": 0.6, "wiki": 0.6}
    # Equal ones go by their names.
    assert chosen(routed(p, most=2), query, places) == [("law", 0.5), ("news", 0.5)]
    assert len(chosen(routed(p), query, places)) == 3


def test_a_certain_router_is_no_division_by_zero(query, places):
    assert chosen(routed({"law": 1.0, "news": 0.0, "wiki": 0.0}), query, places) == [("law", 1.0)]
    nobody = chosen(routed({"law": 0.0, "news": 0.0, "wiki": 0.0}), query, places)
    assert nobody == [("law", 0.3333), ("news", 0.3333), ("wiki", 0.3333)]


def test_only_what_is_at_hand_is_routed_to(query, places):
    retriever = routed({"law": 0.9, "news": 0.5, "wiki": 0.5}, share=0.01)
    assert chosen(retriever, query, places[1:]) == [("news", 0.5), ("wiki", 0.5)]
    assert retriever.choose([query()], []) == [()]
    assert retriever.retrieve([query()], []) == [[]]


def test_experts_may_share_an_index_and_embed_questions_each_in_its_own_way(query, list_index):
    index = list_index([("east", "", (1, 0)), ("north", "", (0, 1)), ("both", "", (0.8, 0.6))])
    experts = (
        RetrievalExpert(name="plain", indexes=("*",)),
        RetrievalExpert(name="turned", indexes=("list",), encoder=Turned((0.0, 1.0))),
    )
    retriever = routed({"plain": 0.5, "turned": 0.5}, experts=experts, k=3)
    hits = retriever.retrieve([query(vector=(1, 0))], [index])[0]
    # plain: east, both, north; turned: north, both, east. Weights are a half each.
    assert {hit.passage.id: hit.score for hit in hits} == {
        "east": 0.5 / 1 + 0.5 / 3,
        "north": 0.5 / 3 + 0.5 / 1,
        "both": 0.5 / 2 + 0.5 / 2,
    }
    assert hits[0].why.startswith("plain rank 1 (")
    assert "; turned rank 3 (" in hits[0].why
    assert retriever.searches((RouteChoice(name="plain"), RouteChoice(name="turned")), [index]) == 2


def test_an_expert_may_look_in_several_indexes_with_a_retriever_of_its_own(query, places):
    expert = RetrievalExpert(name="both", indexes=("law", "news"), retriever="sparse")
    retriever = routed({"both": 0.9, "wiki": 0.0}, experts=(expert,))
    hits = retriever.retrieve([query("rome")], places)[0]
    assert {hit.passage.index for hit in hits} == {"law", "news"}
    assert "shares rome" in hits[0].why
    # One search in each of two indexes.
    assert retriever.searches(retriever.choose([query()], places)[0], places) == 2


def test_questions_of_one_batch_go_each_its_own_way(query, places):
    @dataclass(frozen=True)
    class ByText:
        knows = None

        def probabilities(self, queries, experts):
            return np.array([[float(q.text == name) for name in experts] for q in queries])

    retriever = RoutedRetriever(router=ByText(), member=DenseRetriever())
    queries = [query(name) for name in ("wiki", "law", "wiki")]
    found = retriever.retrieve(queries, places)
    assert [{hit.passage.index for hit in hits} for hits in found] == [{"wiki"}, {"law"}, {"wiki"}]
    assert found[1] == retriever.retrieve([queries[1]], places)[0]


def test_it_is_written_in_settings_as_in_python():
    built = RETRIEVERS.build(
        "routed",
        router={"name": "neighbours", "neighbours": 3},
        member={"name": "fused", "members": ["sparse"]},
        experts=[{"name": "law", "indexes": ["a", "b"], "retriever": "dense"}],
        general="wiki",
    )
    assert built.router.neighbours == 3
    assert built.member == FusedRetriever(members=(SparseRetriever(k=50),))
    assert built.experts == (
        RetrievalExpert(name="law", indexes=("a", "b"), retriever=DenseRetriever()),
    )
    assert isinstance(built, RoutingRetriever)
    assert not isinstance(DenseRetriever(), RoutingRetriever)


def test_what_is_misspelt_in_settings_is_named():
    with pytest.raises(UnknownNameError, match="no router named 'linaer'"):
        RETRIEVERS.build("routed", router="linaer")
    with pytest.raises(SettingsError, match="neighbors"):
        RETRIEVERS.build("routed", router={"name": "neighbours", "neighbors": 3})
    with pytest.raises(SettingsError, match="two experts are called 'a'"):
        RETRIEVERS.build("routed", experts=[{"name": "a"}, {"name": "a"}])
    with pytest.raises(SettingsError, match="index"):
        RETRIEVERS.build("routed", experts=[{"name": "a", "index": ["b"]}])


def test_experts_that_do_not_fit_are_found_before_anybody_asks(places):
    check_experts(routed({"law": 1, "news": 1, "wiki": 1}), places)
    check_experts(routed({"law": 1, "news": 1}, general="wiki"), places)
    check_experts(RoutedRetriever(), places)
    with pytest.raises(SettingsError, match="nothing of 'wiki'; it knows law, news") as caught:
        check_experts(routed({"law": 1, "news": 1}), places)
    assert "rag-router route add" in caught.value.hint
    with pytest.raises(UnknownNameError, match="no expert named 'wikki'"):
        check_experts(routed({"law": 1, "news": 1}, general="wikki"), places)


def test_what_was_learned_and_not_loaded_is_missed(query, places, tmp_path):
    retriever = RoutedRetriever(artefact=tmp_path / "route")
    with pytest.raises(SettingsError, match="has not been loaded"):
        retriever.retrieve([query()], places)
