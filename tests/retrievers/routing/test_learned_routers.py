"""What every router that learns promises; a new one is covered without a line here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from clusters import asked, lesson

from rag_router.artefacts import Artefact, Card
from rag_router.errors import ArtefactError, DataError, SettingsError, UnknownNameError
from rag_router.retrievers.routing import ROUTERS, Router
from rag_router.retrievers.routing.learned import LearnedRouter
from rag_router.retrievers.routing.loading import load_router

NAMES = [name for name in ROUTERS if issubclass(ROUTERS.get(name), LearnedRouter)]
COUNTS = {"law": 20, "news": 30, "sport": 15}


def taught(counts=COUNTS, **more):
    """A lesson in which the expert of a field is the one that finds."""
    made = lesson(counts, **more)
    names = (*COUNTS, "wiki")
    found = {
        name: np.array([float(field == name) for field in made.fields])
        for name in names
        if name in counts
    }
    return replace(made, found=found)


@pytest.fixture(params=NAMES)
def router(request):
    return ROUTERS.build(request.param)


@pytest.fixture(params=NAMES)
def fitted(request):
    return ROUTERS.build(request.param).fit(taught())


def test_fields_that_lie_apart_are_told_apart(fitted):
    assert isinstance(fitted, Router)
    assert fitted.knows == ("law", "news", "sport")
    for right, field in enumerate(fitted.knows):
        p = fitted.probabilities(asked(field, 20), fitted.knows)
        assert (p.argmax(axis=1) == right).all()
        assert (p[:, right] > 0.5).mean() > 0.9
        assert ((p >= 0) & (p <= 1)).all()


def test_a_question_goes_where_it_goes_alone_in_company_and_in_any_order(fitted):
    queries = [query for field in COUNTS for query in asked(field, 5)]
    together = fitted.probabilities(queries, fitted.knows)
    alone = [fitted.probabilities([query], fitted.knows)[0] for query in queries]
    assert np.array_equal(together, np.stack(alone))
    assert np.array_equal(together, fitted.probabilities(queries[::-1], fitted.knows)[::-1])


def test_the_experts_that_are_asked_about_change_nothing_for_each_other(fitted):
    queries = asked("law", 3)
    every = fitted.probabilities(queries, ("law", "news", "sport"))
    assert np.array_equal(fitted.probabilities(queries, ("news",))[:, 0], every[:, 1])
    assert fitted.probabilities([], ("law",)).shape == (0, 1)
    assert fitted.probabilities(queries, ()).shape == (3, 0)


def test_adding_an_expert_leaves_what_was_learned_of_the_others(fitted):
    more = fitted.added("wiki", taught({"wiki": 12}))
    assert more.knows == ("law", "news", "sport", "wiki")
    for name, array in fitted.arrays.items():
        assert array.tobytes() == more.arrays[name].tobytes()
    queries = [query for field in more.knows for query in asked(field, 5)]
    assert np.array_equal(
        fitted.probabilities(queries, fitted.knows), more.probabilities(queries, fitted.knows)
    )
    assert (more.probabilities(asked("wiki", 5), more.knows).argmax(axis=1) == 3).all()


def test_an_expert_that_is_added_later_learns_what_it_would_have_from_the_start(router):
    later = router.fit(taught()).added("wiki", taught({"wiki": 12}))
    whole = router.fit(taught({**COUNTS, "wiki": 12}))
    mine = {name for name in whole.arrays if name.startswith("wiki/")}
    assert mine == {name for name in later.arrays if name.startswith("wiki/")}
    for name in mine:
        assert np.array_equal(whole.arrays[name], later.arrays[name]), name


def test_an_expert_can_go_without_a_trace(fitted):
    again = fitted.added("wiki", taught({"wiki": 12})).without("wiki")
    assert again == fitted
    assert fitted.without("law").knows == ("news", "sport")
    with pytest.raises(UnknownNameError, match="no expert named 'lwa'"):
        fitted.without("lwa")


def test_what_cannot_be_added_says_so(router, fitted):
    with pytest.raises(SettingsError, match="'law' is known already"):
        fitted.added("law", taught({"law": 12}))
    with pytest.raises(SettingsError, match="no experts that 'wiki' could be added to"):
        router.added("wiki", taught({"wiki": 12}))


def test_too_few_questions_are_an_error_that_tells_how_many_are_needed(router, fitted):
    with pytest.raises(DataError, match=r"'sport' has 9 labelled questions.*10 are needed"):
        router.fit(taught({**COUNTS, "sport": 9}))
    with pytest.raises(DataError, match=r"'wiki' has 3 labelled questions"):
        fitted.added("wiki", taught({"wiki": 3}))
    with pytest.raises(DataError, match="two experts or more; saw questions of law") as caught:
        router.fit(taught({"law": 20}))
    assert "--data law=FILE" in caught.value.hint


def test_an_embedding_that_is_not_finite_is_an_error(router):
    made = taught()
    made.vectors[3, 2] = np.nan
    with pytest.raises(DataError, match="not finite"):
        router.fit(made)


def test_an_expert_that_nothing_was_learned_of_is_an_error_that_helps(router, fitted):
    with pytest.raises(SettingsError, match="nothing of the expert 'wiki'") as caught:
        fitted.probabilities(asked("law", 1), ("law", "wiki"))
    assert "rag-router route add" in caught.value.hint
    with pytest.raises(SettingsError, match="it knows none"):
        router.probabilities(asked("law", 1), ("law",))


def test_no_more_questions_are_kept_than_asked_for(router):
    kept = replace(router, kept=12).fit(taught({"law": 40, "news": 12}))
    assert {len(kept.arrays[f"{name}/seen"]) for name in kept.knows} == {12}


def test_what_was_learned_comes_back_from_its_artefact(fitted, tmp_path):
    name = next(n for n in NAMES if type(ROUTERS.build(n)) is type(fitted))
    card = Card(
        method=f"router/{name}", model="e", model_fingerprint="f" * 64, notes=fitted.options
    )
    Artefact(card=card, weights=fitted.learned).save(tmp_path / "route")
    assert load_router(tmp_path / "route", "f" * 64) == fitted
    assert not list((tmp_path / "route").glob("*.pkl"))
    with pytest.raises(ArtefactError, match="was fitted on model ffffffffffff"):
        load_router(tmp_path / "route", "0" * 64)
    with pytest.raises(ArtefactError, match="the settings name another one") as caught:
        load_router(tmp_path / "route", None, ROUTERS.build("oracle"))
    assert repr(name) in caught.value.hint


def test_an_artefact_of_something_else_is_refused(tmp_path):
    card = Card(method="gate/p_ik", model="m", model_fingerprint="f" * 64)
    Artefact(card=card, weights={"a": np.zeros(1)}).save(tmp_path / "gate")
    with pytest.raises(ArtefactError, match="holds gate/p_ik, which is no router"):
        load_router(tmp_path / "gate", None)


def test_seeds_change_folds_and_nothing_else():
    one = ROUTERS.build("pilots").fit(taught(seed=0))
    two = ROUTERS.build("pilots").fit(taught(seed=1))
    for field in COUNTS:
        assert np.array_equal(one.arrays[f"{field}/pilots"], two.arrays[f"{field}/pilots"])
        assert np.allclose(one.arrays[f"{field}/curve"], two.arrays[f"{field}/curve"], rtol=0.5)
