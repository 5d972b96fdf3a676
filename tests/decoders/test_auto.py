"""`auto`: with forests that are written down, so that its alpha can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from forests import leaf, split
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from stepping import NEVER, logits, probabilities, step

from rag_router.artefacts import Artefact, Card
from rag_router.decoders.adaptive_context_aware import AdaptiveContextAwareDecoder
from rag_router.decoders.auto import STRENGTHS, AutoDecoder
from rag_router.decoders.considerations import CASES
from rag_router.models.streams import Facts

CLOSED, CONTEXT = logits(0.5, 0.25, 0.25), logits(0.25, 0.25, 0.5)
KNOWN = Facts(p_know=0.75, support=0.5)

MEMORY, PASSAGES, AMPLIFY, FURTHEST = (
    leaf(*(1.0 if a == b else 0.25 for b in STRENGTHS)) for a in STRENGTHS
)


def decoder(forest, **more):
    """The same forest for every case."""
    return AutoDecoder(**more).with_forests([forest] * len(CASES))


def taken(one, facts=KNOWN, state=None, closed=CLOSED, context=CONTEXT):
    return step(one, closed=[closed], context=[context], facts=[facts], state=state)


def test_it_reads_two_streams_and_both_facts():
    assert AutoDecoder().streams == ("closed", "context")
    assert AutoDecoder().reads == ("p_know", "support")


def test_before_it_is_fitted_it_is_adacad():
    assert not AutoDecoder().fitted
    ours = taken(AutoDecoder())
    theirs = taken(AdaptiveContextAwareDecoder())
    assert ours.alpha.item() == pytest.approx(theirs.alpha.item(), abs=1e-6)
    assert probabilities(ours)[0] == pytest.approx(probabilities(theirs)[0], abs=1e-6)


def test_it_takes_the_strength_that_promises_most():
    assert STRENGTHS == (-1.0, 0.0, 0.5, 1.0)
    for forest, strength in zip((MEMORY, PASSAGES, AMPLIFY, FURTHEST), STRENGTHS, strict=True):
        assert taken(decoder(forest)).alpha.item() == strength


def test_where_nothing_promises_more_the_passages_are_read_as_they_are():
    assert taken(decoder(leaf(0.5, 0.5, 0.5, 0.5))).alpha.item() == 0.0
    assert taken(decoder(leaf(0.5, 0.25, 0.5, 0.25))).alpha.item() == -1.0


def test_scores_by_hand():
    # alpha = 1/2 makes q (q / p)^(1/2): 1/4 (1/2)^(1/2), 1/4 and 1/2 2^(1/2).
    weights = [0.25 * 0.5**0.5, 0.25, 0.5 * 2**0.5]
    total = sum(weights)
    expected = [w / total for w in weights]
    assert probabilities(taken(decoder(AMPLIFY)))[0] == pytest.approx(expected)
    # And -1 makes p, 0 makes q.
    assert probabilities(taken(decoder(MEMORY)))[0] == pytest.approx([0.5, 0.25, 0.25])
    assert probabilities(taken(decoder(PASSAGES)))[0] == pytest.approx([0.25, 0.25, 0.5])


def test_what_is_known_is_gone_by():
    # ln 3 = 1.0986 is the log-odds of 3/4.
    asked = decoder(split("p_know", 1.0, (0.0, 0.0, 0.0, 1.0), (1.0, 0.0, 0.0, 0.0)))
    assert taken(asked, replace(KNOWN, p_know=0.75)).alpha.item() == -1.0
    assert taken(asked, replace(KNOWN, p_know=0.7)).alpha.item() == 1.0


def test_what_is_not_known_asks_another_forest():
    one = AutoDecoder().with_forests([MEMORY, PASSAGES, AMPLIFY, FURTHEST])
    facts = [KNOWN, replace(KNOWN, p_know=None), replace(KNOWN, support=None), Facts()]
    out = step(one, closed=[CLOSED] * 4, context=[CONTEXT] * 4, facts=facts)
    assert out.alpha.tolist() == list(STRENGTHS)


def test_an_answer_keeps_the_strength_that_it_began_with():
    one = decoder(split("agreement", 0.5, (0.0, 0.0, 1.0, 0.0), (1.0, 0.0, 0.0, 0.0)))
    first = taken(one, closed=CONTEXT)
    assert first.alpha.item() == -1.0
    # The streams part now, and would have begun otherwise.
    assert taken(one, state=first.state).alpha.item() == -1.0
    assert taken(one).alpha.item() == 0.5
    both = step(one, closed=[CLOSED] * 2, context=[CONTEXT] * 2, state=[None, *first.state])
    assert both.alpha.tolist() == [0.5, -1.0]


@pytest.mark.parametrize(("reliance", "alpha"), [(1.0, -1.0), (0.5, 0.0), (0.0, 1.5)])
def test_reliance_goes_from_the_furthest_contrast_to_memory(reliance, alpha):
    assert taken(decoder(PASSAGES, reliance=reliance, most=1.5)).alpha.item() == alpha


def test_reliance_weighs_what_the_ends_promise():
    # At 3/4 memory counts three times and contrast a third: 3/4, 1/2 and 1/4 of 0.75 are apart.
    even = leaf(0.25, 0.5, 0.75, 0.0)
    assert taken(decoder(even)).alpha.item() == 0.5
    assert taken(decoder(even, reliance=0.75)).alpha.item() == -1.0
    assert taken(decoder(even, reliance=0.625)).alpha.item() == 0.0


def test_trust_caps_what_goes_beyond_the_passages_and_nothing_else():
    far = decoder(FURTHEST)
    assert taken(far, replace(KNOWN, trust=0.25)).alpha.item() == 0.25
    assert taken(far, replace(KNOWN, trust=0.0)).alpha.item() == 0.0
    assert taken(decoder(MEMORY), replace(KNOWN, trust=0.0)).alpha.item() == -1.0


def test_what_was_learned_travels_in_an_artefact():
    one = AutoDecoder().with_forests([MEMORY, PASSAGES, AMPLIFY, FURTHEST])
    card = Card(method="decoder/auto", model="m", model_fingerprint="f")
    back = AutoDecoder(reliance=0.25).with_artefact(Artefact(card=card, weights=one.learned))
    assert back == replace(one, reliance=0.25)
    assert back.fitted


@pytest.mark.parametrize(
    "changed",
    [
        {"share": np.zeros((3, 2), dtype=np.float16)},
        {"roots": np.array([3], dtype=np.int32)},
        {"roots": np.zeros(0, dtype=np.int32)},
        {"right": np.array([0, 0, 0], dtype=np.int16)},
        {"right": np.array([3, 0, 0], dtype=np.int16)},
        {"column": np.array([99, -1, -1], dtype=np.int8)},
        {"limit": np.zeros(2, dtype=np.float32)},
    ],
)
def test_trees_that_lead_nowhere_are_refused(changed):
    one = split("support", 0.0, (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
    weights = dict(decoder(one).learned)
    weights |= {f"2.{name}": array for name, array in changed.items()}
    card = Card(method="decoder/auto", model="m", model_fingerprint="f")
    with pytest.raises(ValueError, match=r"trees that lead nowhere|shares of shape"):
        AutoDecoder().with_artefact(Artefact(card=card, weights=weights))


def test_options_out_of_range_are_refused():
    for wrong in ({"most": 0.0}, {"reliance": 1.5}):
        with pytest.raises(ValidationError):
            AutoDecoder(**wrong)


def test_an_artefact_without_forests_is_refused():
    card = Card(method="decoder/auto", model="m", model_fingerprint="f")
    with pytest.raises(KeyError, match=r"0\.roots"):
        AutoDecoder().with_artefact(Artefact(card=card, weights={"curve": np.zeros(4)}))


ROW = st.lists(
    st.one_of(st.floats(-20, 20, width=32), st.just(NEVER)), min_size=5, max_size=5
).filter(lambda row: max(row) > NEVER)
P = st.one_of(st.none(), st.floats(0, 1))
ROWS = st.lists(
    st.tuples(ROW, ROW, st.builds(Facts, p_know=P, support=P, trust=st.floats(0, 1))),
    min_size=1,
    max_size=4,
)
ANY = AutoDecoder().with_forests(
    [
        split("divergence", 0.25, (0.5, 0.25, 1.0, 0.0), (1.0, 0.0, 0.5, 0.25)),
        split("entropy_context", 0.5, (0.0, 0.25, 0.0, 1.0), (0.0, 1.0, 0.5, 0.25)),
        split("memory_beside", -2.0, (1.0, 0.25, 0.0, 0.0), (0.0, 0.0, 0.5, 1.0)),
        split("margin_closed", 0.5, (0.0, 0.25, 0.5, 0.0), (1.0, 0.0, 0.5, 0.25)),
    ]
)


@given(rows=ROWS)
def test_fitted_rows_are_bounded_and_the_same_alone_and_in_company(rows):
    closed, context, facts = (list(part) for part in zip(*rows, strict=True))
    out = step(ANY, closed=closed, context=context, facts=facts)
    assert ((out.alpha >= -1) & (out.alpha <= ANY.most)).all()
    assert not torch.isnan(out.scores).any()
    for n, row in enumerate(rows):
        alone = step(ANY, closed=[row[0]], context=[row[1]], facts=[row[2]])
        assert torch.equal(alone.alpha, out.alpha[[n]])
