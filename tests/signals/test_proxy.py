"""What the proxy and the embedder make of a question, and what asking them costs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from models.tiny import tiny_model
from stand_ins import question

from rag_router.errors import DataError, SettingsError
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.signals import Board, Cost, Partners, is_dear, requirements
from rag_router.signals.proxy_answer import ProxyAnswer
from rag_router.signals.proxy_pass import ProxyPass
from rag_router.signals.question_embedding import QuestionEmbedding

STYLE = PromptStyle(shots=0)
BIG = ScriptedModel({}, name="big")
PROXY = ScriptedModel({"rome": Reply("old", 0.9, 2.0)}, otherwise=Reply("no", 0.5), name="small")
EMBEDDER = HashingEmbedder(dimension=16)


def board(*texts, **more):
    partners = Partners(proxy=(PROXY, STYLE), embedder=EMBEDDER)
    return Board(BIG, STYLE, [question(text) for text in texts], partners=partners, **more)


def test_the_proxy_is_read_and_not_the_judged_model():
    rome, oslo = board("rome", "oslo").read(ProxyPass(), [0, 1])
    assert rome.fingerprint == oslo.fingerprint == PROXY.fingerprint
    # Component 0 is the script's sureness; layers 0 to 2 of width 8.
    assert (rome.hidden.shape, rome.hidden[-1, 0], oslo.hidden[-1, 0]) == ((3, 8), 2.0, 0.0)


def test_the_entropy_is_that_of_the_first_token():
    nats = board("oslo").read(ProxyPass(), [0])[0].entropy_nats
    # "n" has 0.5, and 257 other tokens share the other half.
    assert nats == pytest.approx(-0.5 * math.log(0.5) - 0.5 * math.log(0.5 / 257), abs=1e-4)


def test_the_pass_costs_every_token_of_its_prompt():
    facts = board("rome")
    prompt = facts.read(ProxyPass(), [0])[0].prompt
    assert facts.cost(0) == Cost(prefill_tokens=len(prompt.ids), forward_rows=1)


def test_the_answer_costs_its_steps_beside_the_pass():
    facts = board("rome")
    answer = facts.read(ProxyAnswer(8), [0])[0]
    assert answer.text == "old"
    assert [math.exp(token.logprob) for token in answer.tokens] == pytest.approx([0.9] * 3)
    tokens = len(facts.read(ProxyPass(), [0])[0].prompt.ids)
    # The first letter comes from the pass; two more letters and the end are three steps.
    assert facts.cost(0) == Cost(prefill_tokens=tokens, decode_steps=3, forward_rows=1 + 3)


def test_an_embedding_is_the_embedders_and_costs_no_tokens():
    facts = board("rome")
    embedded = facts.read(QuestionEmbedding(), [0])[0]
    assert embedded.vector.tolist() == EMBEDDER.encode_queries(["rome"])[0].tolist()
    assert embedded.fingerprint == EMBEDDER.fingerprint
    assert facts.cost(0) == Cost()


def test_what_they_require_are_partners_and_nothing_of_the_judged_model():
    wanted = requirements([ProxyPass(), ProxyAnswer(), QuestionEmbedding()])
    assert (wanted.partners, wanted.abilities) == ({"proxy", "embedder"}, set())
    assert [is_dear(s) for s in (ProxyPass(), ProxyAnswer(), QuestionEmbedding())] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("signal", "missing"), [(ProxyPass(), "proxy"), (QuestionEmbedding(), "embed")]
)
def test_without_a_partner_it_says_who_is_missing(signal, missing):
    with pytest.raises(SettingsError, match=missing):
        Board(BIG, STYLE, [question("rome")]).read(signal, [0])


def test_questions_are_read_alone_and_in_company_alike():
    texts = ["rome", "oslo", "a much longer question than the others"]
    together = board(*texts).read(ProxyAnswer(8), [0, 1, 2])
    alone = [board(text).read(ProxyAnswer(8), [0])[0] for text in texts]
    assert [one.tokens for one in together] == [one.tokens for one in alone]


def test_a_real_network_is_a_proxy_too():
    proxy = tiny_model("llama")
    facts = Board(
        BIG, STYLE, [question("hm?")], partners=Partners(proxy=(proxy, PromptStyle(shots=0)))
    )
    one = facts.read(ProxyPass(), [0])[0]
    assert one.hidden.shape == (5, 32)
    assert 0 < one.entropy_nats < math.log(proxy.vocabulary_size)
    said = facts.read(ProxyAnswer(3), [0])[0]
    assert facts.cost(0).decode_steps == said.forward_rows <= 3


def test_broken_hidden_states_are_an_error_that_names_the_questions():
    class Broken(ScriptedModel):
        def _hidden(self, memory):
            states = super()._hidden(memory)
            return torch.where(states == 2.0, torch.nan, states)

    proxy = Broken({"rome": Reply("old", 0.9, 2.0)})
    asked = [question("oslo", "a"), question("rome", "b")]
    facts = Board(BIG, STYLE, asked, partners=Partners(proxy=(proxy, STYLE)))
    with pytest.raises(DataError, match="not finite for 'b'"):
        facts.read(ProxyPass(), [0, 1])
    assert np.isfinite(facts.read(ProxyPass(), [0])[0].hidden).all()
