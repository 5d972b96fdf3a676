"""Passages that disagree are read apart, and the answer tells of every side."""

from __future__ import annotations

import pytest
from little_router import ALWAYS, answer, asked, expert_of, router
from stand_ins import question

from rag_router.filters.organise import OrganiseFilter
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.policy import Policy
from rag_router.types import Passage

ASKED = "when was the aurora bridge opened"
IN_32 = "The Aurora Bridge was opened in 1932 and carries six lanes."
IN_33 = "The Aurora Bridge was opened in 1933 and carries six lanes."
GUIDE = "A guide of 1932 praises the Aurora Bridge."
BEES = "Honey is made by bees."


def script(prompt):
    """Reading both, the model takes the later year; what it says of one it is surer of."""
    if "aurora" in asked(prompt) and "from its passages" in prompt:
        shown = prompt.rpartition("\n\n")[2]
        if "1933" in shown:
            return Reply("1933", 0.5 if "1932" in shown else 0.6)
        return Reply("1932", 0.8) if "in 1932" in shown else Reply("nobody knows", 0.8)
    return Reply("1901", 0.1)


def given(*texts, title=""):
    passages = tuple(
        Passage(id=name, title=title, text=text)
        for name, text in zip("abcdef", texts, strict=False)
    )
    return question(ASKED, contexts=passages)


def ask(asked_, *filters, model=None, **more):
    parts = {"filters": filters or (OrganiseFilter(),), "indices": {}, "policy": Policy()}
    expert = expert_of(ScriptedModel(model or script))
    return answer(asked_, ALWAYS, expert=expert, **(parts | more))


def test_both_sides_are_told_each_with_its_citation_the_surer_first():
    said = ask(given(IN_33, IN_32, BEES))
    assert said.text == said.message == "Passages disagree: 1932 [2]; 1933 [1]"
    assert (said.reason, said.abstained, said.claim) == ("disagreement", False, "1932")
    first, second = said.disagreement
    assert (first.answer, first.passages) == ("1932", (("", "b"),))
    assert (second.answer, second.passages) == ("1933", (("", "a"),))
    for side, passage in ((first, IN_32), (second, IN_33)):
        (citation,) = side.citations
        assert passage[citation.start : citation.end] == passage
        assert said.text[citation.answer_start : citation.answer_end] == side.answer
    assert said.citations == (*first.citations, *second.citations)


def test_confidence_is_the_probability_that_the_first_is_right():
    said = ask(given(IN_33, IN_32))
    # Least sure byte 0.8 and 0.6, taken as they are: odds 4 and 1.5; 4 / (1 + 5.5), 1.5 / 6.5.
    assert said.confidence == pytest.approx(4 / 6.5, abs=2e-3)
    assert said.disagreement[1].confidence == pytest.approx(1.5 / 6.5, abs=2e-3)
    assert sum(side.confidence for side in said.disagreement) < 1


def test_what_belongs_to_no_side_is_not_read_and_says_so():
    said = ask(given(IN_33, IN_32, BEES))
    assert [j.kept for j in said.evidence.judged] == [True, True, False]
    assert said.evidence.judged[2].why.startswith("not read: it belongs to no side")


def test_the_answer_s_json_shows_groups_and_sides():
    told = ask(given(IN_33, IN_32)).to_json()
    assert [group["relation"] for group in told["groups"]] == ["contradicting"] * 2
    assert [(side["answer"], side["passages"]) for side in told["disagreement"]] == [
        ("1932", [{"passage_id": "b", "index": ""}]),
        ("1933", [{"passage_id": "a", "index": ""}]),
    ]
    assert told["disagreement"][0]["citations"] == told["citations"][:1]
    assert "disagreement" not in ask(given(IN_33)).to_json()


def test_it_can_be_turned_off():
    said = ask(given(IN_33, IN_32), OrganiseFilter(apart=False))
    assert (said.text, said.reason, said.disagreement) == ("1933", "contextual", ())
    assert [group.relation for group in said.evidence.groups] == ["contradicting"] * 2


def test_a_side_that_clearly_wins_is_read_alone():
    said = ask(
        given(
            IN_33,
            IN_32,
            "Cars have used the Aurora Bridge since it was opened in 1932.",
            "In 1932 the mayor himself opened the Aurora Bridge.",
        )
    )
    assert (said.text, said.reason, said.disagreement) == ("1932", "contextual", ())
    assert said.evidence.judged[0].why == "says '1933', and 3 passages say otherwise"


def test_sides_that_answer_the_same_after_all_are_one_answer():
    said = ask(given(IN_33, IN_32), model=lambda prompt: Reply("Aurora Bridge", 0.9))
    assert (said.text, said.reason) == ("Aurora Bridge", "contextual")
    assert [c.passage_id for c in said.citations] == ["a", "b"]


def test_a_side_whose_answer_stands_in_none_of_its_passages_is_not_told():
    def model(prompt):
        return Reply("1899", 0.9) if "1933" in prompt else script(prompt)

    said = ask(given(IN_33, IN_32), model=model)
    assert (said.text, said.reason, said.disagreement) == ("1932", "contextual", ())


def test_bearers_of_one_name_are_told_as_such():
    passages = (
        Passage(id="a", title="Aurora (ship)", text="It was launched in 1900."),
        Passage(id="b", title="Aurora (bridge)", text="It was opened in 1932."),
    )
    model = {"1900": Reply("1900", 0.9), "opened in 1932.": Reply("1932", 0.9)}

    def says(prompt):
        shown = prompt.rpartition("\n\n")[2]
        return next((model[key] for key in model if key in shown), Reply("no", 0.1))

    said = ask(question("how old is aurora", contexts=passages), model=says)
    assert said.text == "It depends on which one is meant: 1900 [1]; 1932 [2]"


def test_what_it_cost_is_told_of_all_sides():
    apart, whole = (
        ask(given(IN_33, IN_32), OrganiseFilter(apart=apart)).usage for apart in (True, False)
    )
    # A prompt, and a step after each of four bytes: from memory, and for each side.
    assert (whole.lm_forward_passes, apart.lm_forward_passes) == (2 * (1 + 4), 3 * (1 + 4))
    assert apart.prompt_tokens > whole.prompt_tokens


def test_an_answer_is_the_same_alone_and_among_others():
    lines = [given(IN_33, IN_32), question("what", "2"), given(IN_32, IN_33, GUIDE)]
    parts = {
        "filters": (OrganiseFilter(),),
        "indices": {},
        "expert": expert_of(ScriptedModel(script)),
    }
    together = router(**parts).answer(lines, ALWAYS)
    alone = [router(**parts).answer([one], ALWAYS)[0] for one in lines]
    assert [one.text for one in together] == [one.text for one in alone]
    assert [one.confidence for one in together] == [one.confidence for one in alone]


def test_where_memory_is_asked_nothing_is_read_apart():
    said = answer(
        given(IN_33, IN_32),
        filters=(OrganiseFilter(),),
        indices={},
        expert=expert_of(ScriptedModel(lambda prompt: Reply("1901", 0.99))),
    )
    assert (said.text, said.reason) == ("1901", "parametric")
