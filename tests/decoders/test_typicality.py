from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stepping import NEVER, logits, step

from rag_router.decoders.typicality import TypicalityDecoder
from rag_router.models.streams import Facts

ROW = st.lists(st.floats(-20, 20), min_size=5, max_size=5)


def violating(*row, **options):
    found = TypicalityDecoder(**options).violating(torch.tensor([logits(*row)]).log_softmax(-1))
    return found[0].tolist()


def test_it_reads_both_streams():
    assert TypicalityDecoder().streams == ("closed", "context")


def test_bounds_by_hand():
    # q ~ 2.5, 3.33, 12.5, 15, 60, 200: below 4 * 2.5 = 10 the first two, above 200 / 4 = 50 the
    # last two; the tokens between are typical.
    row = [1 / 2.5, 1 / (10 / 3), 1 / 12.5, 1 / 15, 1 / 60, 1 / 200]
    assert violating(*row) == [True, True, False, False, True, True]


def test_a_token_that_is_alone_below_the_lower_bound_is_not():
    # q ~ 1.25, 10, 20, 100: below 4 * 1.25 = 5 only the first, above 100 / 4 = 25 the last.
    assert violating(0.8, 0.1, 0.05, 0.01) == [False, False, False, True]


def test_one_row_with_a_single_token_below_does_not_excuse_another_row():
    rows = torch.tensor([logits(0.8, 0.1, 0.05, 0.01), logits(0.45, 0.44, 0.05, 0.001)])
    found = TypicalityDecoder().violating(rows.log_softmax(-1))
    assert found.tolist() == [[False, False, False, True], [True, True, False, True]]


def test_at_a_bound_of_one_every_token_is_typical_but_those_ruled_out():
    assert violating(0.4, 0.6, 0.0, bound=1.0) == [False, False, True]


def test_typical_tokens_are_the_passages_own_and_violating_ones_contrasted():
    # q ~ 2.5, 2.86, 20, 5.71, 40: below 4 * 2.5 = 10 are three, above 40 / 4 = 10 the other two.
    p, c = [0.2] * 5, [0.4, 0.35, 0.05, 0.175, 0.025]
    out = step(TypicalityDecoder(), closed=[logits(*p)], context=[logits(*c)])
    twice = [2 * b - a for a, b in zip(logits(*p), logits(*c), strict=True)]
    assert out.scores[0].tolist() == pytest.approx(twice, abs=1e-5)
    c = [0.8, 0.08, 0.06, 0.058, 0.002]
    out = step(TypicalityDecoder(), closed=[logits(*p)], context=[logits(*c)])
    expected = [*logits(*c)[:4], 2 * logits(*c)[4] - logits(*p)[4]]
    # q ~ 1.25, 12.5, 16.7, 17.2, 500: the first is alone below 5, the last above 500 / 4 = 125.
    assert out.scores[0].tolist() == pytest.approx(expected, abs=1e-5)


def test_with_another_alpha_typical_tokens_stand_between_memory_and_passages():
    p, c = logits(0.5, 0.3, 0.2), logits(0.7, 0.15, 0.15)
    # q ~ 1.43, 6.67, 6.67: alone below 5.7 is the first; above 6.67 / 4 = 1.67 the other two.
    out = step(TypicalityDecoder(alpha=0.25), closed=[p], context=[c])
    expected = [p[0] + 0.25 * (c[0] - p[0])]
    expected += [b + 0.25 * (b - a) for a, b in zip(p[1:], c[1:], strict=True)]
    assert out.scores[0].tolist() == pytest.approx(expected, abs=1e-5)
    assert out.alpha.tolist() == [0.25]


def test_the_entropy_without_passages_moves_no_bound():
    context = [logits(0.8, 0.1, 0.05, 0.05)]
    sure = step(TypicalityDecoder(), closed=[logits(0.97, 0.01, 0.01, 0.01)], context=context)
    torn = step(TypicalityDecoder(), closed=[[0.0] * 4], context=context)
    # Alone below 4 * 1.25 = 5 is the first; 10 and 20 are above 20 / 4 = 5.
    assert sure.scores[0, 0] == pytest.approx(torn.scores[0, 0].item())


def test_tokens_that_are_ruled_out_move_no_bound_and_stay_ruled_out():
    out = step(
        TypicalityDecoder(),
        closed=[logits(0.2, 0.2, 0.2, 0.4)],
        context=[logits(0.8, 0.1, 0.1, 0.0)],
    )
    assert out.scores[0, 3] == NEVER
    assert out.scores[0, 0] == pytest.approx(logits(0.8)[0], abs=1e-5)


def test_without_trust_no_token_goes_beyond_the_passages():
    p, c = logits(0.2, 0.2, 0.2, 0.4), logits(0.45, 0.44, 0.1, 0.01)
    facts = [Facts(trust=0.0), Facts(trust=1.0)]
    out = step(TypicalityDecoder(), facts=facts, closed=[p] * 2, context=[c] * 2)
    assert out.alpha.tolist() == [0.0, 1.0]
    assert out.scores[0].tolist() == pytest.approx(c, abs=1e-5)
    assert out.scores[1, 0].item() == pytest.approx(2 * c[0] - p[0], abs=1e-5)


def test_without_trust_an_alpha_above_one_takes_no_token_beyond_the_passages_either():
    # The first token stands out, and so is typical; the others violate the upper bound.
    p, c = logits(0.5, 0.3, 0.2), logits(0.7, 0.15, 0.15)
    facts = [Facts(trust=t) for t in (0.0, 0.5, 1.0)]
    rows = {"closed": [p] * 3, "context": [c] * 3}
    first = step(TypicalityDecoder(alpha=3.0), facts=facts, **rows).scores[:, 0].tolist()
    # min(3, 1 + trust (3 - 1)) = 1, 2, 3
    assert first == pytest.approx([p[0] + a * (c[0] - p[0]) for a in (1, 2, 3)], abs=1e-5)


@given(ROW)
def test_streams_that_agree_are_left_as_they_are(row):
    out = step(TypicalityDecoder(), closed=[row], context=[row])
    assert torch.allclose(out.scores, torch.tensor([row]).log_softmax(-1), atol=1e-5)


@given(ROW)
def test_bounds_are_those_of_the_papers_softmax(row):
    """The softmax itself, in double precision, entropies and all."""
    context = torch.tensor([row], dtype=torch.float64).log_softmax(-1)
    q = torch.softmax(-context - 1.5, dim=-1)
    below, above = q < 4 * q.min(), q > q.max() / 4
    if below.sum() == 1:
        below[:] = False
    near = ((q / (4 * q.min()) - 1).abs() < 1e-3) | ((q / (q.max() / 4) - 1).abs() < 1e-3)
    if not near.any():
        found = TypicalityDecoder().violating(context.float())
        assert torch.equal(found, below | above)


@pytest.mark.parametrize("options", [{"bound": 0.0}, {"bound": 1.1}, {"alpha": -1.0}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        TypicalityDecoder(**options)
