from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from conflict_rows import ToldTyper, asked, passage
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import DataError
from rag_router.eval.conflicts import AnswerType, make_conflicts
from rag_router.eval.conflicts.mentions import composed, find_mentions, usable_aliases
from rag_router.eval.conflicts.rules import RuleTyper
from rag_router.scoring import alias_match, normalise
from rag_router.types import Question

PLACES = ToldTyper()

CAPITALS = [
    asked(f"The capital is {city}.", city, id=city, question="where is it")
    for city in ("Oslo", "Rome", "Paris", "Bonn")
]


def test_a_row_has_both_passages_and_says_what_was_done():
    questions = [
        Question(
            id="q1",
            text="who got the first nobel prize in physics",
            answers=("Wilhelm Röntgen", "Röntgen"),
            contexts=(
                passage(
                    "In 1901, Wilhelm Röntgen's discovery won. Röntgen was 56.",
                    id="p1",
                    title="Wilhelm Röntgen",
                ),
            ),
            meta={"split": "dev"},
        ),
        asked("It was Marie Curie.", "Marie Curie", id="q2", question="who found radium"),
    ]
    made = make_conflicts(questions, RuleTyper(), seed=7)
    assert made.rows[0] == {
        "id": "q1",
        "question": "who got the first nobel prize in physics",
        "answers": ["Wilhelm Röntgen", "Röntgen"],
        "contexts": [
            {
                "id": "cf-p1",
                "title": "Marie Curie",
                "text": "In 1901, Marie Curie's discovery won. Marie Curie was 56.",
                "is_gold": False,
                "has_answer": True,
                "kind": "counterfactual",
            },
            {
                "id": "p1",
                "title": "Wilhelm Röntgen",
                "text": "In 1901, Wilhelm Röntgen's discovery won. Röntgen was 56.",
                "is_gold": True,
                "has_answer": True,
                "kind": "original",
            },
        ],
        "meta": {
            "split": "dev",
            "paired": True,
            "counterfactual_answers": ["Marie Curie"],
            "substitution": {
                "policy": "corpus",
                "type": "PERSON",
                "original": "Wilhelm Röntgen",
                "substitute": "Marie Curie",
                "substitute_type": "PERSON",
                "seed": 7,
            },
        },
    }
    # The other way round, the longer name is the substitute, and the shorter tells as well.
    answers = made.rows[1]["meta"]["counterfactual_answers"]
    assert answers == ["Wilhelm Röntgen", "Röntgen"]
    assert made.rows[1]["contexts"][0]["text"] == "It was Wilhelm Röntgen."


def test_what_is_made_and_left_out_is_counted():
    questions = [
        *CAPITALS,
        asked("Of ice.", "ice", id="ice"),
        asked("Nowhere.", "Rome", id="nowhere"),
        asked("It was Ada.", "Ada", id="alone"),
        asked("", "Rome", id="bare", contexts=[]),
    ]
    typer = ToldTyper({"ice": AnswerType.OTHER, "Ada": AnswerType.PERSON})
    made = make_conflicts(questions, typer)
    assert (made.read, len(made.rows), made.types) == (8, 4, {"LOCATION": 4})
    assert made.skipped == {
        "no_gold_passage": 1,
        "answer_not_in_passage": 1,
        "other_type": 1,
        "no_substitute": 1,
    }
    assert made.read == len(made.rows) + sum(made.skipped.values())


def test_all_passages_that_hold_the_answer_are_altered():
    both = [passage("In Oslo.", id="1"), passage("By Oslo.", id="2"), passage("No.", id="3")]
    first = asked("", "Oslo", id="both", contexts=both)
    row = make_conflicts([first, CAPITALS[1]], PLACES).rows[0]
    assert [(c["id"], c["text"]) for c in row["contexts"]] == [
        ("cf-1", "In Rome."),
        ("1", "In Oslo."),
        ("cf-2", "By Rome."),
        ("2", "By Oslo."),
    ]


def test_an_alias_keeps_the_true_answer():
    questions = [asked("It is Oslo.", "Oslo", "Oslo, Norway")]
    [row] = make_conflicts(questions, PLACES, policy="alias").rows
    assert row["contexts"][0]["text"] == "It is Oslo, Norway."
    assert row["meta"]["counterfactual_answers"] == ["Oslo, Norway"]
    assert set(row["meta"]["counterfactual_answers"]) <= set(row["answers"])


def test_popularity_is_written_down_where_it_is_known():
    questions = [replace(q, meta={"o_pop": 10 + n}) for n, q in enumerate(CAPITALS)]
    popular = {q.answers[0]: q.meta["o_pop"] for q in questions}
    for row in make_conflicts(questions, PLACES, policy="popularity").rows:
        done = row["meta"]["substitution"]
        assert done["substitute_popularity"] == popular[done["substitute"]]


def test_a_type_swap_says_both_types():
    typer = ToldTyper({"Ada": AnswerType.PERSON})
    questions = [CAPITALS[0], asked("It was Ada.", "Ada", id="ada")]
    done = [
        r["meta"]["substitution"] for r in make_conflicts(questions, typer, policy="type-swap").rows
    ]
    assert [(d["type"], d["substitute_type"], d["substitute"]) for d in done] == [
        ("LOCATION", "PERSON", "Ada"),
        ("PERSON", "LOCATION", "Oslo"),
    ]


