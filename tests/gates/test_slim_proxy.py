"""A small model tells what the big one knows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from models.tiny import tiny_model
from stand_ins import lesson, question

from rag_router.artefacts import Artefact, Card
from rag_router.calibration import auroc
from rag_router.errors import ArtefactError, DataError, SettingsError
from rag_router.gates import FittedGate, assess
from rag_router.gates.blocks import part_blocks
from rag_router.gates.slim_proxy import SlimProxyGate
from rag_router.gates.sources import mark_of
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.signals import Board, Partners, requirements
from rag_router.signals.first_distribution import SHAPE_FIGURES
from rag_router.signals.proxy_answer import ProxyAnswer
from rag_router.signals.proxy_pass import ProxyPass
from rag_router.signals.question_embedding import QuestionEmbedding

STYLE = PromptStyle(shots=0)
EMBEDDER = HashingEmbedder(dimension=32)
NUMBERS = range(120)


def number(prompt):
    return int(prompt.rsplit("item ", 1)[1].split("?")[0])


def proxy_reply(prompt):
    """The proxy feels how well item n is known (n % 10 of 9), and answers accordingly surely."""
    if "item" not in prompt:
        return Reply("red, white and blue", 0.5)
    known = number(prompt) % 10 / 9
    return Reply("yes", 0.3 + 0.6 * known, known)


PROXY = ScriptedModel(proxy_reply, name="small")
TEXTS = [f"What is item {n}?" for n in NUMBERS]
RIGHT = [n % 10 >= 6 for n in NUMBERS]


class Remote:
    """A judged model of which nothing can be seen: whatever is asked of it fails."""

    def __getattr__(self, name):
        raise AssertionError(f"the judged model was asked for {name}")


def board(*texts, proxy=PROXY, embedder=EMBEDDER):
    asked = [question(text, str(n)) for n, text in enumerate(texts)]
    partners = Partners(proxy=(proxy, STYLE), embedder=embedder)
    return Board(Remote(), STYLE, asked, partners=partners, batch_size=64)


def features(gate, *texts, **more):
    facts = board(*texts, **more)
    return gate.features(facts.questions, facts.signals(range(len(texts)), gate.needs))


def fitted(gate=None):
    gate = gate or SlimProxyGate()
    return gate.fit(lesson(features(gate, *TEXTS), RIGHT))


def test_features_are_who_was_asked_and_a_block_for_each_thing_it_reads():
    marks, hidden, shape, confidence, embedding = part_blocks(
        features(SlimProxyGate(max_new_tokens=8), "What is item 9?"), 5
    )
    assert marks[0].tolist() == [mark_of(PROXY.fingerprint), mark_of(EMBEDDER.fingerprint)]
    # Seven depths of eight components; component 0 is the script's sureness, 9 / 9, in each.
    assert (hidden.shape, hidden[0, ::8].tolist()) == ((1, 56), [1.0] * 7)
    assert shape.shape == (1, SHAPE_FIGURES)
    # "yes" at 0.9 a letter: first, least and mean probability are all 0.9.
    assert confidence[0, 1:].tolist() == pytest.approx([*[math.log(0.9 / 0.1)] * 3, 3], abs=1e-4)
    assert embedding[0].tolist() == EMBEDDER.encode_queries(["What is item 9?"])[0].tolist()


def test_it_reads_no_more_than_it_is_told_to():
    gate = SlimProxyGate(reads=("confidence",))
    assert gate.needs == (ProxyPass(), ProxyAnswer(24))
    assert len(part_blocks(features(gate, "What is item 3?"), 2)) == 2
    assert requirements(gate.needs).partners == {"proxy"}


def test_it_asks_partners_and_nothing_of_the_judged_model():
    gate = SlimProxyGate()
    assert gate.needs == (ProxyPass(), ProxyAnswer(24), QuestionEmbedding())
    wanted = requirements(gate.needs)
    assert (wanted.abilities, wanted.partners) == (frozenset(), {"proxy", "embedder"})
    assert len(assess(gate, board(*TEXTS[:3]))) == 3


@pytest.mark.parametrize("reads", [("hidden",), ("confidence",), ("hidden", "confidence")])
def test_it_learns_when_the_big_model_is_right(reads):
    gate = fitted(SlimProxyGate(reads=reads))
    p = gate.probabilities(features(gate, *TEXTS))
    assert auroc(p, RIGHT) > 0.95
    # Items 0 to 9 are known the better the higher their number.
    assert (np.diff(p[:10]) >= 0).all()


def test_until_it_is_fitted_it_says_one_half():
    gate = SlimProxyGate()
    assert not gate.fitted
    assert isinstance(gate, FittedGate)
    assert [v.p_know for v in assess(gate, board(*TEXTS[:2]))] == [0.5, 0.5]


def test_the_proxys_pass_and_answer_are_what_it_costs():
    facts = board("What is item 9?")
    assess(fitted(), facts)
    prompt = facts.read(ProxyPass(), [0])[0].prompt
    cost = facts.cost(0)
    # "yes": two letters after the first, and the end.
    assert (cost.prefill_tokens, cost.decode_steps, cost.forward_rows) == (len(prompt.ids), 3, 4)


def test_what_is_known_is_not_searched_for():
    low, high = assess(fitted(), board("What is item 0?", "What is item 9?"))
    assert (low.retrieve, high.retrieve) == (True, False)
    # An answer of one word is one claim, so that the question says what to look for.
    assert low.queries == ("What is item 0?",)
    assert high.queries == ()


def test_the_claims_of_a_longer_answer_become_queries():
    found = assess(SlimProxyGate(threshold=1.0), board("Which colours?"))[0]
    assert found.queries == (
        "Which colours? red",
        "Which colours? white",
        "Which colours? blue",
    )
    sure = SlimProxyGate(threshold=1.0, known_claim=0.5)
    assert assess(sure, board("Which colours?"))[0].queries == ("Which colours?",)


def test_a_verdict_shows_how_sure_the_proxy_is():
    found = assess(fitted(), board("What is item 9?"))[0]
    assert found.signals["proxy_confidence"] == pytest.approx(0.9)
    assert found.signals["proxy_entropy_nats"] > 0
    assert "score" in found.signals


def test_questions_are_judged_alone_and_in_company_alike():
    gate = fitted()
    together = assess(gate, board(*TEXTS[:5]))
    assert together == [assess(gate, board(text))[0] for text in TEXTS[:5]]
    assert assess(gate, board()) == assess(SlimProxyGate(), board()) == []


def test_it_survives_the_disk_with_its_options(tmp_path):
    gate = fitted(SlimProxyGate(reads=("hidden", "confidence"), components=8))
    card = Card(
        method="gate/slim_proxy",
        model="m",
        model_fingerprint="f",
        threshold=0.4,
        notes={**gate.options, "train": 120},
    )
    Artefact(card=card, weights=gate.learned).save(tmp_path / "gate")
    again = SlimProxyGate().with_artefact(Artefact.load(tmp_path / "gate"))
    assert (again.reads, again.components) == (("hidden", "confidence"), 8)
    assert again.threshold == 0.4
    rows = features(gate, *TEXTS)
    assert again.probabilities(rows).tolist() == gate.probabilities(rows).tolist()


def test_another_proxy_than_it_learned_from_is_an_error():
    gate = fitted()
    other = ScriptedModel(proxy_reply, name="other")
    with pytest.raises(ArtefactError, match="another proxy or embedder"):
        assess(gate, board("What is item 1?", proxy=other))


def test_features_kept_in_float32_are_judged_alike():
    gate = fitted()
    rows = features(gate, *TEXTS)
    kept = rows.astype(np.float32).astype(np.float64)
    assert gate.probabilities(kept) == pytest.approx(gate.probabilities(rows), abs=1e-4)


def test_the_same_lesson_teaches_the_same_gate():
    assert fitted() == fitted()


def test_broken_features_and_one_class_are_errors():
    rows = features(SlimProxyGate(), *TEXTS)
    with pytest.raises(DataError, match="both classes"):
        SlimProxyGate().fit(lesson(rows, [False] * 120))
    rows[[0, 7], 9] = np.nan
    with pytest.raises(DataError, match="rows 0, 7"):
        SlimProxyGate().fit(lesson(rows, RIGHT))


def test_without_a_proxy_it_says_how_to_name_one():
    facts = Board(Remote(), STYLE, [question("?")])
    with pytest.raises(SettingsError, match="proxy") as caught:
        assess(SlimProxyGate(), facts)
    assert "[proxy] model" in caught.value.hint


def test_a_real_network_is_a_proxy_too():
    proxy = tiny_model("llama")
    texts = [f"{n}?" for n in range(40)]
    gate = SlimProxyGate(max_new_tokens=2, components=8)
    rows = features(gate, *texts, proxy=proxy)
    right = rows[:, 7] > np.median(rows[:, 7])  # a component of the hidden state
    learned = gate.fit(lesson(rows, right))
    assert auroc(learned.probabilities(rows), right) > 0.8
