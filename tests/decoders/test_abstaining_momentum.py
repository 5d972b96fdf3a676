from __future__ import annotations

import pytest
import torch
from stepping import logits, step

from rag_router.decoders.abstaining import AbstainingDecoder
from rag_router.decoders.abstaining_momentum import AbstainingMomentumDecoder

FLAT, YES = [0.0, 0.0, 0.0, 0.0], logits(0.0, 1.0, 0.0, 0.0)
NULL = {"null_entropy_closed": 1.0, "null_entropy_context": 1.0}
READ = {"closed": [FLAT], "context": [YES], "abstain": [FLAT]}  # w_p = 0, w_c = 1
REMEMBER = {"closed": [YES], "context": [FLAT], "abstain": [FLAT]}  # w_p = 1, w_c = 0


def test_it_reads_all_three_streams():
    assert AbstainingMomentumDecoder().streams == ("closed", "context", "abstain")


def test_the_first_step_is_cdas():
    out = step(AbstainingMomentumDecoder(**NULL), **READ)
    same = step(AbstainingDecoder(**NULL), **READ)
    assert torch.equal(out.scores, same.scores)
    assert out.alpha.tolist() == same.alpha.tolist() == [1.0]


def test_weights_follow_step_by_step():
    decoder = AbstainingMomentumDecoder(momentum=0.75, **NULL)
    first = step(decoder, **READ)
    second = step(decoder, state=first.state, **REMEMBER)
    third = step(decoder, state=second.state, **REMEMBER)
    # w_c: 1, then 3/4 * 1 + 1/4 * 0, then 3/4 * 3/4; w_p: 0, 1/4, 3/4 * 1/4 + 1/4 * 1
    found = [weights[0].tolist() for weights in (first.state, second.state, third.state)]
    assert found == [[0.0, 1.0], [0.25, 0.75], [0.1875 + 0.25, 0.5625]]
    assert [out.alpha.item() for out in (first, second, third)] == [1.0, 0.75, 0.5625]


def test_no_momentum_is_cda():
    first = step(AbstainingMomentumDecoder(momentum=0.0, **NULL), **READ)
    out = step(AbstainingMomentumDecoder(momentum=0.0, **NULL), state=first.state, **REMEMBER)
    assert torch.equal(out.scores, step(AbstainingDecoder(**NULL), **REMEMBER).scores)


def test_rows_that_begin_stand_beside_rows_that_go_on():
    decoder = AbstainingMomentumDecoder(momentum=0.5, **NULL)
    before = step(decoder, **READ).state[0]
    rows = {role: row * 2 for role, row in REMEMBER.items()}
    out = step(decoder, state=[before, None], **rows)
    assert [weights.tolist() for weights in out.state] == [[0.5, 0.5], [1.0, 0.0]]


@pytest.mark.parametrize("options", [{"momentum": 1.0}, {"momentum": -0.1}])
def test_an_impossible_momentum_is_refused(options):
    with pytest.raises(ValueError, match="momentum"):
        AbstainingMomentumDecoder(**options)
