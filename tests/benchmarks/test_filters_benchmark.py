from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from little_house import scripted_expert
from stand_ins import hit, question

from benchmarks import fit_filters
from benchmarks.filters_ranking import Lines, kept_by, ranking, supports, with_texts
from benchmarks.filters_reading import Reading, without_answers
from benchmarks.filters_table import markdown
from rag_router.filters.budget import BudgetFilter
from rag_router.filters.scored import ScoredFilter
from rag_router.models.scripted import Reply
from rag_router.outcomes import OutcomeCache, RecordCache
from rag_router.types import Passage

OSLO, BEES = "Oslo lies on a fjord.", "Bees hum."


def lines(count=40):
    """Of two passages the first one holds the answer, but for every fourth question."""
    return Lines(
        [question("on what does Oslo lie", str(n), answers=("fjord",)) for n in range(count)],
        [[hit(OSLO if n % 4 else BEES, f"a{n}"), hit(BEES, f"b{n}", rank=2)] for n in range(count)],
    )


class OsloFilter(ScoredFilter):
    """Sure of what speaks of Oslo."""

    def raw(self, questions, judged, context):
        return [[2.0 if "Oslo" in j.hit.passage.text else -2.0 for j in line] for line in judged]


def test_passages_are_ranked_with_intervals_over_questions():
    some = lines()
    scores = {"oslo": supports(OsloFilter(), some), "rank": -np.tile([1.0, 2.0], 40)}
    found = ranking(scores, some, less={"oslo": "rank"})
    assert (found["questions"], found["passages"], found["helpful"]) == (40, 80, 0.375)
    assert found["oslo"] == [1, 1, 1]
    # 30 helpful ones of rank 1 beside 10 others of rank 1 (a draw) and 40 of rank 2: 0.9.
    assert found["rank"][0] == 0.9
    assert found["rank"][1] < 0.9 < found["rank"][2]
    assert found["oslo_less_rank"][0] == pytest.approx(0.1)


def test_too_few_questions_have_a_figure_without_an_interval():
    few = lines(2)
    scores = {"oslo": supports(OsloFilter(), few), "none": np.zeros(4)}
    found = ranking(scores, few, less={"oslo": "none"})
    assert (found["oslo"], found["none"], found["oslo_less_none"]) == ([1], [0.5], [0.5])


def test_what_a_chain_leaves_is_counted_in_words_and_answers():
    # One passage of two is left, the first: 5 words of 7 for 30 questions, 2 of 4 for 10.
    found = kept_by((BudgetFilter(passages=1),), lines())
    assert found == {"words_kept": round(170 / 250, 4), "answer_kept": 1}


def test_passages_without_answers_are_those_of_another_question_or_the_own_ones():
    some = lines(8)
    assert [len(line) for line in without_answers(some).hits] == [2, 1, 1, 1, 2, 1, 1, 1]
    # The next question's: number 3 gets those of number 4, none of which has the answer.
    assert [len(line) for line in without_answers(some, moved=1).hits] == [1, 1, 1, 2, 1, 1, 1, 2]


def test_texts_are_looked_up_where_a_set_has_none(tmp_path):
    rows = [{"id": f"w{n}", "title": "T", "text": f"text {n}"} for n in range(3)]
    with gzip.open(tmp_path / "passages_0.jsonl.gz", "wt") as out:
        out.write("\n".join(map(json.dumps, rows)))
    contexts = tuple(Passage(id=name, title="", text="") for name in ("w2", "nowhere", "w0"))
    (found,) = with_texts([question("q", "1", answers=("a",), contexts=contexts)], tmp_path)
    assert [one.text for one in found.contexts] == ["text 2", "", "text 0"]


def script(prompt):
    """Says what a passage says, and else nothing right."""
    return Reply("fjord" if OSLO in prompt else "a hill", 0.8)


@pytest.fixture
def reading(tmp_path):
    kept = tmp_path / "outcomes.sqlite"
    outcomes, records = OutcomeCache(kept), RecordCache(kept)
    yield Reading(scripted_expert(script), outcomes, records)
    outcomes.close()
    records.close()


