"""What every router among experts promises; a new one is covered without a line here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_outcomes import BETWEEN, CARDS, LAW, NEWS, card, context, lesson, names

from rag_router.artefacts import Artefact
from rag_router.artefacts import Card as ArtefactCard
from rag_router.errors import ArtefactError, DataError, SettingsError
from rag_router.experts.routing import EXPERT_ROUTERS, ExpertRouter
from rag_router.experts.routing.learned import LearnedExpertRouter
from rag_router.experts.routing.loading import METHOD, expert_router, load_expert_router

NAMES = EXPERT_ROUTERS.names()
LEARNED = [n for n in NAMES if issubclass(EXPERT_ROUTERS.get(n), LearnedExpertRouter)]
QUESTIONS = ("of law", "of news", "of both")
SAID = {"lawyer": (0.9, 0.2, 0.5), "reporter": (0.3, 0.8, 0.6)}


def p_know(name, rows):
    return [SAID[name][row] for row in rows]


def taught():
    said = np.array([[0.9, 0.3]] * 20 + [[0.2, 0.8]] * 20)
    return lesson(each=20, p_know=said + np.tile(np.linspace(-0.1, 0.1, 20), 2)[:, None])


def ready(name):
    if name == "oracle":
        right = {"of law": ("lawyer",), "of news": ("reporter",), "of both": ()}
        return EXPERT_ROUTERS.build(name, right=right)
    router = EXPERT_ROUTERS.build(name)
    return router.fit(taught()) if isinstance(router, LearnedExpertRouter) else router


def everything(vectors=(LAW, NEWS, BETWEEN)):
    return context(*vectors, p_know=p_know)


@pytest.mark.parametrize("name", NAMES)
class TestAnyRouter:
    def test_it_ranks_every_candidate_once_and_the_best_first(self, name):
        router = ready(name)
        assert isinstance(router, ExpertRouter)
        for ranking in router.rank(QUESTIONS, CARDS, everything()):
            assert sorted(choice.name for choice in ranking) == ["lawyer", "reporter"]
            assert [c.score for c in ranking] == sorted((c.score for c in ranking), reverse=True)
            assert all(choice.why for choice in ranking)

    def test_a_question_is_ranked_alone_as_in_company(self, name):
        router = ready(name)
        together = router.rank(QUESTIONS, CARDS, everything())
        for row, (question, vector) in enumerate(zip(QUESTIONS, (LAW, NEWS, BETWEEN), strict=True)):
            alone = context(vector, p_know=lambda who, _, row=row: [SAID[who][row]])
            assert router.rank([question], CARDS, alone) == [together[row]]

    def test_a_candidate_that_is_taken_away_changes_nothing_for_the_other(self, name):
        router = ready(name)
        for one in CARDS:
            found = router.rank(QUESTIONS, [one], everything())
            assert names(found) == [[one.name]] * 3

    def test_no_question_has_no_ranking(self, name):
        assert ready(name).rank([], CARDS, context(p_know=p_know)) == []

    def test_it_reads_nothing_that_it_does_not_name(self, name):
        router = ready(name)
        given = everything()
        needed = replace(
            given,
            embeddings=given.embeddings if "embeddings" in router.needs else None,
            p_know=given.p_know if "p_know" in router.needs else None,
        )
        assert names(router.rank(QUESTIONS, CARDS, needed)) == names(
            router.rank(QUESTIONS, CARDS, given)
        )
        if router.needs:
            with pytest.raises(SettingsError, match=r"nobody can tell|there are none"):
                router.rank(QUESTIONS, CARDS, context())


@pytest.mark.parametrize("name", LEARNED)
class TestAnyRouterThatLearns:
    def test_it_is_saved_and_read_back(self, name, tmp_path):
        router = ready(name)
        artefact_of(name, router).save(tmp_path / "router")
        again = load_expert_router(tmp_path / "router", "embedder")
        assert again == router
        assert again.rank(QUESTIONS, CARDS, everything()) == router.rank(
            QUESTIONS, CARDS, everything()
        )
        built = expert_router(name, {"artefact": str(tmp_path / "router")}, fingerprint="embedder")
        assert built == router

    def test_the_same_lesson_teaches_the_same(self, name):
        router = EXPERT_ROUTERS.build(name)
        assert router.fit(taught()) == router.fit(taught())

    def test_an_expert_it_has_learned_nothing_of_is_named(self, name):
        with pytest.raises(SettingsError, match="learned nothing of 'poet'; it knows lawyer"):
            ready(name).rank(QUESTIONS, [*CARDS, card("poet")], everything())

    def test_too_few_experts_or_questions_are_told(self, name):
        router = EXPERT_ROUTERS.build(name)
        with pytest.raises(DataError, match="two experts or more; saw lawyer"):
            router.fit(replace(taught(), experts=("lawyer",), right=np.ones((40, 1))))
        with pytest.raises(DataError, match="4 questions are too few"):
            router.fit(taught().rows(np.arange(4)))

    def test_an_embedding_that_is_no_number_is_told(self, name):
        broken = taught()
        vectors = broken.vectors.copy()
        vectors[3, 0] = np.nan
        with pytest.raises(DataError, match="an embedding of a question is not finite"):
            EXPERT_ROUTERS.build(name).fit(replace(broken, vectors=vectors))


def artefact_of(name, router):
    card_ = ArtefactCard(
        method=f"{METHOD}{name}",
        model="all-minilm",
        model_fingerprint="embedder",
        notes=router.options,
    )
    return Artefact(card=card_, weights=router.learned)


def test_a_router_is_bound_to_the_embedder_whose_vectors_it_reads(tmp_path):
    artefact_of("neighbours", ready("neighbours")).save(tmp_path / "router")
    with pytest.raises(ArtefactError, match="the model in use is another"):
        load_expert_router(tmp_path / "router", "another")
    # One that reads none is bound to none.
    artefact_of("best_single", ready("best_single")).save(tmp_path / "best")
    assert load_expert_router(tmp_path / "best", "another") == ready("best_single")


def test_an_artefact_of_another_router_is_refused(tmp_path):
    artefact_of("neighbours", ready("neighbours")).save(tmp_path / "router")
    with pytest.raises(ArtefactError, match="fitted for the router 'neighbours'"):
        expert_router("domain", {"artefact": tmp_path / "router"})
    other = ArtefactCard(method="gate/p_ik", model="m", model_fingerprint="f")
    Artefact(card=other, weights={"a": np.zeros(1)}).save(tmp_path / "gate")
    with pytest.raises(ArtefactError, match="holds gate/p_ik, which is no router among experts"):
        load_expert_router(tmp_path / "gate", None)


def test_an_artefact_that_lacks_what_is_learned_is_told(tmp_path):
    bare = ArtefactCard(method=f"{METHOD}neighbours", model="m", model_fingerprint="f")
    Artefact(card=bare, weights={"seen": np.zeros((2, 3))}).save(tmp_path / "bare")
    with pytest.raises(ArtefactError, match="does not hold what the router 'neighbours' learns"):
        load_expert_router(tmp_path / "bare", "f")


def test_an_embedding_of_another_width_is_told():
    with pytest.raises(DataError, match="2 numbers were given to a router that learned from 3"):
        ready("neighbours").rank(["a"], CARDS, context((1.0, 0.0)))


def test_a_router_that_was_not_fitted_says_how_to_fit_it():
    with pytest.raises(SettingsError, match="has not learned anything yet") as caught:
        EXPERT_ROUTERS.build("domain").rank(["a"], CARDS, context(LAW))
    assert "route fit-generators domain" in caught.value.hint
