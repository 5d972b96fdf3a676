from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import DataError, DocumentError, IndexUnavailableError, SettingsError
from rag_router.indices import Pair, QaMemory, Thresholds
from rag_router.indices.pairs import read_pairs
from rag_router.indices.qa_memory import fit_thresholds, wilson_lower

PAIRS = [
    Pair(question="Who wrote Hamlet?", answers=("Shakespeare", "William Shakespeare"), id="h"),
    Pair(question="Where is Rome?", answers=("Italy",), passage="Rome is the capital of Italy."),
]


@pytest.fixture
def memory(library, embedder):
    library.remember("known", PAIRS, embedder)
    return QaMemory(library.open("known", embedder), Thresholds(serve=0.99, pass_on=0.3))


def test_the_same_question_is_served_its_answer(memory, embedder):
    one, other = memory.recall(
        embedder.encode_queries(["Who wrote Hamlet?", "Who wrote Hamlet, then?"])
    )
    assert (one.outcome, one.answer, one.pair.id) == ("serve", "Shakespeare", "h#0")
    assert one.similarity == pytest.approx(1.0, abs=1e-5)
    assert (other.outcome, other.answer) == ("pass_on", None)
    assert other.pair.text == "Shakespeare"


def test_another_question_falls_through(memory, embedder):
    found = memory.recall(embedder.encode_queries(["zzz qqq"]))[0]
    assert (found.outcome, found.answer) == ("fall_through", None)


def test_only_questions_are_embedded_and_searched(memory, embedder):
    assert sorted(embedder.read) == ["Where is Rome?", "Who wrote Hamlet?"]
    assert memory.index.search_terms(["capital"], 3) == [[]]
    hits = memory.index.search_terms(["rome"], 3)[0]
    passage = memory.index.passages([hits[0].row])[0]
    assert passage.text == "Italy\nRome is the capital of Italy."
    assert passage.meta == {"answer": "Italy", "answers": ["Italy"]}


def test_a_pair_of_the_same_id_takes_the_new_answer_and_no_new_embedding(library, embedder):
    library.remember("known", PAIRS, embedder)
    embedder.read.clear()
    changed = Pair(question="Who wrote Hamlet?", answers=("Marlowe",), id="h")
    report = library.remember("known", [changed], embedder)
    assert (report.replaced, report.passages) == (1, 2)
    found = QaMemory(library.open("known", embedder)).recall(
        embedder.encode_queries(["Who wrote Hamlet?"])
    )
    assert found[0].answer == "Marlowe"


def test_two_pairs_of_one_id_that_differ_are_refused(library, embedder):
    twice = [PAIRS[0], Pair(question="Who?", answers=("Me",), id="h")]
    with pytest.raises(DocumentError, match="two pairs are called 'h' and differ"):
        library.remember("known", twice, embedder)
    assert library.names() == []


def test_documents_and_pairs_never_share_an_index(library, embedder, corpus):
    library.remember("known", PAIRS, embedder)
    with pytest.raises(IndexUnavailableError, match="holds questions with answers"):
        library.add("known", [corpus], embedder)
    library.add("world", [corpus], embedder)
    with pytest.raises(IndexUnavailableError, match="holds documents"):
        library.remember("world", PAIRS, embedder)
    with pytest.raises(SettingsError, match="index 'world' holds documents"):
        QaMemory(library.open("world", embedder))


def test_an_empty_memory_knows_nothing(library, embedder):
    library.remember("known", PAIRS[:1], embedder)
    library.erase("known", ["h"])
    found = QaMemory(library.open("known", embedder)).recall(embedder.encode_queries(["Who?"]))
    assert (found[0].outcome, found[0].pair) == ("fall_through", None)


