from __future__ import annotations

import pytest

from rag_router.conversations.aspects import aspects_of
from rag_router.conversations.condensing import condense
from rag_router.conversations.turns import Turn

HAMLET = ("Who wrote Hamlet?", "William Shakespeare")
TOWER = ("How tall is the Eiffel Tower?", "330 m")
FRANCE = ("What is the capital of France?", "Paris")


def turns(*texts):
    return [Turn("assistant" if n % 2 else "user", text) for n, text in enumerate(texts)]


def nobody_writes(inquiry, case):
    raise AssertionError(f"a rule applies, and yet {inquiry.name} was to be written: {case}")


@pytest.mark.parametrize(
    "asked",
    [
        "Who is the president of Germany",
        "When did Marie Curie win her first Nobel Prize?",
        "Is there water on Mars?",
        "Which rivers that reach the sea flow through Vienna?",
        "What time is it in Oslo?",
        "Is it true that bees dance?",
        "Wie hoch ist der Kölner Dom?",
        "Did Tom and Jerry win an Oscar?",
    ],
)
def test_a_question_that_stands_by_itself_stays_as_it_is(asked):
    one = condense(asked, turns(*HAMLET), nobody_writes)
    assert (one.question, one.queries, one.how) == (asked, (), "asked")


@pytest.mark.parametrize("asked", ["And Italy?", "When was he born?", "why"])
def test_the_first_question_of_a_conversation_refers_to_nothing(asked):
    assert condense(asked, [], nobody_writes).question == asked


@pytest.mark.parametrize(
    ("before", "asked", "meant"),
    [
        (FRANCE, "And Italy?", "What is the capital of Italy?"),
        (FRANCE, "what about New Zealand?", "What is the capital of New Zealand?"),
        (FRANCE, "How about in Peru", "What is the capital of Peru?"),
        (HAMLET, "When was he born?", "When was William Shakespeare born?"),
        (HAMLET, "What were his plays about?", "What were William Shakespeare's plays about?"),
        (HAMLET, "Where is it set?", "Where is Hamlet set?"),
        (TOWER, "When was it built?", "When was Eiffel Tower built?"),
        (("Where does Angela Merkel live?", "In Berlin"), "When was she born?",
         "When was Angela Merkel born?"),
        (("How many people live in the Netherlands?", "18 million"), "What is their language?",
         "What is Netherlands' language?"),
    ],
)  # fmt: skip
def test_a_name_takes_the_place_of_what_can_only_stand_for_it(before, asked, meant):
    one = condense(asked, turns(*before), nobody_writes)
    assert (one.question, one.how) == (meant, "rule")


def test_what_no_rule_covers_is_written_by_the_model():
    shown = []

    def write(inquiry, case):
        shown.append((inquiry.name, *case))
        return '"Why is the Eiffel Tower 330 m tall?" she asked'

    one = condense("Why?", turns(*TOWER), write)
    assert (one.question, one.how) == ("Why is the Eiffel Tower 330 m tall?", "written")
    assert shown == [
        ("standalone_question", f"User: {TOWER[0]}", f"Assistant: {TOWER[1]}", "User: Why?")
    ]


@pytest.mark.parametrize(
    "written",
    [
        "",
        "Why?",
        "Why is the Louvre tall?",  # nobody spoke of the Louvre
        "Why is it 330 m tall?",  # still refers to something
        "The Eiffel Tower is tall.",  # no question
    ],
)
def test_what_is_written_must_keep_to_what_was_said(written):
    one = condense("Why?", turns(*TOWER), lambda inquiry, case: written)
    assert (one.question, one.how) == ("Why?", "asked")
    # What was asked before helps to find something at least.
    assert one.queries == ("Why?", f"{TOWER[0]} Why?")


def test_a_choice_between_two_names_is_not_made_by_a_rule():
    said = turns("Did Goethe know Schiller?", "Yes")
    written = condense("Where did he live?", said, lambda *_: "Where did Goethe live?")
    assert (written.question, written.how) == ("Where did Goethe live?", "written")


def test_several_people_may_be_anybody():
    said = turns("Who wrote the Communist Manifesto?", "Marx and Engels")
    assert condense("When did they meet?", said, lambda *_: "").how == "asked"


def test_only_the_end_of_a_long_conversation_is_shown():
    said = turns(*[f"Who is number {n}?" for n in range(20)], "Nobody " * 100)
    shown = []
    condense("Why?", said, lambda _, case: shown.extend(case) or "")
    assert len(shown) == 5
    assert max(map(len, shown)) <= len("Assistant: ") + 300


@pytest.mark.parametrize(
    ("asked", "aspects"),
    [
        ("Who wrote Hamlet?", ()),
        ("Who wrote Romeo and Juliet?", ()),
        (
            "Who wrote Hamlet and when was it first performed?",
            ("Who wrote Hamlet?", "when was Hamlet first performed?"),
        ),
        (
            "Where is Oslo? And how many people live in Bergen?",
            ("Where is Oslo?", "how many people live in Bergen?"),
        ),
        (
            "What is the difference between RNA and DNA?",
            ("What is the difference between RNA and DNA?", "RNA", "DNA"),
        ),
        ("Compare the Rhine with the Elbe.", ("Compare the Rhine with the Elbe.", "the Rhine",
                                              "the Elbe")),
        ("I know what is good and what is bad", ()),
    ],
)  # fmt: skip
def test_each_aspect_of_a_question_is_searched_for(asked, aspects):
    assert aspects_of(asked) == aspects
    assert condense(asked, [], nobody_writes).queries == aspects


def test_no_more_than_four_aspects_are_searched_for():
    assert len(aspects_of(" and ".join(["who is there"] * 9))) == 4
