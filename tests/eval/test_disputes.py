"""True, falsified and beside the point: what passages a question is settled with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_ins import ListIndex, question

from rag_router.eval.disputes import beside_the_point, disputes_of, found_beside_the_point
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.retrievers import RETRIEVERS
from rag_router.scoring import normalise
from rag_router.types import Passage

TRUE, FALSE, NOISE = {"kind": "original"}, {"kind": "counterfactual"}, {"is_gold": False}


def passage(text, id_="p", title="", **meta):
    return Passage(id=id_, title=title, text=text, meta=meta)


def asked(*contexts, id_="q", answers=("Oslo",), falsified=("Rome",)):
    meta = {"counterfactual_answers": falsified} if falsified else {}
    return question("which city", id_, answers=answers, contexts=contexts, meta=meta)


# --- what comes with a question -----------------------------------------------------------------


def test_a_question_is_settled_with_its_true_and_with_its_falsified_passage():
    true, false = passage("It is Oslo.", "t", **TRUE), passage("It is Rome.", "f", **FALSE)
    found = disputes_of([asked(passage("A fjord.", **NOISE), false, true)])
    assert [(one.condition, one.passages) for one in found] == [
        ("gold", (true,)),
        ("counterfactual", (false,)),
    ]


def test_gold_passages_are_true_ones_and_the_first_is_read():
    found = disputes_of([asked(passage("1", is_gold=True), passage("2", is_gold=True))])
    assert [one.passages[0].text for one in found] == ["1"]


@pytest.mark.parametrize("falsified", [(), None])
def test_a_falsified_passage_that_nobody_says_the_answer_of_is_not_settled(falsified):
    assert disputes_of([asked(passage("It is Rome.", **FALSE), falsified=falsified)]) == []


def test_a_question_without_passages_brings_no_dispute():
    assert disputes_of([asked(), asked(passage("A fjord.", **NOISE))]) == []


def test_questions_are_told_by_their_place_and_not_by_their_id():
    true = passage("It is Oslo.", **TRUE)
    assert [one.row for one in disputes_of([asked(true), asked(), asked(true)])] == [0, 2]


# --- beside the point ---------------------------------------------------------------------------

WORDS = ("Oslo", "Rome", "oslo!", "the", "Oslofjord", "New York", "york", "")
Text = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
Pool = st.lists(
    st.builds(passage, Text, st.sampled_from("abc"), st.sampled_from(WORDS)), max_size=6
)
Asked = st.lists(
    st.builds(
        asked,
        id_=st.sampled_from(("1", "2", "3")),
        answers=st.lists(st.sampled_from(("Oslo", "New York", "The", "")), max_size=2).map(tuple),
    ),
    max_size=4,
)


@given(Asked, Pool, st.integers(0, 3))
def test_a_passage_beside_the_point_never_holds_an_answer(questions, pool, seed):
    for one in beside_the_point(questions, pool, seed=seed):
        said = f" {normalise(one.passages[0].title)} {normalise(one.passages[0].text)} "
        for answer in map(normalise, one.question.answers):
            assert not answer or f" {answer} " not in said
        assert one.question is questions[one.row]
        assert (one.condition, len(one.passages)) == ("irrelevant", 1)


@given(Asked, Pool, st.integers(0, 3), st.randoms(use_true_random=False))
def test_which_one_depends_on_seed_and_id_alone_and_not_on_company_or_order(
    questions, pool, seed, random
):
    together = beside_the_point(questions, pool, seed=seed)
    shuffled = random.sample(pool, len(pool))
    alone = [
        one.passages
        for asked_alone in questions
        for one in beside_the_point([asked_alone], shuffled, seed=seed)
    ]
    assert [one.passages for one in together] == alone
    some = list(range(0, len(questions), 2))
    picked = beside_the_point(questions, pool, rows=some, seed=seed)
    assert picked == [one for one in together if one.row in some]


def test_another_seed_or_id_may_give_another_passage():
    pool = [passage(f"Text number {n}.", str(n)) for n in range(50)]
    chosen = {
        (seed, id_): beside_the_point([asked(id_=id_)], pool, seed=seed)[0].passages[0].id
        for seed in range(3)
        for id_ in "abc"
    }
    assert len(set(chosen.values())) > 3


def test_a_question_never_gets_its_own_passage():
    own = passage("Of its own, without the answer.", "own", **NOISE)
    assert beside_the_point([asked(own)], [own, passage("Oslo.")]) == []
    (one,) = beside_the_point([asked(own)], [own, passage("Another.", "other")])
    assert one.passages[0].id == "other"


def test_a_title_that_says_the_answer_is_the_answer():
    assert beside_the_point([asked()], [passage("On a fjord.", title="Oslo")]) == []


# --- hard ones, from an index -------------------------------------------------------------------

EMBEDDER = HashingEmbedder()


def hard(questions, *texts, **more):
    index = ListIndex(texts, name="wiki")
    retriever = RETRIEVERS.build("sparse", k=5)
    return found_beside_the_point(questions, retriever, [index], EMBEDDER, **more)


def city(id_="q", **more):
    return question("which city lies on a fjord", id_, answers=("Oslo",), **more)


def test_the_highest_ranked_passage_without_the_answer_is_the_hard_one():
    (one,) = hard([city()], "Oslo: which city lies on a fjord", "a fjord", "which city on a fjord")
    assert (one.condition, one.passages[0].id) == ("irrelevant", "wiki-2")


def test_where_everything_that_is_found_holds_the_answer_there_is_none():
    assert hard([city()], "Oslo lies on a fjord", "bees hum") == []


def test_batches_and_chosen_rows_change_nothing():
    questions = [city(), question("bees", "b", answers=("honey",)), city("again")]
    texts = ("a city on a fjord", "bees hum")
    whole = hard(questions, *texts)
    assert [(one.row, one.passages[0].id) for one in whole] == (
        [(0, "wiki-0"), (1, "wiki-1"), (2, "wiki-0")]
    )
    assert hard(questions, *texts, batch_size=1) == whole
    assert hard(questions, *texts, rows=[2, 1]) == [whole[2], whole[1]]


def test_the_document_of_a_true_passage_is_not_beside_the_point():
    class Named(ListIndex):
        def passages(self, rows):
            return [
                Passage(id=f"{row}", title="", text=self.texts[row], document_id=f"doc{row}")
                for row in rows
            ]

    gold = city(contexts=(passage("It is Oslo.", "doc0", is_gold=True),))
    (one,) = found_beside_the_point(
        [gold],
        RETRIEVERS.build("sparse", k=5),
        [Named(["which city lies on a fjord", "a fjord"])],
        EMBEDDER,
    )
    assert one.passages[0].document_id == "doc1"