def test_another_seed_draws_other_substitutes():
    def drawn(seed: int) -> tuple[str, ...]:
        rows = make_conflicts(CAPITALS, PLACES, seed=seed).rows
        return tuple(row["meta"]["substitution"]["substitute"] for row in rows)

    assert drawn(1) == drawn(1)
    assert len({drawn(seed) for seed in range(10)}) > 1


def test_progress_is_told_to_the_end():
    heard: list[tuple[int, int]] = []
    make_conflicts(CAPITALS, PLACES, on_progress=lambda done, all_: heard.append((done, all_)))
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_set_without_gold_passages_says_so():
    questions = [replace(q, contexts=()) for q in CAPITALS]
    with pytest.raises(DataError, match="none of the 4 questions has a gold passage") as caught:
        make_conflicts(questions, PLACES)
    assert "is_gold" in caught.value.hint


def test_a_set_with_one_answer_of_each_type_makes_nothing():
    with pytest.raises(DataError, match="of 1 questions: no_substitute 1"):
        make_conflicts(CAPITALS[:1], PLACES)
    with pytest.raises(DataError, match="of 0 questions"):
        make_conflicts([], PLACES)


def test_one_id_for_two_questions_is_an_error():
    with pytest.raises(DataError, match="'Oslo' stands in more than one"):
        make_conflicts([*CAPITALS, CAPITALS[0]], PLACES)


# Sets of questions about few words, so that answers meet each other in every way.
word = st.sampled_from(
    ["Ada", "Bonn", "Cork", "Rome", "X", "Rhys", "Ely", "7", "12", "O'Neil", "Jr.", "US", "rome"]
)
MANY = ToldTyper(
    {
        **dict.fromkeys(("Ada", "Rhys", "O'Neil", "Ada O'Neil", "Rhys Jr."), AnswerType.PERSON),
        **dict.fromkeys(("7", "12", "12 7"), AnswerType.NUMERIC),
    }
)
phrase = st.lists(word, min_size=1, max_size=2).map(" ".join)
filler = st.sampled_from(["was,", "'s", "the", "and", "of", "in", "saw", ".", ",5"])


@st.composite
def about(draw: st.DrawFn, name: str) -> Question:
    """A question whose passage says one of its answers at least once."""
    answers = draw(st.lists(phrase, min_size=1, max_size=2))
    said = st.sampled_from(answers)
    pieces = draw(st.lists(st.one_of(filler, filler, phrase, said), max_size=8))
    text = " ".join([*pieces, draw(filler), draw(said), draw(filler), draw(phrase)])
    title = draw(st.sampled_from(["", "Bonn", "On Rome"]))
    return asked(text.replace(" '", "'").replace(" ,", ","), *answers, id=name, title=title)


@st.composite
def sets(draw: st.DrawFn) -> list[Question]:
    return [draw(about(f"q{n}")) for n in range(draw(st.integers(min_value=3, max_value=8)))]


def made_of(questions: list[Question], **options: object):
    try:
        return make_conflicts(questions, MANY, **options).rows
    except DataError:
        return []


@given(sets(), st.sampled_from(["corpus", "type-swap"]), st.integers(0, 3))
def test_no_answer_remains_and_the_substitute_stands_in_each_place(questions, policy, seed):
    by_id = {q.id: q for q in questions}
    for row in made_of(questions, policy=policy, seed=seed):
        aliases = usable_aliases(by_id[row["id"]].answers)
        [name, *_] = told = row["meta"]["counterfactual_answers"]
        altered, original = row["contexts"]
        for part in ("title", "text"):
            before = find_mentions(composed(original[part]), aliases)
            assert len(find_mentions(altered[part], (name,))) == len(before)
            assert find_mentions(altered[part], aliases) == []
            assert find_mentions(composed(original[part]), (name,)) == []
        said = f" {normalise(altered['text'])} "
        assert not any(f" {normalise(alias)} " in said for alias in aliases)
        # Whoever answers with the substitute is not right, and the other way round.
        assert not any(alias_match(one, row["answers"]) for one in told)
        assert not any(alias_match(answer, told) for answer in aliases)


@given(sets(), st.randoms(use_true_random=False), st.integers(0, 3))
def test_what_a_row_draws_depends_neither_on_the_order_nor_on_what_else_is_made(
    questions, random, seed
):
    rows = made_of(questions, seed=seed)
    shuffled = list(questions)
    random.shuffle(shuffled)
    again = made_of(shuffled, seed=seed)
    assert sorted(again, key=lambda row: row["id"]) == sorted(rows, key=lambda row: row["id"])
    assert [row["id"] for row in again] == [
        q.id for q in shuffled if q.id in {row["id"] for row in rows}
    ]
    for one in rows[:1]:
        assert made_of(questions, seed=seed, only={one["id"]}) == [one]


@given(sets())
def test_every_question_is_made_or_skipped_for_one_reason(questions):
    try:
        made = make_conflicts(questions, MANY)
    except DataError as error:
        assert f" {len(questions)} questions" in error.message
        return
    assert made.read == len(questions) == len(made.rows) + sum(made.skipped.values())
    assert Counter(row["meta"]["substitution"]["type"] for row in made.rows) == made.types