def test_chains_are_compared_with_the_best_passage_and_with_none(reading):
    chains = {"none": (), "short": (BudgetFilter(passages=1),)}
    found = reading.accuracies(chains, lines(4), beside=("none", "top 1", "closed book"))
    assert found["n"] == 4
    assert list(found["rows"]) == ["none", "short", "top 1", "closed book"]
    short, best = found["rows"]["short"], found["rows"]["top 1"]
    # The best passage alone is what the chain leaves, too; it says so for three of the four.
    assert short["answer_accuracy"] == best["answer_accuracy"] == 0.75
    assert short["tokens_kept"] == best["tokens_kept"] < 1
    assert short["less_top_1"] == [0, 0, 0]
    assert short["less_closed_book"][0] == 0.75
    assert found["rows"]["closed book"]["tokens_kept"] == 0
    assert "less_none" not in found["rows"]["none"]


def test_supports_are_kept_and_nobody_is_asked_twice(reading):
    some, asked = lines(3), []

    class Counting(OsloFilter):
        def raw(self, questions, judged, context):
            asked.extend(questions)
            return super().raw(questions, judged, context)

    first = reading.supports((Counting(),), some)
    assert reading.supports((Counting(),), some).tolist() == first.tolist()
    # Two of the three are the same question with the same passages.
    assert len(asked) == 2
    assert first == pytest.approx(supports(OsloFilter(), some))


def test_a_table_says_what_was_measured_and_no_more():
    ranked = {"questions": 4, "passages": 40, "helpful": 0.2, "learned": [0.92, 0.9, 0.94]}
    row = {"answer_accuracy": 0.5, "answer_accuracy_95": [0.4, 0.6], "tokens_kept": 0.25}
    made = markdown(
        {
            "ranking": ranked | {"cosine": [0.9]},
            "sets": {
                "tempqa": {
                    "ranking": {"questions": 1, "passages": 9, "helpful": 0.0},
                    "kept": {"default": {"words_kept": 0.25}},
                }
            },
            "untaught": {"popqa": 0.81},
            "models": {
                "tiny": {
                    "found": {
                        "n": 3,
                        "rows": {"none": row, "default": row | {"less_none": [-0.1, -0.2, 0.0]}},
                    },
                    "ms": {"passages": 20, "default": 3.25},
                }
            },
        }
    )
    assert "| judged by | nq_gold, BM25 | tempqa |" in made
    assert "| cosine | 0.900 |  |" in made
    assert "| `learned` | 0.920 [0.900, 0.940] |  |" in made
    assert "having learned from the other sets alone: 0.810 on popqa." in made
    assert "| tempqa | default | 0.25 |  |" in made
    assert "| default | 0.500 [0.400, 0.600] | -0.100 [-0.200, +0.000] | 0.25 |" in made
    assert "Time for 20 passages: default 3.2 ms." in made
    assert "irrelevant" not in made


def test_sets_are_read_one_after_another_and_named_by_their_folders(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        rows = [{"id": f"{name}{n}", "question": "q?", "answers": ["a"]} for n in range(9)]
        (tmp_path / name / "dev.jsonl").write_text("\n".join(map(json.dumps, rows)))
    read = fit_filters.read_sets(tmp_path, {"one/dev.jsonl": 5, "two/dev.jsonl": 2}, limit=4)
    assert read.sets == ["one"] * 4 + ["two"] * 2
    assert len({asked.id for asked in read.questions}) == 6


def test_a_pupil_is_not_taught_what_it_will_be_asked(tmp_path):
    for name, asked in (("one", ("who?", "what?")), ("two", ("Who", "where?"))):
        (tmp_path / name).mkdir()
        rows = [{"id": f"{name}-{q}", "question": q, "answers": ["a"]} for q in asked]
        (tmp_path / name / "dev.jsonl").write_text("\n".join(map(json.dumps, rows)))
    every = fit_filters.read_sets(tmp_path, {"one/dev.jsonl": 5, "two/dev.jsonl": 5})
    rest = fit_filters.without(every, [question("who?", "asked")])
    left = sorted(zip([asked.text for asked in rest.questions], rest.sets, strict=True))
    assert left == [("what?", "one"), ("where?", "two")]
