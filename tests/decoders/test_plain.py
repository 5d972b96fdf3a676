from __future__ import annotations

import torch

from rag_router.decoders.plain import PlainDecoder
from rag_router.models.streams import Facts, StepInput


def test_it_says_what_follows_the_passages_and_no_more():
    context = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    out = PlainDecoder().step(StepInput({"context": context}, [Facts()] * 2, [None] * 2))
    assert torch.equal(out.scores, context)
    assert (out.alpha, out.state) == (None, None)


def test_it_reads_no_memory():
    assert PlainDecoder().streams == ("context",)
