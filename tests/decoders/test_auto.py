"""`auto`: with weights that are written down, so that its alpha can be worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from stepping import NEVER, logits, probabilities, step

from rag_router.artefacts import Artefact, Card
from rag_router.decoders.adaptive_context_aware import AdaptiveContextAwareDecoder
from rag_router.decoders.auto import AutoDecoder
from rag_router.decoders.considerations import CASES, CONSIDERED
from rag_router.models.streams import Facts

CLOSED, CONTEXT = logits(0.5, 0.25, 0.25), logits(0.25, 0.25, 0.5)
KNOWN = Facts(p_know=0.75, support=0.5)


NEVER_SO = -99.0


def line(**weights):
    """A line of weights; names of what is considered, with _ for spaces."""
    found = {name.replace(" ", "_"): 0.0 for name in CONSIDERED} | weights
    assert len(found) == len(CONSIDERED), weights
    return tuple(found.values())


def decoder(keep=None, amplify=None, **more):
    """The same weights for every case; who is not asked says never."""
    asked = [line(**({"always": NEVER_SO} if one is None else one)) for one in (keep, amplify)]
    return AutoDecoder(lines=(tuple(asked),) * len(CASES), **more)


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


def test_alpha_by_hand():
    # sigma(0) = 1/2, and sigma(ln 3) = 3/4 with a p_know of 3/4.
    assert taken(decoder()).alpha.item() == 0.0
    assert taken(decoder(keep={})).alpha.item() == pytest.approx(-0.5)
    assert taken(decoder(keep={"p_know": 1.0})).alpha.item() == pytest.approx(-0.75)
    assert taken(decoder(amplify={})).alpha.item() == pytest.approx(0.5)
    assert taken(decoder(amplify={"p_know": 1.0}, most=2.0)).alpha.item() == pytest.approx(1.5)
    # What is kept is not amplified: 1/2 (1 - 1/2) - 1/2.
    assert taken(decoder(keep={}, amplify={})).alpha.item() == pytest.approx(-0.25)


def test_scores_by_hand():
    # alpha = 1/2 makes q (q / p)^(1/2): 1/4 (1/2)^(1/2), 1/4 and 1/2 2^(1/2).
    weights = [0.25 * 0.5**0.5, 0.25, 0.5 * 2**0.5]
    total = sum(weights)
    assert probabilities(taken(decoder(amplify={})))[0] == pytest.approx(
        [w / total for w in weights]
    )


def test_the_ends_are_memory_the_passages_and_the_furthest_contrast():
    memory = taken(decoder(keep={"always": 99.0}, amplify={"always": 99.0}))
    assert memory.alpha.item() == -1.0
    assert probabilities(memory)[0] == pytest.approx([0.5, 0.25, 0.25])
    assert probabilities(taken(decoder()))[0] == pytest.approx([0.25, 0.25, 0.5])
    assert taken(decoder(amplify={"always": 99.0}, most=1.5)).alpha.item() == pytest.approx(1.5)


def test_what_is_not_known_takes_other_weights():
    cases = [(line(always=float(n)), line(always=NEVER_SO)) for n in (-2, -1, 1, 2)]
    one = AutoDecoder(lines=tuple(cases))
    facts = [
        KNOWN,
        replace(KNOWN, p_know=None),
        replace(KNOWN, support=None),
        Facts(),
    ]
    out = step(one, closed=[CLOSED] * 4, context=[CONTEXT] * 4, facts=facts)
    expected = [-1 / (1 + math.exp(-x)) for x in (-2, -1, 1, 2)]
    assert out.alpha.tolist() == pytest.approx(expected)


def test_the_first_step_is_remembered():
    one = decoder(keep={"first_agreement": 2.0, "later": -1.0})
    first = taken(one, closed=CONTEXT)
    assert first.alpha.item() == pytest.approx(-1 / (1 + math.exp(-2)))
    # The streams part, but they agreed at first: 2 - 1.
    second = taken(one, state=first.state)
    assert second.alpha.item() == pytest.approx(-1 / (1 + math.exp(-1)))
    # And what was first stays what is remembered.
    assert torch.equal(second.state[0], first.state[0])


@pytest.mark.parametrize(("reliance", "alpha"), [(1.0, -1.0), (0.5, -0.25), (0.0, 1.5)])
def test_reliance_goes_from_the_furthest_contrast_to_memory(reliance, alpha):
    # As it was learned: 3/2 of 1/2, not kept by half, less 1/2 is -1/8; with most 1 it is -1/4.
    most = 1.0 if reliance == 0.5 else 1.5
    one = decoder(keep={}, amplify={}, reliance=reliance, most=most)
    assert taken(one).alpha.item() == pytest.approx(alpha)


def test_reliance_moves_the_odds():
    # logit(3/4) = ln 3: memory is kept by 3/4, and passages are amplified by 1/4.
    one = decoder(keep={}, amplify={}, reliance=0.75)
    assert taken(one).alpha.item() == pytest.approx(0.25 * 0.25 - 0.75)


def test_trust_caps_what_goes_beyond_the_passages_and_nothing_else():
    far = decoder(amplify={"always": 99.0}, most=1.5)
    assert taken(far, replace(KNOWN, trust=0.2)).alpha.item() == pytest.approx(0.3)
    assert taken(far, replace(KNOWN, trust=0.0)).alpha.item() == pytest.approx(0.0)
    assert taken(decoder(keep={}), replace(KNOWN, trust=0.0)).alpha.item() == pytest.approx(-0.5)


def test_what_was_learned_travels_in_an_artefact():
    one = AutoDecoder(lines=tuple((line(always=float(n)), line()) for n in range(4)))
    card = Card(method="decoder/auto", model="m", model_fingerprint="f")
    back = AutoDecoder(reliance=0.25).with_artefact(Artefact(card=card, weights=one.learned))
    assert back == replace(one, reliance=0.25)
    assert back.fitted


@pytest.mark.parametrize(
    "shape", [(4, 2, 3), (4, len(CONSIDERED)), (5, 2, len(CONSIDERED)), (4, 1, len(CONSIDERED))]
)
def test_lines_of_another_shape_are_refused(shape):
    card = Card(method="decoder/auto", model="m", model_fingerprint="f")
    with pytest.raises(ValueError, match="lines of shape"):
        AutoDecoder().with_artefact(Artefact(card=card, weights={"lines": np.zeros(shape)}))


def test_options_out_of_range_are_refused():
    for wrong in ({"most": 0.0}, {"reliance": 1.5}, {"lines": (((1.0,), (1.0,)),) * 4}):
        with pytest.raises(ValidationError):
            AutoDecoder(**wrong)


def test_an_artefact_without_lines_is_refused():
    card = Card(method="decoder/auto", model="m", model_fingerprint="f")
    with pytest.raises(KeyError, match="lines"):
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
ANY = AutoDecoder(
    lines=tuple(
        tuple(
            tuple(math.sin(7 * n + case + 5 * head) for n in range(len(CONSIDERED)))
            for head in range(2)
        )
        for case in range(len(CASES))
    )
)


@given(rows=ROWS)
def test_fitted_rows_are_bounded_and_the_same_alone_and_in_company(rows):
    closed, context, facts = (list(part) for part in zip(*rows, strict=True))
    out = step(ANY, closed=closed, context=context, facts=facts)
    assert ((out.alpha >= -1) & (out.alpha <= ANY.most)).all()
    assert not torch.isnan(out.scores).any()
    for n, row in enumerate(rows):
        alone = step(ANY, closed=[row[0]], context=[row[1]], facts=[row[2]])
        assert torch.allclose(alone.alpha, out.alpha[[n]], atol=1e-5)
