from __future__ import annotations

import pytest
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from little_house import parts, scripted_expert

from rag_router.assembly import assemble
from rag_router.conversations import Turn
from rag_router.errors import QuestionError
from rag_router.integrations.chat import ChatRagRouter
from rag_router.integrations.gate import GateRunnable
from rag_router.integrations.messages import conversation_of
from rag_router.models.scripted import Reply
from rag_router.settings import Settings

VALVE = "How often is the Larkspur valve calibrated?"
FRANCE = "What is the capital of France?"


@pytest.fixture(scope="module")
def orchestrator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chats")
    return assemble(Settings(home=folder / "home"), parts(folder))


@pytest.fixture(scope="module")
def model(orchestrator):
    return ChatRagRouter(answers=orchestrator)


class _Ours:
    @pytest.fixture(autouse=True)
    def _with_somebody_who_answers(self, orchestrator):
        self.orchestrator = orchestrator

    @property
    def chat_model_class(self):
        return ChatRagRouter

    @property
    def chat_model_params(self):
        return {"answers": self.orchestrator}

    @property
    def has_tool_calling(self):
        return False

    @property
    def has_structured_output(self):
        return False


class TestStandardUnit(_Ours, ChatModelUnitTests):
    """LangChain's tests of every chat model, without a network."""


class TestStandardIntegration(_Ours, ChatModelIntegrationTests):
    """LangChain's tests of what every chat model answers."""


def test_an_answer_comes_with_its_passages_its_reasons_and_what_it_cost(model, orchestrator):
    reply = model.invoke(VALVE)
    (answer,) = orchestrator.answer([VALVE])
    assert reply.content == "90 days"
    told = reply.response_metadata
    assert told["citations"] == answer.to_json()["citations"]
    assert [one["text"] for one in told["passages"]] == [
        "The Larkspur valve is calibrated every 90 days."
    ]
    assert (told["reason"], told["abstained"]) == ("contextual", False)
    used = answer.usage
    assert reply.usage_metadata == {
        "input_tokens": used.prompt_tokens,
        "output_tokens": used.completion_tokens,
        "total_tokens": used.prompt_tokens + used.completion_tokens,
    }


def test_pieces_join_to_the_whole(model):
    whole = model.invoke(VALVE)
    pieces = list(model.stream(VALVE))
    assert len(pieces) > 2
    joined = pieces[0]
    for piece in pieces[1:]:
        joined += piece
    assert (joined.content, joined.usage_metadata) == (whole.content, whole.usage_metadata)
    assert joined.response_metadata["citations"] == whole.response_metadata["citations"]


def test_what_nobody_knows_is_said_and_told_apart(model):
    model = model.bind(retrieval="never")
    reply = model.invoke("Who lives on the moon?")
    assert reply.content == "I don't know."
    assert reply.response_metadata["abstained"] is True
    assert "".join(str(one.content) for one in model.stream("Who lives on the moon?")) == (
        "I don't know."
    )


def test_a_question_that_refers_back_is_understood_as_the_service_understands_it(model):
    talk = [HumanMessage("What is the capital of Italy?"), AIMessage("Rome")]
    reply = model.invoke([*talk, HumanMessage("And France?")])
    assert reply.content == "Paris"
    assert reply.response_metadata["question"] == FRANCE
    pieces = model.stream([*talk, HumanMessage("And France?")])
    assert "".join(str(one.content) for one in pieces) == "Paris"


def test_what_no_rule_covers_is_written_anew_and_charged(tmp_path):
    def script(prompt):
        if prompt.rstrip().endswith("Standalone question:"):
            return Reply(VALVE, 0.9)
        return Reply("90 days", 0.95) if "every 90 days" in prompt else Reply("nobody", 0.1)

    made = parts(tmp_path, expert=scripted_expert(script))
    answers = assemble(Settings(home=tmp_path / "home"), made)
    model = ChatRagRouter(answers=answers)
    talk = [
        HumanMessage("What is the Larkspur valve, and how often is it calibrated?"),
        AIMessage("It is a valve."),
        HumanMessage("And the second one?"),
    ]
    reply = model.invoke(talk)
    assert reply.response_metadata["question"] == VALVE
    (alone,) = answers.answer([VALVE])
    assert reply.usage_metadata["input_tokens"] > alone.usage.prompt_tokens


def test_messages_of_all_kinds_are_read():
    read = conversation_of(
        [
            SystemMessage("Be short."),
            ChatMessage(role="developer", content="Be kind."),
            HumanMessage([{"type": "text", "text": "A?"}, {"type": "image_url", "image_url": ""}]),
            AIMessage(""),
            ToolMessage("{}", tool_call_id="1"),
            AIMessage("B."),
            ChatMessage(role="user", content="C?"),
        ]
    )
    assert read.instructions == "Be short.\nBe kind."
    assert read.turns == (Turn("user", "A?"), Turn("assistant", "B."), Turn("user", "C?"))


def test_a_system_message_is_told_to_the_model(tmp_path):
    def script(prompt):
        return Reply("PARIS" if "Shout." in prompt else "Paris", 0.99)

    made = parts(tmp_path, expert=scripted_expert(script))
    model = ChatRagRouter(
        answers=assemble(Settings(home=tmp_path / "home"), made), retrieval="never"
    )
    assert model.invoke([HumanMessage(FRANCE)]).content == "Paris"
    assert model.invoke([SystemMessage("Shout."), HumanMessage(FRANCE)]).content == "PARIS"


def test_the_last_human_message_is_asked_unless_somebody_condenses(orchestrator, model):
    talk = [
        SystemMessage("Be short."),
        HumanMessage(VALVE),
        AIMessage("90 days"),
        HumanMessage(FRANCE),
    ]
    assert model.invoke(talk).content == "Paris"
    first = ChatRagRouter(answers=orchestrator, condense=lambda messages: messages[1].text)
    assert first.invoke(talk).content == "90 days"
    with pytest.raises(QuestionError, match="says anything"):
        model.invoke([AIMessage("Ask me.")])


def test_who_stops_listening_stops_the_work(model):
    stream = model.stream(VALVE)
    next(stream)
    stream.close()


def test_settings_of_a_call_go_before_those_of_the_model(model):
    assert model.invoke(VALVE, retrieval="never").response_metadata["abstained"] is True
    assert model.bind(retrieval="never").invoke(VALVE).content == "I don't know."


def test_errors_of_a_stream_are_those_of_the_whole(model):
    with pytest.raises(QuestionError, match="says anything"):
        list(model.stream(" "))


def test_the_gate_says_whether_to_look_it_up(orchestrator):
    gate = GateRunnable(orchestrator)
    one, two = gate.batch([VALVE, FRANCE])
    assert (one["retrieve"], two["retrieve"]) == (True, False)
    assert one["p_know"] < one["threshold"] < two["p_know"]
    assert gate.invoke(FRANCE) == two
    assert (gate | (lambda said: said["retrieve"])).invoke(VALVE) is True
