"""What an evaluation keeps of answers, what it depends on, and what a run that dies leaves."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from little_house import CORPORA, write_jsonl
from stand_ins import ListIndex, passage, question
from watched import WatchedModel, expert_of, with_passages

from rag_router.decoders.confidence_gain import ConfidenceGainDecoder
from rag_router.decoders.plain import PlainDecoder
from rag_router.errors import ModelError
from rag_router.eval.answering import Record, answer_questions
from rag_router.filters.threshold import ThresholdFilter
from rag_router.gates.confidence import ConfidenceGate
from rag_router.gates.never import NeverGate
from rag_router.indices import Library
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.orchestrator import Ask, Orchestrator
from rag_router.outcomes import RecordCache
from rag_router.policy import Policy, Sureness
from rag_router.retrievers import RETRIEVERS

TIBER = "The Tiber is the river of Rome."
INDEX = ListIndex([TIBER, "Honey is made by bees."], name="wiki")
KNOWN = question("who wrote hamlet", "known", answers=("Shakespeare",))
UNKNOWN = question("what is the river of Rome", "unknown", answers=("Tiber",))
TEN = [question(f"who wrote play number {n}", str(n), answers=("Shakespeare",)) for n in range(10)]
NEVER, ALWAYS = Ask(retrieval="never"), Ask(retrieval="always")


def script(prompt):
    asked = prompt.rpartition("Question: ")[2]
    if "wrote" in asked:
        return Reply("Shakespeare", 0.8 if with_passages(prompt) else 0.95)
    if "river of Rome" in asked:
        return Reply("Tiber", 0.95) if TIBER in prompt else Reply("Nile", 0.15)
    return Reply("no idea", 0.2)


def service(model=None, **more):
    parts = {
        "expert": expert_of(model or WatchedModel(script)),
        "gate": ConfidenceGate(threshold=0.5, curve=(1.0, 0.0, 0.0)),
        "decoder": PlainDecoder(),
        "retriever": RETRIEVERS.build("sparse", k=2),
        "indices": {"wiki": INDEX},
        "embedder": HashingEmbedder(),
        "filters": (ThresholdFilter(min_support=0.5, curve=(8.0, -2.0)),),
        "sureness": Sureness(curve=(0.0, 0.0, 1.0, 0.0)),
        "batch_size": 2,
    }
    return Orchestrator(**(parts | more))


@pytest.fixture
def cache(tmp_path):
    cache = RecordCache(tmp_path / "outcomes.sqlite")
    yield cache
    cache.close()


# --- what is kept -------------------------------------------------------------------------------


def test_a_record_is_what_the_service_said_and_what_it_cost():
    (record,) = answer_questions(service(), [UNKNOWN], ALWAYS)
    (said,) = service().answer([UNKNOWN], ALWAYS)
    assert (record.answer, record.reason) == ("Tiber", "contextual")
    assert (record.p_know, record.confidence) == (said.knowledge.p_know, said.confidence)
    assert (record.retrieve, record.wanted) == (True, True)
    assert record.passages == ("wiki-0",)
    # Memory: the question and the four letters of Nile; passages: the question and Tiber.
    assert record.lm_forward_passes == (1 + 4) + (1 + 5)
    assert (record.prompt_tokens, record.completion_tokens) == (said.usage.prompt_tokens, 5)
    assert record.retriever_calls == 1
    assert record.ms > 0


def test_what_the_gate_advised_is_kept_beside_what_was_done():
    never, always = (answer_questions(service(), [KNOWN, UNKNOWN], ask) for ask in (NEVER, ALWAYS))
    assert [one.wanted for one in never] == [one.wanted for one in always] == [False, True]
    assert [one.retrieve for one in never] == [False, False]
    assert [one.retrieve for one in always] == [True, True]


def test_an_abstention_is_kept_as_one(cache):
    for _ in range(2):
        (record,) = answer_questions(service(), [UNKNOWN], NEVER, cache=cache)
        assert (record.answer, record.reason) == (None, "no_knowledge")


def test_a_batch_s_time_is_shared_by_its_questions():
    record = Record.of(
        replace(service().answer([KNOWN])[0], timings_ms={"total": 12.0}), together=4
    )
    assert record.ms == 12 / 4


def test_a_record_comes_back_from_json_as_it_was():
    gate = ConfidenceGate(threshold=0.5)  # not fitted, which the answer says
    (record,) = answer_questions(service(gate=gate), [UNKNOWN], ALWAYS)
    assert record.passages
    assert record.degraded
    assert Record.from_json(json.loads(json.dumps(asdict(record)))) == record


def test_records_come_in_the_order_of_the_questions_and_equal_ones_are_asked_once():
    model = WatchedModel(script)
    asked = [UNKNOWN, KNOWN, replace(UNKNOWN, id="again")]
    said = answer_questions(service(model), asked, NEVER)
    assert [one.answer for one in said] == [None, "Shakespeare", None]
    assert model.read(UNKNOWN.text) == 1


def test_no_questions_are_no_records(cache):
    assert (
        answer_questions(service(WatchedModel(script, lasts=0)), [], cache=cache, ask=Ask()) == []
    )


# --- going on -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("ask", "prefills"), [(NEVER, 1), (ALWAYS, 2)])
def test_a_run_that_dies_loses_no_more_than_the_batch_it_was_at(cache, ask, prefills):
    # Ten questions in batches of two. The model breaks down in the fourth batch.
    dying = WatchedModel(script, lasts=4 * prefills - 1)
    plays = {"indices": {"plays": ListIndex(["Shakespeare wrote each play."])}, "filters": ()}
    with pytest.raises(ModelError, match="out of memory"):
        answer_questions(service(dying, **plays), TEN, ask, cache=cache)
    model = WatchedModel(script)
    resumed = answer_questions(service(model, **plays), TEN, ask, cache=cache)
    assert len(model.prompts) == prefills * (10 - 3 * 2)
    fresh = answer_questions(service(**plays), TEN, ask)
    assert [replace(one, ms=0) for one in resumed] == [replace(one, ms=0) for one in fresh]


@pytest.mark.parametrize("retrieval", ["never", "always", "auto"])
def test_the_same_questions_again_ask_the_model_for_nothing(cache, retrieval):
    ask = Ask(retrieval=retrieval)
    asked = [*TEN, KNOWN, UNKNOWN]
    first = answer_questions(service(), asked, ask, cache=cache)
    broken = service(WatchedModel(script, lasts=0))
    assert answer_questions(broken, asked, ask, cache=cache) == first
    # Less of it, and in another order.
    assert answer_questions(broken, asked[::-2], ask, cache=cache) == first[::-2]


def test_only_what_is_new_is_asked(cache):
    answer_questions(service(), TEN[:4], NEVER, cache=cache)
    model = WatchedModel(script)
    answer_questions(service(model), TEN, NEVER, cache=cache)
    assert [model.read(one.text) for one in TEN] == [0] * 4 + [1] * 6


def test_without_a_cache_everything_is_asked_again(cache):
    answer_questions(service(), [KNOWN], NEVER, cache=cache)
    model = WatchedModel(script)
    answer_questions(service(model), [KNOWN], NEVER)
    answer_questions(service(model), [KNOWN], NEVER)
    assert model.read(KNOWN.text) == 2


def test_progress_begins_with_what_is_known_and_ends_with_everything(cache):
    answer_questions(service(), TEN[:3], NEVER, cache=cache)
    heard = []
    answer_questions(
        service(), TEN, NEVER, cache=cache, on_progress=lambda *pair: heard.append(pair)
    )
    # Seven are left: batches of 2, 2, 2 and 1.
    assert heard == [(5, 10), (7, 10), (9, 10), (10, 10)]


# --- what it depends on -------------------------------------------------------------------------

OTHER = WatchedModel(script, name="other")


class Retrained(HashingEmbedder):
    """Another embedder of the same dimension."""

    fingerprint = "another"


CHANGED = {
    "gate's option": {"gate": ConfidenceGate(threshold=0.4, curve=(1.0, 0.0, 0.0))},
    "what the gate learned": {"gate": ConfidenceGate(threshold=0.5, curve=(1.0, 0.0, 0.1))},
    "gate": {"gate": NeverGate()},
    "decoder": {"decoder": ConfidenceGainDecoder()},
    "filter's option": {"filters": (ThresholdFilter(min_support=0.4, curve=(8.0, -2.0)),)},
    "what the filter learned": {"filters": (ThresholdFilter(min_support=0.5, curve=(8.0, -3.0)),)},
    "number of filters": {"filters": ()},
    "retriever": {"retriever": RETRIEVERS.build("dense", k=2)},
    "retriever's option": {"retriever": RETRIEVERS.build("sparse", k=1)},
    "retriever's members": {
        "retriever": RETRIEVERS.build("fused", k=2, members=[RETRIEVERS.build("sparse", k=2)])
    },
    "policy": {"policy": Policy(min_confidence=0.3)},
    "what the decoder learned": {"sureness": Sureness(curve=(0.0, 0.0, 1.0, 0.1))},
    "model": {"expert": expert_of(OTHER)},
    "prompt": {
        "expert": replace(expert_of(WatchedModel(script)), style=PromptStyle(shots=1)),
    },
    "room for passages": {
        "expert": replace(expert_of(WatchedModel(script)), style=PromptStyle(passage_tokens=99)),
    },
    "embedder": {"embedder": Retrained()},
    "proxy": {"proxy": expert_of(OTHER)},
    "length of answers": {"max_new_tokens": 5},
    "seed": {"seed": 1},
    "text of the index": {"indices": {"wiki": ListIndex([TIBER], name="wiki")}},
    "name of the index": {"indices": {"news": INDEX}},
    "number of indexes": {"indices": {"wiki": INDEX, "more": ListIndex(["x"], name="more")}},
}


@pytest.mark.parametrize("what", CHANGED)
def test_what_was_made_otherwise_is_not_taken(cache, what):
    answer_questions(service(), [UNKNOWN], ALWAYS, cache=cache)
    changed = service(**CHANGED[what])
    before = changed.expert.model.prefills
    answer_questions(changed, [UNKNOWN], ALWAYS, cache=cache)
    assert changed.expert.model.prefills > before, f"another {what} was answered from the cache"


@pytest.mark.parametrize(
    "ask", [NEVER, Ask(), Ask(retrieval="always", indexes=("wiki",))], ids=repr
)
def test_what_was_asked_for_otherwise_is_not_taken(cache, ask):
    answer_questions(service(), [UNKNOWN], ALWAYS, cache=cache)
    model = WatchedModel(script)
    answer_questions(service(model), [UNKNOWN], ask, cache=cache)
    assert model.prefills


def test_neither_names_nor_gold_answers_change_what_was_said(cache):
    first = answer_questions(service(), [UNKNOWN], ALWAYS, cache=cache)
    same = service(WatchedModel(script, lasts=0), message="Ask the office.")
    other = question(UNKNOWN.text, "another id", answers=("Nile",), meta={"set": "other"})
    assert answer_questions(same, [other], ALWAYS, cache=cache) == first


def test_a_published_index_is_told_by_what_is_in_it(tmp_path, cache):
    library, embedder = Library(tmp_path / "home"), HashingEmbedder()

    def asked(model):
        index = library.open("towns", embedder)
        answer_questions(service(model, indices={"towns": index}), [UNKNOWN], ALWAYS, cache=cache)
        index.close()
        return model.prefills > 0

    towns = write_jsonl(tmp_path / "towns.jsonl", CORPORA["towns"])
    library.add("towns", [towns], embedder)
    assert asked(WatchedModel(script))
    assert not asked(WatchedModel(script))
    tiber = write_jsonl(tmp_path / "tiber.jsonl", [{"id": "tiber", "title": "", "text": TIBER}])
    library.add("towns", [tiber], embedder)
    assert asked(WatchedModel(script))


# --- passages of one's own ----------------------------------------------------------------------


def shown(ask, *, model, cache, text=TIBER, title="", id_="mine", **more):
    asked = replace(UNKNOWN, contexts=(passage(text, id_, title),))
    return answer_questions(service(model, **more), [asked], ask, cache=cache)[0]


@pytest.mark.parametrize(
    "other",
    [
        {"text": "The Nile is the river of Rome."},
        {"title": "Rivers"},
        {"id_": "yours"},
    ],
)
def test_without_an_index_the_passages_that_are_shown_count(cache, other):
    nothing = {"indices": {}, "filters": ()}
    first = shown(ALWAYS, model=WatchedModel(script), cache=cache, **nothing)
    assert first.passages == ("mine",)
    again = shown(ALWAYS, model=WatchedModel(script, lasts=0), cache=cache, **nothing)
    assert again == first
    model = WatchedModel(script)
    shown(ALWAYS, model=model, cache=cache, **other, **nothing)
    assert model.prefills


def test_with_an_index_the_passages_that_are_not_shown_do_not_count(cache):
    first = shown(ALWAYS, model=WatchedModel(script), cache=cache, text="One thing.")
    again = shown(ALWAYS, model=WatchedModel(script, lasts=0), cache=cache, text="Another.")
    assert again == first


def test_where_no_index_is_asked_they_are_shown_and_count(cache):
    nowhere = Ask(retrieval="always", indexes=())
    first = shown(nowhere, model=WatchedModel(script), cache=cache, filters=())
    assert (first.answer, first.passages) == ("Tiber", ("mine",))
    model = WatchedModel(script)
    other = shown(nowhere, model=model, cache=cache, text="Bees hum.", filters=())
    assert (other.answer, other.passages) != (first.answer, first.passages)
    assert model.prefills
