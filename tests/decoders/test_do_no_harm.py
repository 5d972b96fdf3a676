from __future__ import annotations

import math

import pytest
import torch
from stepping import NEVER, logits, probabilities, step

from rag_router.decoders.do_no_harm import DoNoHarmDecoder
from rag_router.models.streams import Facts

SURE, TORN, OTHER = logits(0.7, 0.2, 0.1), logits(0.36, 0.34, 0.3), logits(0.1, 0.2, 0.7)


def divergence(p, q):
    m = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    return sum(
        side * math.log(side / middle) / 2
        for one in (p, q)
        for side, middle in zip(one, m, strict=True)
    )


def test_it_reads_both_streams():
    assert DoNoHarmDecoder().streams == ("closed", "context")


def test_where_the_passages_change_little_and_memory_is_sure_memory_speaks_exactly():
    closed, context = [3.0, 1.0, 0.0], [2.9, 1.0, 0.1]
    out = step(DoNoHarmDecoder(), closed=[closed], context=[context])
    assert torch.equal(out.scores, torch.tensor([closed]))
    assert out.alpha.tolist() == [0.0]


def test_where_they_change_much_and_are_sure_they_speak_exactly():
    # margins: 0.7 - 0.2 = 0.5 in both; JSD((0.7, 0.2, 0.1), (0.1, 0.2, 0.7)) = 0.25 > 0.05
    assert divergence([0.7, 0.2, 0.1], [0.1, 0.2, 0.7]) == pytest.approx(0.253, abs=1e-3)
    out = step(DoNoHarmDecoder(), closed=[SURE], context=[OTHER])
    assert torch.equal(out.scores, torch.tensor([OTHER]))
    assert out.alpha.tolist() == [1.0]


def test_where_memory_is_unsure_sure_passages_speak_even_if_they_change_little():
    # margin of memory 0.36 - 0.34 = 0.02 < 0.3, of passages 0.45 - 0.3 = 0.15 >= 0.1
    context = logits(0.45, 0.3, 0.25)
    assert divergence([0.36, 0.34, 0.3], [0.45, 0.3, 0.25]) < 0.05
    out = step(DoNoHarmDecoder(), closed=[TORN], context=[context])
    assert torch.equal(out.scores, torch.tensor([context]))


def test_where_nobody_is_sure_they_are_contrasted():
    p, c = (0.7, 0.2, 0.1), (0.36, 0.34, 0.3)
    out = step(DoNoHarmDecoder(alpha=1.0), closed=[SURE], context=[TORN])
    # JSD 0.068 > 0.05; margin of the passages 0.02 < 0.1; (p^c)^2 / p
    assert divergence(p, c) > 0.05
    ratios = [b * b / a for a, b in zip(p, c, strict=True)]
    assert probabilities(out)[0] == pytest.approx([r / sum(ratios) for r in ratios], abs=1e-5)
    assert out.alpha.tolist() == [1 + 1.0]


def test_thresholds_are_included():
    # Equal streams diverge by 0 <= 0, and a margin of 1/2 is at least 1/2.
    row = logits(0.75, 0.25)
    out = step(DoNoHarmDecoder(tau=0.0, kappa_prior=0.5), closed=[row], context=[row])
    assert out.alpha.tolist() == [0.0]


def test_rows_are_decided_one_by_one():
    rows = {"closed": [SURE, SURE, SURE], "context": [SURE, OTHER, TORN]}
    assert step(DoNoHarmDecoder(), **rows).alpha.tolist() == [0.0, 1.0, 1.5]


def test_only_the_fifty_likeliest_tokens_of_either_stream_are_compared():
    # 50 tokens share 0.9 evenly in both; the 60 of the tail share 0.1 in the one as in the other,
    # but in different places: JSD is 0.1 ln 2 = 0.069 over all tokens, and 0 over the head.
    tail = [0.1 / 30] * 30 + [1e-9] * 30
    closed, context = [0.9 / 50] * 50 + tail, [0.9 / 50] * 50 + tail[::-1]
    assert divergence(closed, context) == pytest.approx(0.1 * math.log(2), abs=1e-4)
    decoder = DoNoHarmDecoder(tau=0.01, kappa_prior=0.0)
    out = step(decoder, closed=[logits(*closed)], context=[logits(*context)])
    assert out.alpha.tolist() == [0.0]
    # A token that is in the head of one stream only is compared.
    out = step(decoder, closed=[logits(*closed)], context=[logits(*reversed(context))])
    assert out.alpha.tolist() != [0.0]


def test_passages_that_are_not_trusted_are_not_amplified():
    out = step(DoNoHarmDecoder(), facts=[Facts(trust=0.0)], closed=[SURE], context=[TORN])
    assert probabilities(out)[0] == pytest.approx([0.36, 0.34, 0.3], abs=1e-6)
    assert out.alpha.tolist() == [1.0]


def test_what_is_ruled_out_stays_so_in_the_stream_that_speaks():
    memory = [3.0, NEVER, 0.0]
    out = step(DoNoHarmDecoder(), closed=[memory], context=[[3.0, -9.0, 0.0]])
    assert out.scores.tolist() == [memory]


@pytest.mark.parametrize(
    "options",
    [{"tau": 0.7}, {"tau": -0.1}, {"kappa_prior": 1.1}, {"kappa_context": -0.1}, {"alpha": -1}],
)
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        DoNoHarmDecoder(**options)
