"""How questions are split and laid out for an adapter, and what its card says."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from rag_router.errors import DataError
from rag_router.eval.adapter_fitting import adapter_card, adapter_gain, training_identity
from rag_router.eval.adapter_lessons import adapter_lessons, mixed_passages
from rag_router.eval.answers import AnswerFigures
from rag_router.eval.datasets import is_held_out
from rag_router.experts import Expert
from rag_router.models.adapter_settings import AdapterTraining
from rag_router.models.adapter_training import Judgement, TrainedAdapter
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import ScriptedModel
from rag_router.types import Passage, Question

EXPERT = Expert(name="tiny", model=ScriptedModel({}), style=PromptStyle())


def questions_of(count, answers=("gold",), **more):
    return [
        Question(id=f"q{n}", text=f"What is item {n}?", answers=answers, **more)
        for n in range(count)
    ]


def lessons_of(questions, **more):
    return adapter_lessons(EXPERT, questions, **({"answer_tokens": 24} | more))


def test_the_held_out_half_is_never_learned_from():
    questions = questions_of(200)
    lessons = lessons_of(questions)
    held = [q for q in questions if is_held_out(q.id)]
    assert list(lessons.held) == held
    # A tenth of the others is kept apart to stop by.
    apart = round(0.1 * (200 - len(held)))
    assert (len(lessons.judged), len(lessons.rows)) == (apart, 200 - len(held) - apart)
    assert lessons.learned == len(lessons.rows)
    read = {EXPERT.model.decode(row.ids) for row in (*lessons.rows, *lessons.judged)}
    assert len(read) == 200 - len(held)
    assert not any(f"{q.text}\nAnswer:" in text for q in held for text in read)


def test_a_held_out_question_under_another_id_is_not_learned_either():
    questions = questions_of(100)
    held = next(q for q in questions if is_held_out(q.id))
    twin = next(f"t{n}" for n in range(99) if not is_held_out(f"t{n}"))
    copied = Question(id=twin, text=held.text.upper(), answers=("gold",))
    assert len(lessons_of([*questions, copied]).rows) == len(lessons_of(questions).rows)


def test_of_many_held_out_questions_a_fair_sample_is_measured():
    assert len(lessons_of(questions_of(200), held_limit=7).held) == 7


def test_rows_begin_with_the_prompt_that_is_asked():
    row = lessons_of(questions_of(100)).rows[0]
    text = EXPERT.model.decode(row.ids)
    assert text.startswith("Answer each question with a few words.\n\nQuestion:")
    assert text.endswith("?\nAnswer: gold\n")
    assert EXPERT.model.decode(row.prompt[: row.shared]).endswith("Bolivia and Peru\n\n")


@pytest.mark.parametrize(
    ("questions", "more", "said"),
    [
        (questions_of(60, answers=()), {}, "none of the 60 questions has an accepted answer"),
        (questions_of(49), {}, "49 labelled questions are too few"),
        (questions_of(60, answers=("x" * 90,)), {}, "an answer may have 24 tokens"),
        (questions_of(60, answers=("gold",)), {"answer_tokens": 3}, "an answer may have 3 tokens"),
    ],
)
def test_what_nothing_can_be_learned_from_is_a_data_error(questions, more, said):
    with pytest.raises(DataError, match=said):
        lessons_of(questions, **more)


def test_a_set_all_of_which_is_on_one_side_is_a_data_error():
    free = [q for q in questions_of(300) if not is_held_out(q.id)]
    with pytest.raises(DataError, match="0 held out") as refused:
        lessons_of(free)
    assert "--seed" in refused.value.hint
    assert lessons_of(free, seed=1).held


def passages_of(n):
    return tuple(Passage(id=f"{n}-{rank}", title="", text=f"text {n}-{rank}") for rank in range(3))


def test_passages_are_the_best_the_last_or_anothers_each_as_often():
    questions = [
        Question(id=f"q{n}", text="?", answers=("a",), contexts=passages_of(n)) for n in range(900)
    ]
    chosen = mixed_passages(questions)
    kinds = Counter(
        {f"{n}-0": "best", f"{n}-2": "last"}.get(chosen[f"q{n}"].id, "another's")
        for n in range(900)
    )
    # 300 of each are expected; 14 is the standard deviation, sqrt(900 / 3 * 2 / 3).
    assert all(abs(count - 300) < 60 for count in kinds.values())
    assert sum(kinds.values()) == 900
    assert chosen == mixed_passages(questions)
    assert chosen != mixed_passages(questions, seed=1)


def test_a_question_without_a_passage_is_given_none_and_one_alone_keeps_its_own():
    empty = Passage(id="e", title="", text="")
    bare = Question(id="a", text="?", answers=("a",), contexts=(empty,))
    alone = Question(id="b", text="?", answers=("a",), contexts=passages_of(1)[:1])
    assert mixed_passages([bare]) == {}
    assert mixed_passages([bare, alone])["b"].id == "1-0"


def test_with_passages_a_question_is_learned_with_and_without():
    questions = [
        Question(id=f"q{n}", text=f"What is {n}?", answers=("a",), contexts=passages_of(n))
        for n in range(60)
    ]
    rows = lessons_of(questions, passages=True).rows
    shown = ["[1] text" in EXPERT.model.decode(row.ids) for row in rows]
    assert sum(shown) == len(rows) / 2 == lessons_of(questions, passages=True).learned


def figures_of(*right):
    return AnswerFigures(
        accuracy=sum(right) / len(right), em=0.25, f1=0.5, right=tuple(map(bool, right))
    )


def test_the_gain_is_paired_by_question():
    gain = adapter_gain(figures_of(1, 0, 0, 0), figures_of(1, 1, 1, 0))
    assert (gain["accuracy_base"], gain["accuracy"], gain["gain"], gain["n"]) == (
        0.25,
        0.75,
        0.5,
        4,
    )
    # Two of four questions gain 1 and none loses: no draw can show a loss.
    assert gain["gain_low"] >= 0
    same = adapter_gain(figures_of(1, 0, 0, 0), figures_of(1, 0, 0, 0))
    assert (same["gain_low"], same["gain_high"]) == (0, 0)


def test_a_card_says_what_it_was_made_of():
    questions = questions_of(100)
    lessons = lessons_of(questions)
    trained = TrainedAdapter(
        weights={"a": torch.zeros(1)},
        config={},
        judgements=(Judgement(0, 3.0, 3.0, 0.0), Judgement(5, 2.0, 1.5, 0.25)),
        best=5,
        steps=5,
        planned=9,
        seconds=60.04,
        precision="float32",
    )
    card = adapter_card(
        "field",
        EXPERT,
        questions,
        lessons=lessons,
        trained=trained,
        metrics={"gain": 0.1},
        training=AdapterTraining(rank=4),
    )
    assert (card.method, card.model, card.prompt_hash) == (
        "adapter",
        "tiny",
        EXPERT.style.fingerprint,
    )
    assert card.metrics == {
        "gain": 0.1,
        "loss_base": 3.0,
        "loss": 1.5,
        "exact_base": 0.0,
        "exact": 0.25,
    }
    assert (card.notes["expert"], card.notes["best_step"], card.notes["seconds"]) == (
        "field",
        5,
        60.0,
    )
    assert card.notes["training"]["rank"] == "4"
    assert card.notes["learned_from"] == len(lessons.rows)


def test_a_training_depends_on_model_prompt_and_questions():
    base = training_identity(EXPERT, questions_of(3), passages=False)
    assert base["base model"] == EXPERT.model.fingerprint
    other = training_identity(EXPERT, questions_of(4), passages=True)
    assert [key for key in base if base[key] != other[key]] == ["prompt", "questions", "passages"]
