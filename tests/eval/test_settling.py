"""Strategies as rows of one batch, and what is kept of what they said."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from stand_ins import passage, question
from watched import WatchedModel, expert_of

from rag_router.decoders import DECODERS
from rag_router.decoders.abstaining import AbstainingDecoder
from rag_router.decoders.auto import AutoDecoder
from rag_router.decoders.confidence_gain import ConfidenceGainDecoder
from rag_router.decoders.null_prompts import null_entropies
from rag_router.decoders.plain import PlainDecoder
from rag_router.errors import ModelError
from rag_router.eval.disputes import Dispute
from rag_router.eval.settling import measured, ms_per_token, settle
from rag_router.gates.always import AlwaysGate
from rag_router.models.prompts import ABSTENTION
from rag_router.models.scripted import Reply
from rag_router.models.streams import Facts, OneStream
from rag_router.orchestrator import Ask, Orchestrator
from rag_router.outcomes import RecordCache
from rag_router.policy import Policy

CITIES = ("Oslo", "Rome", "Lima", "Paris", "Quito", "Bern", "Accra")


def script(prompt):
    """From memory the first letters are like those of the passage, and surer with each city."""
    asked = prompt.rpartition("Question: ")[2]
    number = next((n for n, city in enumerate(CITIES) if f"city {n}?" in asked), 0)
    if "from its passages" in prompt:
        said = prompt.rpartition("[1] ")[2].split("\n")[0].split()
        return Reply(said[-1].rstrip(".") if said else "x", 0.6)
    return Reply(CITIES[number][:2] + "xyz", 0.2 + 0.1 * number)


def dispute(n, text=None, *, row=None, condition="gold"):
    shown = passage(text or f"It is {CITIES[n]}.", f"p{n}")
    asked = question(f"which is city {n}?", str(n), answers=(CITIES[n],), contexts=(shown,))
    return Dispute(n if row is None else row, asked, condition, (shown,))


SIX = [dispute(n) for n in range(6)]
STRATEGIES = {name: DECODERS.build(name) for name in DECODERS}
PLAIN = {"plain": PlainDecoder()}
ABSTAINING = {"abstaining": AbstainingDecoder(null_entropy_closed=1.0, null_entropy_context=1.0)}


@pytest.fixture
def cache(tmp_path):
    cache = RecordCache(tmp_path / "outcomes.sqlite")
    yield cache
    cache.close()


def settled(strategies=STRATEGIES, model=None, disputes=SIX, **more):
    expert = expert_of(model or WatchedModel(script))
    return settle(strategies, expert, disputes, batch_size=more.pop("batch_size", 2), **more)


# --- what is said -------------------------------------------------------------------------------


def test_plain_decoding_says_what_the_passage_says():
    assert settled(PLAIN) == {"plain": [*CITIES[:6]]}
    assert settled({"memory": OneStream("closed")})["memory"][:2] == ["Osxyz", "Roxyz"]


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_says_what_the_service_says_with_the_same_passages(name):
    strategy = STRATEGIES[name]
    service = Orchestrator(
        expert=expert_of(WatchedModel(script)),
        gate=AlwaysGate(prior=0.25),
        decoder=strategy,
        policy=Policy(abstain=False),
    )
    answers = service.answer([one.question for one in SIX], Ask(retrieval="always"))
    assert {one.reason for one in answers} <= {"contextual", "contrast"}
    facts = [Facts(p_know=0.25)] * 6
    assert settled({name: strategy}, facts=facts)[name] == [one.text or "" for one in answers]


@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_company_changes_nothing(batch_size):
    together = settled()
    assert settled(batch_size=batch_size) == together
    for name, strategy in STRATEGIES.items():
        assert settled({name: strategy}, batch_size=batch_size)[name] == together[name]
    assert settled(disputes=SIX[::-1]) == {name: said[::-1] for name, said in together.items()}
    assert settled(disputes=SIX[4:5]) == {name: said[4:5] for name, said in together.items()}


def test_strategies_do_not_all_say_the_same():
    assert len({tuple(said) for said in settled().values()}) > 1


def test_answers_are_no_longer_than_is_asked_for():
    assert settled(PLAIN, max_new_tokens=2) == {"plain": [city[:2] for city in CITIES[:6]]}


def test_no_disputes_are_no_answers(cache):
    nobody = WatchedModel(script, lasts=0)
    assert settled(PLAIN, nobody, [], cache=cache) == {"plain": []}
    assert settled({}, nobody, cache=cache) == {}


def test_what_no_strategy_asks_for_is_not_read():
    model = WatchedModel(script)
    settled({"memory": OneStream("closed")}, model)
    assert not any("from its passages" in prompt for prompt in model.prompts)
    model = WatchedModel(script)
    settled({**PLAIN, **ABSTAINING}, model, SIX[:1])
    told = [ABSTENTION in prompt for prompt in model.prompts]
    assert told == [False, False, True]


def test_a_strategy_that_is_known_to_every_question_of_a_batch_starts_no_stream(cache):
    settled(ABSTAINING, cache=cache)
    model = WatchedModel(script)
    settled({**PLAIN, **ABSTAINING}, model, cache=cache)
    assert not any(ABSTENTION in prompt for prompt in model.prompts)


# --- what is kept -------------------------------------------------------------------------------


@pytest.mark.parametrize("lasts", [4, 5])
def test_a_run_that_dies_loses_no_more_than_the_batch_it_was_at(cache, lasts):
    # Two prefills for each batch of two: the third batch fails before or between them.
    with pytest.raises(ModelError):
        settled(model=WatchedModel(script, lasts=lasts), cache=cache)
    model = WatchedModel(script)
    assert settled(model=model, cache=cache) == settled()
    # The last two disputes: alone, with passages, and told to abstain.
    assert len(model.prompts) == 3 * (6 - 2 * 2)


def test_what_was_settled_once_asks_the_model_for_nothing(cache):
    first = settled(cache=cache)
    broken = WatchedModel(script, lasts=0)
    assert settled(model=broken, cache=cache) == first
    assert settled(PLAIN, broken, SIX[::-1], cache=cache) == {"plain": first["plain"][::-1]}


def test_a_strategy_that_comes_later_leaves_the_others_as_they_were(cache):
    first = settled(PLAIN, cache=cache)
    both = {**PLAIN, "memory": OneStream("closed")}
    assert settled(both, cache=cache)["plain"] == first["plain"]
    assert settled(both, WatchedModel(script, lasts=0), cache=cache) == settled(both)


def test_without_a_cache_everything_is_asked_again(cache):
    settled(PLAIN, cache=cache)
    model = WatchedModel(script)
    settled(PLAIN, model)
    assert len(model.prompts) == 6


GAIN = {"gain": ConfidenceGainDecoder()}
CHANGED = {
    "strategy's option": {"strategies": {"gain": ConfidenceGainDecoder(reliance=0.25)}},
    "strategy of the same name": {"strategies": {"gain": PlainDecoder()}},
    "passage": {"disputes": [dispute(0, "It is Rome.")]},
    "question": {"disputes": [replace(SIX[0], question=question("which is city 0? say"))]},
    "number of passages": {"disputes": [replace(SIX[0], passages=SIX[0].passages * 2)]},
    "length of answers": {"max_new_tokens": 3},
    "trust": {"facts": [Facts(trust=0.5)]},
    "model": {"model": WatchedModel(script, name="other")},
}


@pytest.mark.parametrize("what", CHANGED)
def test_what_was_settled_otherwise_is_not_taken(cache, what):
    usual = {"strategies": GAIN, "disputes": SIX[:1]}
    settled(**usual, cache=cache)
    model = CHANGED[what].get("model", WatchedModel(script))
    settled(**(usual | CHANGED[what] | {"model": model}), cache=cache)
    assert model.prefills, f"another {what} was served what was kept"


@pytest.mark.parametrize("facts", [Facts(p_know=0.5), Facts(support=0.5)])
def test_only_who_reads_what_is_known_answers_anew_where_it_is_known(cache, facts):
    both = {**GAIN, "auto": AutoDecoder()}
    settled(both, disputes=SIX[:1], cache=cache)
    unasked = WatchedModel(script, lasts=0)
    settled(GAIN, unasked, SIX[:1], facts=[facts], cache=cache)
    model = WatchedModel(script)
    settled(both, model, SIX[:1], facts=[facts], cache=cache)
    assert len(model.prompts) == 2


def test_whose_question_it_was_and_what_was_right_does_not_matter(cache):
    first = settled(GAIN, cache=cache, disputes=SIX[:1])
    one = SIX[0]
    same = replace(
        one, row=7, condition="irrelevant", question=replace(one.question, id="x", answers=())
    )
    assert settled(GAIN, WatchedModel(script, lasts=0), [same], cache=cache) == first


def test_two_strategies_that_are_the_same_share_what_is_kept(cache):
    settled(PLAIN, cache=cache)
    twice = settled(
        {"one": PlainDecoder(), "other": PlainDecoder()},
        WatchedModel(script, lasts=0),
        cache=cache,
    )
    assert twice["one"] == twice["other"]


def test_progress_begins_with_what_is_known_and_ends_with_everything(cache):
    settled(PLAIN, disputes=SIX[:1], cache=cache)
    heard = []
    settled(PLAIN, cache=cache, on_progress=lambda *pair: heard.append(pair))
    assert heard == [(3, 6), (5, 6), (6, 6)]


def test_null_entropies_are_measured_once(cache):
    model = WatchedModel(script)
    expert = expert_of(model)
    opened = {**PLAIN, "abstaining": AbstainingDecoder()}
    found = measured(opened, expert, cache=cache)
    entropies = null_entropies(model, expert.style)
    assert found == {
        **PLAIN,
        "abstaining": AbstainingDecoder(
            null_entropy_closed=entropies.closed, null_entropy_context=entropies.context
        ),
    }
    asleep = WatchedModel(script, lasts=0)
    assert measured(opened, expert_of(asleep), cache=cache) == found
    assert measured(PLAIN, expert_of(asleep)) == PLAIN


# --- how fast they are --------------------------------------------------------------------------


def paces(model=None, strategies=STRATEGIES, disputes=SIX, **more):
    expert = expert_of(model or WatchedModel(script))
    return ms_per_token(strategies, expert, disputes, batch_size=2, **more)


def test_every_strategy_takes_some_time_for_a_token():
    found = paces()
    assert list(found) == list(STRATEGIES)
    assert all(ms > 0 for ms in found.values())


def test_all_strategies_are_timed_on_one_reading_of_the_prompts():
    model = WatchedModel(script)
    paces(model)
    assert model.prefills == 2 * 3


def test_times_that_were_taken_once_ask_the_model_for_nothing(cache):
    first = paces(cache=cache)
    assert paces(WatchedModel(script, lasts=0), cache=cache) == first


@pytest.mark.parametrize(
    "other", [{"machine": "cuda"}, {"disputes": SIX[:4]}, {"max_new_tokens": 3}], ids=repr
)
def test_times_of_another_machine_or_other_questions_are_not_taken(cache, other):
    paces(cache=cache, machine="cpu")
    model = WatchedModel(script)
    paces(model, cache=cache, **({"machine": "cpu"} | other))
    assert model.prefills


def test_only_a_strategy_that_was_not_timed_is_timed(cache):
    first = paces(strategies=PLAIN, cache=cache)
    both = paces(strategies={**PLAIN, **GAIN}, cache=cache)
    assert both["plain"] == first["plain"]
    assert both["gain"] > 0


@dataclass(frozen=True)
class Silent:
    """Ends every answer at once."""

    streams: tuple[str, ...] = ("context",)

    def step(self, step):
        scores = step.logits["context"].clone()
        scores[:, 257] = 100.0
        return OneStream("context").step(replace(step, logits={"context": scores}))


def test_where_nothing_is_said_there_is_no_time_for_a_token(cache):
    assert settled({"silent": Silent()}) == {"silent": [""] * 6}
    assert paces(strategies={"silent": Silent()}, cache=cache) == {}
    assert paces(WatchedModel(script, lasts=0), {"silent": Silent()}, cache=cache) == {}
