"""Answers as a LangChain runnable."""

from __future__ import annotations

import pytest
from batch_stand_ins import Echo

from rag_router.errors import QuestionError
from rag_router.integrations.langchain_answers import RagRouterAnswers


def broken(question):
    return QuestionError("no question") if question.text == "b" else None


def test_one_question_is_answered_with_the_documented_json():
    said = RagRouterAnswers.of(Echo()).invoke("who")
    assert (said["id"], said["question"], said["answer"]) == ("1", "who", "WHO")


def test_a_batch_is_one_job_in_the_order_of_the_questions():
    service = Echo()
    said = RagRouterAnswers.of(service).batch(["long one", "a", "longer one"])
    assert [one["answer"] for one in said] == ["LONG ONE", "A", "LONGER ONE"]
    assert service.asked == [["2", "1", "3"]]


def test_errors_are_raised_or_returned_in_their_place():
    answers = RagRouterAnswers.of(Echo(broken))
    with pytest.raises(QuestionError):
        answers.batch(["a", "b"])
    first, second = answers.batch(["a", "b"], return_exceptions=True)
    assert (first["answer"], type(second)) == ("A", QuestionError)


def test_it_is_a_link_of_a_chain():
    chain = RagRouterAnswers.of(Echo()) | (lambda said: said["answer"])
    assert chain.invoke("who") == "WHO"
