"""`auto`: with lines that are written down, so that its choice can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from lines import always, by
from pydantic import ValidationError
from stepping import logits, probabilities, step
from tiny import prompt_of, tiny_model

from rag_router.artefacts import Artefact, Card
from rag_router.decoders.adaptive_context_aware import AdaptiveContextAwareDecoder
from rag_router.decoders.auto import ANSWERS, STRENGTH, AutoDecoder
from rag_router.decoders.considerations import CASES, CONSIDERED
from rag_router.decoders.rewards import Rewards
from rag_router.decoders.watched import WatchedContrast
from rag_router.models.streams import Candidate, Facts, OneStream, Task, decode, start

KNOWN = Facts(p_know=0.75, support=0.5, shown="Oslo is the capital.")
CARD = Card(method="decoder/auto", model="m", model_fingerprint="f")


def decoder(rewards, **more):
    """The same lines for every case."""
    return AutoDecoder(**more).with_rewards([rewards] * len(CASES))


def thought(*log_ps):
    """What a watched contrast remembers: log p and log q of each token, the last ends it."""
    return tuple(torch.tensor(pair) for pair in (*log_ps, (0.0, 0.0)))


def given(one, facts=KNOWN, passages="Oslo", contrast="Rome"):
    """The name of the answer that is given."""
    said = [
        Candidate("Bergen"),
        Candidate(passages, thought((-4.0, -1.0))),
        Candidate(contrast, thought((-9.0, -2.0), (-1.0, -1.0))),
    ]
    return ANSWERS[one.choose(facts, said)]


def test_it_reads_two_streams_both_facts_and_what_is_shown():
    assert AutoDecoder().streams == ("closed", "context")
    assert AutoDecoder().reads == ("p_know", "support", "shown")


def test_before_it_is_fitted_it_is_adacad():
    assert not AutoDecoder().fitted
    assert AutoDecoder().candidates == ()
    streams = {"closed": [logits(0.5, 0.25, 0.25)], "context": [logits(0.25, 0.25, 0.5)]}
    ours = step(AutoDecoder(), **streams)
    theirs = step(AdaptiveContextAwareDecoder(), **streams)
    assert ours.alpha.item() == pytest.approx(theirs.alpha.item(), abs=1e-6)
    assert probabilities(ours)[0] == pytest.approx(probabilities(theirs)[0], abs=1e-6)


def test_fitted_it_chooses_among_memory_passages_and_contrast():
    assert decoder(always("memory")).candidates == (
        OneStream("closed"),
        WatchedContrast(0.0),
        WatchedContrast(STRENGTH),
    )
    for name in ANSWERS:
        assert given(decoder(always(name))) == name


def test_where_nothing_promises_more_the_passages_are_given():
    width = len(CONSIDERED)
    assert given(decoder(Rewards(np.zeros((3, width)), np.zeros(3)))) == "passages"


def test_what_is_known_is_gone_by():
    # ln 3 = 1.0986 is the log-odds of 3/4.
    asked = decoder(by("p_know", 1.0, "contrast", "memory"))
    assert given(asked, replace(KNOWN, p_know=0.75)) == "memory"
    assert given(asked, replace(KNOWN, p_know=0.7)) == "contrast"


def test_what_the_passages_add_to_their_answer_is_gone_by():
    # log q - log p of "Oslo" is -1 - -4 = 3.
    assert given(decoder(by("passages_gain", 2.5, "memory", "passages"))) == "passages"
    assert given(decoder(by("passages_gain", 3.5, "memory", "passages"))) == "memory"
    # And that of "Rome" is 7 + 0, which is 4 more.
    assert given(decoder(by("contrast_gain", 3.5, "memory", "contrast"))) == "contrast"


def test_whether_the_answer_stands_in_the_passages_is_gone_by():
    asked = decoder(by("passages_inside", 0.5, "memory", "passages"))
    assert given(asked) == "passages"
    assert given(asked, passages="Bern") == "memory"
    assert given(asked, replace(KNOWN, shown="")) == "memory"


def test_what_is_not_known_asks_other_lines():
    one = AutoDecoder().with_rewards(
        [always(name) for name in ("memory", "passages", "contrast", "memory")]
    )
    facts = [KNOWN, replace(KNOWN, p_know=None), replace(KNOWN, support=None), Facts()]
    assert [given(one, fact) for fact in facts] == ["memory", "passages", "contrast", "memory"]


def test_an_answer_of_which_nothing_is_remembered_is_judged_all_the_same():
    said = [Candidate("Bergen"), Candidate("Oslo"), Candidate("Rome")]
    assert decoder(by("passages_gain", 2.5, "memory", "passages")).choose(KNOWN, said) == 0


def test_at_the_ends_of_reliance_one_answer_alone_is_decoded():
    assert decoder(always("passages"), reliance=1.0).candidates == (OneStream("closed"),)
    far = decoder(always("passages"), reliance=0.0, most=1.5)
    assert far.candidates == (WatchedContrast(1.5),)
    assert far.choose(KNOWN, [Candidate("Rome")]) == 0


def test_reliance_weighs_what_memory_and_contrast_promise():
    # Memory, passages and contrast promise 1/6, 2/6 and 3/6.
    one = Rewards(np.zeros((3, len(CONSIDERED))), np.log([1.0, 2.0, 3.0]))
    assert given(decoder(one)) == "contrast"
    # At 3/4 memory counts three times and contrast a third: 3, 2 and 1.
    assert given(decoder(one, reliance=0.75)) == "memory"
    # At 0.6 the odds are 3/2: 1.5, 2 and 2.
    assert given(decoder(one, reliance=0.61)) == "passages"


def test_contrast_goes_no_further_than_it_may():
    assert decoder(always("contrast"), most=0.25).candidates[-1] == WatchedContrast(0.25)


def test_what_was_learned_travels_in_an_artefact():
    one = AutoDecoder().with_rewards([always(name) for name in (*ANSWERS, "memory")])
    back = AutoDecoder(reliance=0.25).with_artefact(Artefact(card=CARD, weights=one.learned))
    assert back == replace(one, reliance=0.25)
    assert back.fitted


@pytest.mark.parametrize(
    "changed",
    [
        {"slopes": np.zeros((3, 2))},
        {"intercepts": np.zeros(2)},
        {"intercepts": np.array([0.0, np.nan, 0.0])},
    ],
)
def test_lines_that_lead_nowhere_are_refused(changed):
    weights = dict(decoder(always("memory")).learned)
    weights |= {f"2.{name}": array for name, array in changed.items()}
    with pytest.raises(ValueError, match=r"lines of shape|no numbers"):
        AutoDecoder().with_artefact(Artefact(card=CARD, weights=weights))


def test_options_out_of_range_are_refused():
    for wrong in ({"most": 0.0}, {"reliance": 1.5}):
        with pytest.raises(ValidationError):
            AutoDecoder(**wrong)


def test_an_artefact_without_lines_is_refused():
    with pytest.raises(KeyError, match=r"0\.slopes"):
        AutoDecoder().with_artefact(Artefact(card=CARD, weights={"curve": np.zeros(4)}))


def tasks(model, strategies, **more):
    """Answers of several strategies from the same prompts."""
    prompts = {"closed": prompt_of(6, 1), "context": prompt_of(20, 2)}
    begun = {role: start(model.prefill([ids]))[0] for role, ids in prompts.items()}
    return [
        Task(streams=begun, strategy=one, facts=KNOWN, max_new_tokens=5, stop=(), **more)
        for one in strategies
    ]


@pytest.mark.parametrize("at", range(len(ANSWERS)))
def test_in_the_loop_the_chosen_answer_is_the_one_that_its_strategy_gives_alone(at):
    model, auto = tiny_model("llama"), decoder(always(ANSWERS[at]))
    ours, *alone = decode(model, tasks(model, [auto, *auto.candidates]))
    assert (ours.text, ours.tokens, ours.finish) == (
        alone[at].text,
        alone[at].tokens,
        alone[at].finish,
    )
    assert ours.forward_rows == sum(one.forward_rows for one in alone)
