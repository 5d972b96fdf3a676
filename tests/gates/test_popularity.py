"""Popular things are remembered."""

from __future__ import annotations

import numpy as np
import pytest
from stand_ins import lesson, question

from rag_router.artefacts import Artefact, Card
from rag_router.errors import DataError
from rag_router.gates import assess
from rag_router.gates.popularity import PopularityGate
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import ScriptedModel
from rag_router.signals import Board, Cost
from rag_router.signals.popularity import EntityPopularity

RANDOM = np.random.default_rng(2)
# Capitals are known from 100 views a month on, occupations from 10,000 on.
NEEDED = {"capital": 2.0, "occupation": 4.0}
VIEWS = RANDOM.uniform(0, 6, size=600)
RELATIONS = ["capital" if n % 2 else "occupation" for n in range(600)]
RIGHT = [
    bool(view + RANDOM.normal(scale=0.5) > NEEDED[relation])
    for view, relation in zip(VIEWS, RELATIONS, strict=True)
]
TOLD = [
    question("?", str(n), meta={"s_pop": 10**view - 1, "prop": relation})
    for n, (view, relation) in enumerate(zip(VIEWS, RELATIONS, strict=True))
]


def board(*questions):
    return Board(ScriptedModel({}), PromptStyle(), questions)


def features(*questions, gate=None):
    gate = gate or PopularityGate()
    return gate.features(questions, board(*questions).signals(range(len(questions)), gate.needs))


def about(views, relation="capital"):
    return question("?", meta={"popularity": views, "relation": relation})


FITTED = PopularityGate().fit(lesson(features(*TOLD), RIGHT))


def test_features_are_whether_it_is_known_the_logarithm_and_the_relation():
    found = features(about(999), about(0, ""), question("?"))
    # log10(1 + 999) = 3; a relation that nobody names is 0.
    assert found[:, :2].tolist() == [[1, 3], [1, 0], [0, 0]]
    assert found[0, 2] > 0
    assert found[1:, 2].tolist() == [0, 0]


def test_the_popular_is_known_and_the_obscure_is_not():
    low, high = assess(FITTED, board(about(3), about(90_000)))
    assert (low.retrieve, high.retrieve) == (True, False)
    assert low.p_know < 0.05 < 0.95 < high.p_know
    assert high.signals["views"] == 90_000


def test_each_relation_has_a_number_of_views_of_its_own():
    # One probability cuts each relation where it was learned to be known: at 10^2 and 10^4.
    for relation, needed in NEEDED.items():
        grid = np.linspace(0, 6, 121)
        p = FITTED.probabilities(features(*(about(10**x - 1, relation) for x in grid)))
        assert grid[int((p >= 0.5).argmax())] == pytest.approx(needed, abs=0.25)


def test_a_relation_that_was_never_seen_lies_between():
    capital, other, occupation = (
        FITTED.probabilities(features(about(1_000, relation)))[0]
        for relation in ("capital", "genre", "occupation")
    )
    assert occupation < other < capital


def test_without_a_known_popularity_it_says_the_prior_and_says_so():
    strangers = [question("?", f"s{n}") for n in range(40)]
    right = [*RIGHT, *([True] * 10 + [False] * 30)]
    gate = PopularityGate().fit(lesson(features(*TOLD, *strangers), right))
    found = assess(gate, board(question("?")))[0]
    # 10 of 40 such questions were right; the share of all counts for ten more.
    assert found.p_know == pytest.approx((10 + 10 * np.mean(right)) / (40 + 10))
    assert found.reason.startswith("nobody says how popular its subject is; the prior p_know 0.")
    assert "views" not in found.signals


def test_until_it_is_fitted_it_says_one_half():
    gate = PopularityGate()
    assert not gate.fitted
    assert [v.p_know for v in assess(gate, board(about(3), question("?")))] == [0.5, 0.5]
    assert assess(gate, board()) == assess(FITTED, board()) == []


def test_views_may_come_from_a_file(tmp_path):
    file = tmp_path / "views.tsv"
    file.write_text("Oslo\t99999\nVik\t2\n")
    gate = PopularityGate(file=str(file)).fit(lesson(features(*TOLD), RIGHT))
    assert gate.needs == (EntityPopularity(str(file)),)
    oslo, vik = assess(gate, board(question("Where is Oslo?"), question("Where is Vik?")))
    assert oslo.p_know > 0.5 > vik.p_know
    assert (oslo.signals["views"], vik.signals["views"]) == (99_999, 2)


def test_it_costs_nothing():
    facts = board(about(3))
    assess(FITTED, facts)
    assert facts.cost(0) == Cost()


def test_it_survives_the_disk_and_a_threshold_set_by_hand_stays(tmp_path):
    about_it = Card(
        method="gate/popularity", model="m", model_fingerprint="f", threshold=0.4, notes={}
    )
    Artefact(card=about_it, weights=FITTED.learned).save(tmp_path / "gate")
    kept = Artefact.load(tmp_path / "gate")
    again = PopularityGate().with_artefact(kept)
    rows = features(*TOLD)
    assert again.probabilities(rows).tolist() == FITTED.probabilities(rows).tolist()
    assert again.threshold == 0.4
    assert PopularityGate(threshold=0.9).with_artefact(kept).threshold == 0.9


def test_features_kept_in_float32_are_judged_alike():
    rows = features(*TOLD[:20])
    kept = rows.astype(np.float32).astype(np.float64)
    assert FITTED.probabilities(kept) == pytest.approx(FITTED.probabilities(rows), abs=1e-5)


def test_where_no_popularity_is_known_nothing_is_learned():
    strangers = [question("?", str(n)) for n in range(10)]
    with pytest.raises(DataError, match="none of 10 questions"):
        PopularityGate().fit(lesson(features(*strangers), [True, False] * 5))


def test_one_class_alone_teaches_nothing_and_broken_features_are_named():
    rows = features(*TOLD)
    with pytest.raises(DataError, match="both classes"):
        PopularityGate().fit(lesson(rows, [False] * 600))
    rows[17, 1] = np.inf
    with pytest.raises(DataError, match="rows 17"):
        PopularityGate().fit(lesson(rows, RIGHT))
