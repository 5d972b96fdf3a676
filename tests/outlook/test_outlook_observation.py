from __future__ import annotations

import math

import pytest
from outlook_stand_ins import seen

from rag_router.calibration import logit
from rag_router.outlook import Said
from rag_router.outlook.observation import FIGURES, MEMORY, figures_of


def figures(**more):
    return dict(zip(FIGURES, figures_of([seen(**more)])[0].tolist(), strict=True))


def test_the_figures_by_hand():
    found = figures()
    assert found["p_know"] == pytest.approx(logit(0.2))
    assert found["memory_least"] == pytest.approx(logit(0.2))
    assert found["memory_mean"] == pytest.approx(logit(math.sqrt(0.5 * 0.2)))
    assert (found["agreement"], found["divergence"]) == (0.0, 0.3)
    assert found["least"] == found["mean"] == pytest.approx(logit(0.9))
    assert found["support"] == pytest.approx(logit(0.7))
    # It stands in one of two passages, whose sentence holds both words of content.
    assert (found["stands"], found["votes"]) == (1.0, 0.5)
    assert (found["near"], found["covered"], found["names"]) == (1.0, 1.0, 1.0)
    assert found["words"] == pytest.approx(math.log(2))
    assert found["echo"] == 0.0


def test_an_answer_that_stands_nowhere_is_near_nothing():
    found = figures(passages=Said("Nile", (-1.0,)))
    assert (found["stands"], found["votes"], found["near"], found["agreement"]) == (0, 0, 0, 1)


def test_what_nobody_judged_is_neither_likely_nor_unlikely():
    assert figures(support=None)["support"] == 0.0


def test_an_empty_answer_is_not_sure():
    assert figures(passages=Said("", ()))["least"] == pytest.approx(logit(0.0))


def test_what_was_not_read_has_no_figures():
    with pytest.raises(ValueError, match="nothing was read"):
        figures(passages=None)


def test_no_observations_make_an_empty_table_of_the_same_width():
    assert figures_of([]).shape == (0, len(FIGURES))
    assert len(FIGURES) > MEMORY
