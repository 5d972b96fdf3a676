"""What people said of answers, read and turned into labels."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from little_house import asked, scripted_expert, write_jsonl

from rag_router.errors import DataError
from rag_router.eval.feedback import Feedback, label_by_feedback, read_feedback
from rag_router.models.scripted import Reply
from rag_router.outcomes import OutcomeCache

SCRIPT = {"what is red": Reply("The Rose", 0.9), "what is blue": Reply("sky", 0.5)}
EXPERT = scripted_expert(lambda prompt: SCRIPT.get(asked(prompt), Reply("")))


def said(question: str, answer: str, right: bool, *, closed_book: bool = True) -> Feedback:
    return Feedback(question=question, answer=answer, right=right, closed_book=closed_book)


# --- reading ------------------------------------------------------------------------------------


def test_a_line_says_whether_the_answer_was_from_memory_or_gives_the_services_reason(tmp_path):
    path = write_jsonl(
        tmp_path / "feedback.jsonl",
        [
            {"question": "what is  red", "answer": "rose", "right": True, "closed_book": True},
            {"question": "q", "answer": "a", "right": False, "reason": "parametric", "id": "7"},
            {"question": "q", "answer": "a", "right": False, "reason": "contextual"},
            {"question": "q", "answer": None, "right": False, "reason": "no_knowledge"},
            # What is said in so many words goes before the reason.
            {"question": "q", "answer": "a", "right": True, "reason": "x", "closed_book": True},
        ],
    )
    assert read_feedback(path) == [
        said("what is red", "rose", True),
        said("q", "a", False),
        said("q", "a", False, closed_book=False),
        said("q", "", False, closed_book=False),
        said("q", "a", True),
    ]


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ({"answer": "a", "right": True, "closed_book": True}, "lacks 'question'"),
        ({"question": "q", "answer": "a", "closed_book": True}, "lacks 'right'"),
        ({"question": "q", "answer": "a", "right": True}, "lacks 'closed_book'"),
        (
            {"question": "q", "answer": "a", "right": "yes", "closed_book": True},
            "right is true or false, saw 'yes'",
        ),
        ({"question": "q", "answer": 7, "right": True, "closed_book": True}, "answer: expected"),
        ({"question": "q", "answer": "a", "right": True, "reason": 1}, "reason: expected text"),
    ],
)
def test_a_line_that_lacks_something_is_named_with_what_it_should_look_like(tmp_path, row, wrong):
    good = {"question": "q", "answer": "a", "right": True, "closed_book": True}
    path = write_jsonl(tmp_path / "feedback.jsonl", [good, row])
    with pytest.raises(DataError, match=wrong) as caught:
        read_feedback(path)
    assert "feedback.jsonl:2: " in caught.value.message
    assert '"closed_book"' in caught.value.hint


def test_a_file_that_is_not_there_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match=r"none\.jsonl cannot be read"):
        read_feedback(tmp_path / "none.jsonl")


@given(
    st.lists(
        st.builds(
            Feedback,
            question=st.text(min_size=1).map(lambda text: " ".join(text.split())).filter(bool),
            answer=st.text(),
            right=st.booleans(),
            closed_book=st.booleans(),
        ),
        max_size=5,
    )
)
def test_whatever_people_say_is_read_as_they_said_it(tmp_path_factory, remarks):
    folder = tmp_path_factory.mktemp("feedback")
    assert read_feedback(write_jsonl(folder / "f.jsonl", [asdict(one) for one in remarks])) == (
        remarks
    )


# --- labels -------------------------------------------------------------------------------------


def test_peoples_word_is_the_label_where_the_model_still_says_the_same():
    heard = label_by_feedback(
        EXPERT, [said("what is red", "rose.", True), said("what is blue", "Sky", False)]
    )
    assert [(one.outcome.answer, one.right) for one in heard.labelled] == [
        ("The Rose", True),
        ("sky", False),
    ]
    assert all(one.question.id.startswith("feedback-") for one in heard.labelled)
    # 0.9 for each letter: the outcome is what gates read.
    assert heard.labelled[0].outcome.logprobs[0] == pytest.approx(-0.105, abs=1e-3)


def test_an_answer_from_passages_or_none_at_all_says_nothing_about_memory():
    heard = label_by_feedback(
        EXPERT,
        [said("what is red", "rose", True, closed_book=False), said("what is blue", "", False)],
    )
    assert (heard.labelled, heard.read, heard.from_passages) == ([], 2, 2)


def test_an_answer_that_the_model_no_longer_gives_is_left_out():
    heard = label_by_feedback(
        EXPERT,
        [
            said("what is red", "tomato", False),
            said("what is blue", "sky", True),
            said("is it mute", "x", True),
        ],
    )
    assert [one.question.text for one in heard.labelled] == ["what is blue"]
    assert heard.outdated == 2


def test_of_several_people_the_greater_number_counts_and_a_tie_counts_for_nothing():
    heard = label_by_feedback(
        EXPERT,
        [
            *(said("what is red", "rose", right) for right in (True, False, True)),
            *(said("what is blue", "sky", right) for right in (True, False)),
        ],
    )
    assert [(one.question.text, one.right) for one in heard.labelled] == [("what is red", True)]
    assert (heard.disputed, heard.read) == (1, 5)


def test_who_judged_another_answer_has_no_vote_about_this_one():
    heard = label_by_feedback(
        EXPERT, [said("what is red", "tomato", False), said("what is red", "rose", True)]
    )
    assert [one.right for one in heard.labelled] == [True]


def test_a_question_too_long_for_the_model_is_counted():
    heard = label_by_feedback(EXPERT, [said("red " * 3000, "rose", True)])
    assert (heard.labelled, heard.too_long) == ([], 1)


def test_answers_are_kept_and_what_feedback_was_worth_reads_as_a_sentence(tmp_path):
    cache = OutcomeCache(tmp_path / "kept.sqlite")
    remarks = [said("what is red", "rose", True), said("is it mute", "x", True)]
    first = label_by_feedback(EXPERT, remarks, cache=cache)
    silent = scripted_expert(lambda prompt: pytest.fail(asked(prompt)))
    assert label_by_feedback(silent, remarks, cache=cache) == first
    cache.close()
    assert str(first) == (
        "lines read: 2, not about an answer from memory: 0; questions labelled: 1, "
        "disputed: 0, answered otherwise now: 1, too long: 0"
    )


def test_where_somebody_said_what_is_right_any_answer_can_be_judged():
    right = Feedback(
        question="what is red", answer="tulip", right=False, closed_book=False, correct_answer="Rose"
    )
    wrong = Feedback(
        question="what is blue", answer="sea", right=True, closed_book=True, correct_answer="sea"
    )
    heard = label_by_feedback(EXPERT, [right, wrong])
    # The model says "The Rose" and "sky"; articles and capitals do not count.
    found = {one.question.text: one.right for one in heard.labelled}
    assert found == {"what is red": True, "what is blue": False}
    assert (heard.from_passages, heard.outdated) == (0, 0)


def test_what_people_said_of_the_very_answer_goes_before_what_somebody_called_right():
    judged = said("what is blue", "sky", True)
    corrected = Feedback(
        question="what is blue", answer="sea", right=False, closed_book=False, correct_answer="sea"
    )
    assert [one.right for one in label_by_feedback(EXPERT, [judged, corrected]).labelled] == [True]
    against = said("what is blue", "sky", False)
    disputed = label_by_feedback(EXPERT, [judged, against, corrected])
    assert ([one.right for one in disputed.labelled], disputed.disputed) == ([False], 0)
