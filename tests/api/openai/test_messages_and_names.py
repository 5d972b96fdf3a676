from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.api.openai.errands import errand_of, talk_of
from rag_router.api.openai.messages import conversation_of
from rag_router.api.openai.names import Wanted, variants, wanted_of
from rag_router.api.openai.schemas import Message
from rag_router.conversations import Conversation, Turn
from rag_router.errors import QuestionError, UnknownNameError, UsageError


def conversation(*said):
    return conversation_of([Message(role=role, content=content) for role, content in said])


def test_instructions_are_put_together_and_tools_left_out():
    read = conversation(
        ("system", "Be brief."),
        ("user", "A?"),
        ("assistant", None),
        ("tool", "{}"),
        ("assistant", "B."),
        ("developer", "Be kind."),
        ("user", [{"type": "text", "text": "C"}, {"type": "input_text", "text": "D?"}]),
    )
    assert read.instructions == "Be brief.\nBe kind."
    assert read.turns == (Turn("user", "A?"), Turn("assistant", "B."), Turn("user", "C\nD?"))
    assert (read.asked, read.before) == ("C\nD?", read.turns[:2])


def test_a_question_that_is_asked_again_has_the_first_one_before_it():
    read = conversation(("user", "A?"), ("assistant", "B."), ("user", "A?"))
    assert read.before == (Turn("user", "A?"), Turn("assistant", "B."))


def test_who_says_nothing_asks_nothing():
    with pytest.raises(QuestionError, match="role 'user'"):
        _ = conversation(("system", "Be brief."), ("user", " ")).asked


NAMES = [
    ("rag-router", Wanted()),
    ("gemma", Wanted(expert="gemma")),
    ("gemma:4b", Wanted(expert="gemma:4b")),
    ("gemma:never", Wanted(expert="gemma", retrieval="never")),
    ("rag-router:index=a+b:trace", Wanted(indexes=("a", "b"), trace=True)),
    ("rag-router:reliance=0.25:librechat", Wanted(reliance=0.25, profile="librechat")),
    ("rag-router:title", Wanted(title=True)),
    ("rag-router-title", Wanted(title=True)),
]


@pytest.mark.parametrize(("name", "wanted"), NAMES)
def test_a_name_says_what_is_wanted(name, wanted):
    assert wanted_of(name, service="rag-router", experts=["gemma", "gemma:4b"]) == wanted


@pytest.mark.parametrize("name", ["", ":always", "gpt-4o", "rag-router:", "rag-router:index="])
def test_a_name_that_says_what_nobody_knows_is_not_found(name):
    with pytest.raises(UnknownNameError):
        wanted_of(name, service="rag-router", experts=[])


def test_a_reliance_that_is_no_share_makes_no_sense():
    for value in ("2", "-1", "nan", "much"):
        with pytest.raises(UsageError, match="reliance"):
            wanted_of(f"rag-router:reliance={value}", service="rag-router", experts=[])


@given(st.lists(st.sampled_from("abc"), unique=True), st.lists(st.sampled_from("xyz"), unique=True))
def test_every_name_that_is_offered_is_understood_and_offered_once(experts, indexes):
    names = variants("rag-router", experts, indexes)
    assert len(names) == len(set(names))
    for name in names:
        wanted = wanted_of(name, service="rag-router", experts=experts)
        assert set(wanted.indexes or ()) <= set(indexes)


def test_a_template_is_told_by_its_own_words_and_not_by_what_was_said():
    said = '{ "tags": ["tag1", "tag2", "tag3"] }'
    form = '{ "title": "your concise title here" }'
    text = f"### Task:\nX\nJSON format: {form}\n<chat_history>\nUSER: {said}\n</chat_history>"
    assert errand_of(conversation(("user", text)), None) == "title"
    without = f"### Task:\nX\n<chat_history>\nUSER: {form}\n</chat_history>"
    assert errand_of(conversation(("user", without)), None) is None
    assert errand_of(conversation(("user", without)), "tags_generation") == "tags"
    assert errand_of(conversation(("user", without)), "something_else") is None


def test_a_question_about_titles_is_a_question():
    text = "Provide a concise, 5-word-or-less title for my book about whales."
    assert errand_of(conversation(("user", text)), None) is None


def test_what_was_said_is_read_out_of_an_errand():
    text = "Do it.\n<chat_history>\nUSER: A:\nb?\nASSISTANT: C\nuser: D\n</chat_history>\nNow."
    assert talk_of(conversation(("user", text))) == [
        ("user", "A:\nb?"),
        ("assistant", "C"),
        ("user", "D"),
    ]
    assert talk_of(conversation(("user", "<chat_history>just this</chat_history>"))) == [
        ("user", "just this")
    ]
    plain = Conversation("", (Turn("user", "A?"), Turn("assistant", "B")))
    assert talk_of(plain) == [("user", "A?"), ("assistant", "B")]


@given(st.text(max_size=300))
def test_no_message_breaks_the_reading_of_errands(text):
    read = conversation(("user", f"### Task:\n{text}<chat_history>{text}</chat_history>"))
    errand_of(read, text)
    assert all(who in {"user", "assistant"} for who, _ in talk_of(read))
