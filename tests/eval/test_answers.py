from __future__ import annotations

import pytest
from little_house import scripted_expert

from rag_router.eval.answers import AnswerFigures, with_gold, without_passages
from rag_router.models.scripted import Reply
from rag_router.outcomes import OutcomeCache
from rag_router.types import Passage, Question

EXPERT = scripted_expert(
    {
        "the fjord is long": Reply("Oslo"),
        "noise": Reply("Bergen"),
        "capital of Norway": Reply("Oslo, Norway"),
    }
)


def gold(text: str, *, is_gold: bool = True) -> Passage:
    return Passage(id="1", title="", text=text, meta={"is_gold": is_gold})


def asked(text: str, answer: str, *contexts: Passage) -> Question:
    return Question(id=text, text=text, answers=(answer,), contexts=contexts)


def test_figures_are_means_over_the_questions():
    figures = without_passages(
        EXPERT, [asked("capital of Norway", "Oslo"), asked("capital of Mars", "Olympus")]
    )
    # "Oslo, Norway" holds the alias but is not the alias: precision 1/2, recall 1,
    # F1 = 2 * 1/2 * 1 / (3/2) = 2/3. "nobody said" shares no word with "Olympus".
    assert figures == AnswerFigures(accuracy=1 / 2, em=0.0, f1=(2 / 3 + 0) / 2, right=(True, False))


def test_only_gold_passages_are_shown():
    questions = [
        asked("Which city?", "Oslo", gold("the fjord is long"), gold("noise", is_gold=False)),
        asked("Which other city?", "Oslo", gold("noise")),
    ]
    assert with_gold(EXPERT, questions).right == (True, False)
    assert without_passages(EXPERT, questions).right == (False, False)


def test_a_question_without_a_gold_passage_is_answered_from_memory():
    one = asked("capital of Norway", "Oslo")
    assert with_gold(EXPERT, [one]) == without_passages(EXPERT, [one])


def test_no_questions_make_no_figures():
    assert without_passages(EXPERT, []) == AnswerFigures(accuracy=0, em=0, f1=0, right=())


@pytest.mark.parametrize("measure", [without_passages, with_gold])
def test_what_the_cache_knows_is_not_asked_again(tmp_path, measure):
    def prompts_read(prompt: str) -> Reply:
        read.append(prompt)
        return Reply("Oslo")

    read: list[str] = []
    expert = scripted_expert(prompts_read)
    questions = [asked("Which city?", "Oslo", gold("the fjord is long"))]
    cache = OutcomeCache(tmp_path / "outcomes.sqlite")
    heard: list[tuple[int, int]] = []
    first = measure(
        expert, questions, cache=cache, on_progress=lambda done, total: heard.append((done, total))
    )
    assert heard[-1] == (1, 1)
    assert read
    read.clear()
    assert measure(expert, questions, cache=cache) == first
    assert read == []
    cache.close()