def test_pairs_are_read_from_lines(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text(
        '{"question": "Q?", "answer": "A"}\n{"id": 7, "question": "R?", "answers": ["B", "C"]}\n'
    )
    one, other = read_pairs(path)
    assert (one.question, one.answers, one.id) == ("Q?", ("A",), "")
    assert (other.id, other.answers, other.source) == ("7", ("B", "C"), f"{path}:2")


@pytest.mark.parametrize(
    "row",
    [
        {"question": "Q?"},
        {"answers": ["A"]},
        {"question": "Q?", "answers": [1]},
        {"question": 1, "answers": ["A"]},
        {"question": "Q?", "answers": ["A"], "meta": []},
    ],
)
def test_a_line_that_is_no_pair_is_named(tmp_path, row):
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(DocumentError, match=r"pairs\.jsonl:1"):
        read_pairs(path)


@pytest.mark.parametrize(
    "pair", [Pair(question=" ", answers=("A",)), Pair(question="Q", answers=("",))]
)
def test_a_pair_without_question_or_answer_is_refused(library, embedder, pair):
    with pytest.raises(DocumentError, match="no question, or no answer"):
        library.remember("known", [pair], embedder)


def test_the_lower_bound_is_wilson_s():
    # 9 of 10 right, z = 1.2816 for 0.9: (0.9 + 0.08212 - 1.2816 sqrt(0.009 + 0.0041062)) / 1.16424
    assert wilson_lower(9, 10, 0.9) == pytest.approx((0.98212 - 0.146718) / 1.164237, abs=1e-4)
    assert wilson_lower(0, 0, 0.9) == 0.0
    assert 0 < wilson_lower(10, 10, 0.9) < 1


def test_thresholds_are_the_least_that_keep_the_targets():
    # 40 right ones at 0.9 and above, then 20 wrong ones at 0.5, then 40 more at 0.2.
    similar = [0.95] * 20 + [0.9] * 20 + [0.5] * 20 + [0.2] * 40
    right = [True] * 40 + [False] * 60
    fitted = fit_thresholds(similar, right, serve_precision=0.9, pass_precision=0.5)
    # At 0.5: 40 of 60 are right, at least 0.585; at 0.2: 40 of 100, too few.
    assert (fitted.serve, fitted.pass_on) == (0.9, 0.5)
    assert (fitted.served, fitted.passed_on) == ((0.4, 1.0), (0.6, pytest.approx(2 / 3)))


def test_the_curve_tells_how_likely_a_pair_is_right():
    similar = [1.0] * 40 + [0.5] * 40
    fitted = fit_thresholds(similar, [True] * 30 + [False] * 10 + [True] * 10 + [False] * 30)
    # Of Platt's targets, 41/42 for what is right and 1/42 for what is wrong: 30 and 10, 10 and 30.
    high = (30 * 41 / 42 + 10 / 42) / 40
    assert fitted.p_right(1.0) == pytest.approx(high, abs=1e-4)
    assert fitted.p_right(0.5) == pytest.approx(1 - high, abs=1e-4)


def test_without_wrong_or_right_ones_there_is_no_curve():
    assert fit_thresholds([0.9] * 50, [True] * 50).curve is None
    assert fit_thresholds([0.9] * 50, [False] * 50).curve is None
    assert (Thresholds().p_right(0.7), Thresholds().p_right(-0.2)) == (0.7, 0.0)


def test_what_is_never_right_is_never_served():
    fitted = fit_thresholds([0.9] * 50, [False] * 50)
    assert fitted.outcome(1.0) == "fall_through"
    assert fitted.served == (0.0, 0.0)


def test_few_questions_prove_little():
    assert fit_thresholds([0.99] * 3, [True] * 3).outcome(1.0) != "serve"


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.booleans()), min_size=1, max_size=60),
    st.floats(0.1, 0.9),
)
def test_a_stricter_target_never_lowers_a_threshold(rows, target):
    similar, right = zip(*rows, strict=True)
    loose = fit_thresholds(similar, right, serve_precision=target, pass_precision=0.05)
    strict = fit_thresholds(similar, right, serve_precision=target + 0.05, pass_precision=0.05)
    assert loose.serve <= strict.serve
    assert loose.pass_on <= loose.serve


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"serve_precision": 1.0}, "serve_precision is 1.0"),
        ({"confidence": 0.5}, "confidence is 0.5"),
        ({"serve_precision": 0.4, "pass_precision": 0.6}, "more than the 40%"),
    ],
)
def test_impossible_targets_are_errors(options, message):
    with pytest.raises(SettingsError, match=message):
        fit_thresholds([0.5], [True], **options)


@pytest.mark.parametrize(("similar", "right"), [([], []), ([0.5], []), ([np.nan], [True])])
def test_nothing_to_choose_by_is_an_error(similar, right):
    with pytest.raises(DataError):
        fit_thresholds(similar, right)


def test_thresholds_the_wrong_way_round_are_an_error():
    with pytest.raises(SettingsError, match=r"passed on from 0\.9"):
        Thresholds(serve=0.5, pass_on=0.9)


def test_a_memory_is_judged_by_labelled_questions(memory, embedder):
    vectors = embedder.encode_queries(["Who wrote Hamlet?", "Where is Rome?"])
    similar, right = memory.judged(vectors, [["william shakespeare", "shakespeare"], ["France"]])
    np.testing.assert_allclose(similar, [1, 1], atol=1e-5)
    assert right.tolist() == [True, False]
