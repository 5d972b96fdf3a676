from __future__ import annotations

import math

import numpy as np
import pytest
from stand_ins import WORDS, hit, judged

from rag_router.artefacts import Card
from rag_router.errors import DataError
from rag_router.filters.clues import CLUES
from rag_router.filters.learned import LearnedFilter
from rag_router.filters.studying import StudyingFilter
from rag_router.types import Judged

CARD = Card(method="filter/learned", model="e", model_fingerprint="f", threshold=0.3)


def lesson(questions=60, passages=5, *, found=True, similar=True):
    """Passages that help where they hold what is asked; everything else is noise."""
    random = np.random.default_rng(1)
    columns = random.uniform(0, 1, (questions * passages, len(CLUES)))
    helpful = columns[:, CLUES.index("held")] > 0.7
    if not found:
        columns[:, : CLUES.index("cosine")] = math.nan
    if not similar:
        columns[:, : CLUES.index("held")] = math.nan
    return columns, helpful, np.repeat(np.arange(questions), passages)


@pytest.fixture(scope="module")
def fitted():
    return LearnedFilter().study(*lesson())


def test_it_learns_from_many_figures_and_says_so(fitted):
    assert isinstance(fitted, StudyingFilter)
    assert fitted.fitted
    assert not LearnedFilter().fitted


def test_what_helped_before_gets_support_and_the_rest_does_not(fitted):
    columns, helpful, _ = lesson()
    p = np.array([fitted.support(figure) for figure in fitted.figures_of(columns)])
    assert p[helpful].min() > p[~helpful].max()
    assert p.mean() == pytest.approx(helpful.mean(), abs=0.05)


def test_a_passage_is_judged_by_the_head_that_knows_its_clues(fitted):
    # Without ranks, and without cosines, the same is learned and said by the other heads.
    for lacking in ({"found": False}, {"similar": False}):
        columns, helpful, _ = lesson(**lacking)
        said = np.array(fitted.figures_of(columns))
        assert said[helpful].min() > said[~helpful].max()
    nothing = np.full((1, len(CLUES)), math.nan)
    assert math.isnan(fitted.figures_of(nothing)[0])


def test_a_head_for_what_never_occurs_is_not_grown():
    columns, helpful, owner = lesson(found=False)
    heads = {name.split(".")[0] for name in LearnedFilter().study(columns, helpful, owner).arrays}
    assert heads == {"rarity", "similar", "text"}


def test_it_learns_where_every_question_has_a_passage_that_helps():
    columns, helpful, owner = lesson()
    lucky = np.isin(owner, owner[helpful])
    fitted = LearnedFilter().study(columns[lucky], helpful[lucky], owner[lucky])
    assert fitted.fitted


def test_it_needs_both_kinds():
    columns, _, owner = lesson()
    with pytest.raises(DataError, match="both classes"):
        LearnedFilter().study(columns, np.zeros(len(columns), dtype=bool), owner)


def test_unfitted_it_ranks_by_words_and_drops_nothing():
    (line,) = LearnedFilter().judge(["who founded Oslo"], [judged("Oslo", "nothing")], WORDS)
    # The first holds one of two words that weigh the same: sigmoid(1/2); the second none.
    assert [one.support for one in line] == pytest.approx([1 / (1 + math.exp(-0.5)), 0.5])
    assert all(one.kept for one in line)
    assert line[0].why.endswith("not calibrated")


def test_what_was_dropped_already_is_neither_judged_nor_compared_with():
    dropped = Judged(hit=hit("who founded Oslo", similarity=0.9), kept=False, why="repeats")
    alone = judged("Oslo")
    (line,) = LearnedFilter().judge(["who founded Oslo"], [[dropped, *alone]], WORDS)
    assert line[0] == dropped
    assert line[1:] == LearnedFilter().judge(["who founded Oslo"], [alone], WORDS)[0]


def test_an_artefact_brings_everything_but_not_over_a_threshold_set_by_hand(fitted):
    artefact = fitted.to_artefact(CARD)
    again = LearnedFilter().with_artefact(artefact)
    columns = lesson()[0]
    assert again.figures_of(columns) == fitted.figures_of(columns)
    assert again.min_support == 0.3
    assert LearnedFilter(min_support=0.6).with_artefact(artefact).min_support == 0.6


def test_words_are_counted_once_for_each_text():
    line = judged("rome rome", "rome oslo", "rome oslo")
    table = LearnedFilter().prepared([line]).rarity
    # Two texts: ln((2 + 1) / (df + 1/2)), in steps of 1/16.
    assert table("rome") == pytest.approx(math.log(3 / 2.5), abs=1 / 32)
    assert table("oslo") == pytest.approx(math.log(3 / 1.5), abs=1 / 32)
