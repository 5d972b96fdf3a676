from __future__ import annotations

import gzip
import json
import os
from math import log
from pathlib import Path

import numpy as np
import pytest
from bm25s import BM25
from rank_bm25 import BM25Plus
from safetensors.numpy import save_file

from rag_router.errors import IndexCorruptError
from rag_router.indices.lexical import LexicalIndex
from rag_router.indices.postings import read_postings, write_postings
from rag_router.indices.postings_large import postings_by_bm25s
from rag_router.indices.postings_small import postings_by_rank_bm25
from rag_router.indices.terms import terms_of, words_of


def test_words_are_folded_without_stop_words_and_possessives():
    assert words_of("What is Italy's ＣＡＰＩＴＡＬ, the Straße?") == [
        "italy",
        "capital",
        "strasse",
    ]


def test_terms_are_words_without_their_endings():
    assert terms_of("Italy's wings, winged 1969 東京") == ["itali", "wing", "wing", "1969", "東京"]


def test_a_word_finds_its_other_forms_and_is_told_as_it_was_asked():
    hits = LexicalIndex(["the wings of planes", "a cat"]).search("Winged cats", k=2)
    assert [(hit.row, hit.terms) for hit in hits] == [(1, ("cats",)), (0, ("winged",))]


def test_a_query_in_another_script_finds_what_holds_its_words_and_nothing_else():
    index = LexicalIndex(["東京 は 日本 の 首都", "rome is the capital", "Рим столица"])
    assert [hit.row for hit in index.search("首都 東京", k=3)] == [0]
    assert [hit.row for hit in index.search("столица", k=3)] == [2]
    assert index.search("ผู้ใด", k=3) == []


def test_only_allowed_passages_are_found_however_good_the_others_are():
    index = LexicalIndex(["rome rome rome", "rome tiber", "rome italy alps"])
    allowed = np.array([False, True, True])
    assert [hit.row for hit in index.search("rome", k=1, allowed=allowed)] == [1]
    assert [hit.row for hit in index.search("rome", k=9, allowed=allowed)] == [1, 2]
    assert index.search("rome", k=9, allowed=np.zeros(3, dtype=bool)) == []


def test_the_score_is_that_of_the_paper():
    index = LexicalIndex(["rome tiber", "paris seine louvre eiffel"])
    hit = index.search("rome", k=5)[0]
    # Lengths 2 and 4, mean 3; N = 2, df = 1, tf = 1, k1 = 1.5, b = 0.75, delta = 1.
    norm = 1.5 * (1 - 0.75 + 0.75 * 2 / 3)
    assert (hit.row, hit.terms) == (0, ("rome",))
    assert hit.score == pytest.approx(log(3 / 1) * (1 + 1 * 2.5 / (norm + 1)))


def test_passages_that_hold_all_terms_score_as_in_rank_bm25():
    texts = ["rome italy tiber", "rome italy rome capital", "paris france", "italy alps snow"]
    index = LexicalIndex(texts)
    theirs = BM25Plus([text.split() for text in texts]).get_scores(["rome", "italy"])
    ours = {hit.row: hit.score for hit in index.search("rome italy", k=4)}
    assert sorted(ours) == [0, 1, 3]
    assert ours[0] == pytest.approx(theirs[0])
    assert ours[1] == pytest.approx(theirs[1])
    # rank-bm25 gives idf * delta also where a term is missing: ln(5 / 2) for "rome" in row 3.
    assert ours[3] == pytest.approx(theirs[3] - log(5 / 2))


def test_only_passages_that_share_a_term_are_hits():
    index = LexicalIndex(["rome", "paris"])
    assert [hit.row for hit in index.search("paris", k=5)] == [1]
    assert index.search("berlin", k=5) == []
    assert index.search("what is the", k=5) == []
    assert index.search("", k=5) == []


def test_ties_are_broken_by_the_order_of_the_passages():
    index = LexicalIndex(["rome a"] * 9 + ["rome rome"])
    assert [hit.row for hit in index.search("rome", k=3)] == [9, 0, 1]


def test_the_shared_terms_are_told_in_the_order_of_the_query():
    index = LexicalIndex(["tiber rome", "rome"])
    hits = index.search("rome on the tiber rome berlin", k=2)
    assert [hit.terms for hit in hits] == [("rome", "tiber"), ("rome",)]


def test_both_libraries_give_the_same_postings():
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(list("abcdefghij"), 6)) for _ in range(50)]
    tokenised = [text.split() for text in [*texts, "", "zz"]]
    small, large = postings_by_rank_bm25(tokenised), postings_by_bm25s(tokenised)
    assert sorted(small.numbers) == sorted(large.numbers)
    for term in small.numbers:
        one, other = LexicalIndex.of(small), LexicalIndex.of(large)
        (rows, scores), (rows_too, scores_too) = one.best([term], 99), other.best([term], 99)
        assert dict(zip(rows.tolist(), scores.tolist(), strict=True)) == pytest.approx(
            dict(zip(rows_too.tolist(), scores_too.tolist(), strict=True)), rel=1e-5
        )


def test_the_scores_of_bm25s_are_ours_where_all_terms_stand():
    tokenised = [["rome", "italy", "tiber"], ["rome", "italy", "rome"], ["paris"], ["italy"]]
    theirs = BM25(method="bm25+", k1=1.5, b=0.75, delta=1.0)
    theirs.index(tokenised, show_progress=False)
    scores = theirs.get_scores(["rome", "italy"])
    rows, ours = LexicalIndex.of(postings_by_bm25s(tokenised)).best(["rome", "italy"], 2)
    assert ours.tolist() == pytest.approx(scores[rows].tolist(), rel=1e-5)


CRANFIELD = Path(os.environ.get("BENCH_DATA", "")) / "cranfield"


@pytest.mark.skipif(
    not (CRANFIELD / "corpus.jsonl.gz").is_file(), reason="BENCH_DATA: no cranfield"
)
def test_on_cranfield_both_libraries_and_ours_agree():
    with gzip.open(CRANFIELD / "corpus.jsonl.gz", "rt") as file:
        tokenised = [terms_of(json.loads(line)["text"]) for line in file]
    with (CRANFIELD / "queries.jsonl").open() as file:
        queries = [terms_of(json.loads(line)["text"]) for line in list(file)[:25]]
    rank, fast = BM25Plus(tokenised), BM25(method="bm25+", k1=1.5, b=0.75, delta=1.0)
    fast.index(tokenised, show_progress=False)
    small, large = (
        LexicalIndex.of(made(tokenised)) for made in (postings_by_rank_bm25, postings_by_bm25s)
    )
    for terms in queries:
        known = [term for term in terms if term in rank.idf]
        whole = rank.get_scores(known)
        np.testing.assert_allclose(fast.get_scores(known), whole, rtol=1e-4)
        rows, scores = small.best(terms, len(tokenised))
        again, same = large.best(terms, len(tokenised))
        assert dict(zip(rows, scores, strict=True)) == pytest.approx(
            dict(zip(again, same, strict=True)), rel=1e-4
        )
        # Both also give idf * delta, which is idf, for every term that a passage lacks.
        lacked = [sum(rank.idf[t] for t in known if t not in rank.doc_freqs[r]) for r in rows]
        np.testing.assert_allclose(scores + np.array(lacked), whole[rows], rtol=1e-4)


def test_the_k_best_are_the_first_k_of_all(k=7):
    random = np.random.default_rng(1)
    words = [f"w{n}" for n in range(60)]
    weights = 1 / np.arange(1, 61)
    texts = [" ".join(random.choice(words, 12, p=weights / weights.sum())) for _ in range(400)]
    index = LexicalIndex(texts)
    for query in ("w0 w50", "w1 w2 w3", "w59", "w0 w0 w9"):
        everything = index.search(query, k=400)
        assert index.search(query, k=k) == everything[:k]


def test_postings_come_back_from_their_file_as_they_were(tmp_path):
    built = LexicalIndex(["rome tiber", "paris", "東京 rome"])
    write_postings(tmp_path / "terms", built.postings)
    again = LexicalIndex.of(read_postings(tmp_path / "terms", 3))
    for query in ("rome", "paris rome", "東京", "berlin"):
        assert again.search(query, k=3) == built.search(query, k=3)


def test_no_terms_at_all_can_be_written_and_read(tmp_path):
    write_postings(tmp_path / "terms", LexicalIndex(["", "the"]).postings)
    assert LexicalIndex.of(read_postings(tmp_path / "terms", 2)).search("rome", k=3) == []


@pytest.mark.parametrize(
    "change",
    [
        {"starts": np.array([0, 1, 5], dtype=np.int64)},
        {"starts": np.array([0, 3, 2], dtype=np.int64)},
        {"rows": np.array([0, 7], dtype=np.int32)},
        {"rows": np.array([-1, 0], dtype=np.int32)},
        {"rows": np.array([0, 1], dtype=np.int64)},
        {"scores": np.ones(3, dtype=np.float32)},
        {"terms": np.frombuffer(b"rome\nrome", dtype=np.uint8)},
        {"terms": np.frombuffer(b"\xff\n\xff", dtype=np.uint8)},
    ],
)
def test_postings_that_do_not_fit_are_refused(tmp_path, change):
    arrays = {
        "terms": np.frombuffer(b"paris\nrome", dtype=np.uint8),
        "starts": np.array([0, 1, 2], dtype=np.int64),
        "rows": np.array([0, 1], dtype=np.int32),
        "scores": np.ones(2, dtype=np.float32),
    }
    save_file(arrays, tmp_path / "sound")
    assert read_postings(tmp_path / "sound", 2).size == 2
    save_file(arrays | change, tmp_path / "broken")
    with pytest.raises(IndexCorruptError, match="broken"):
        read_postings(tmp_path / "broken", 2)


@pytest.mark.parametrize("texts", [[], [""], ["the of and"], ["", "  "]])
def test_nothing_to_search_is_no_error(texts):
    assert LexicalIndex(texts).search("rome", k=3) == []


def test_a_blank_passage_among_others_is_no_error():
    assert [hit.row for hit in LexicalIndex(["", "rome"]).search("rome", k=3)] == [1]


def test_a_common_term_still_counts():
    # rank-bm25's BM25+ has no negative idf: ln(4 / 3) > 0 for a term that all three hold.
    hits = LexicalIndex(["rome", "rome", "rome"]).search("rome", k=3)
    assert [hit.row for hit in hits] == [0, 1, 2]
    assert hits[0].score == pytest.approx(log(4 / 3) * (1 + 2.5 / 2.5))


def test_many_passages_are_searched_without_looking_at_each():
    random = np.random.default_rng(0)
    vocabulary = [f"term{n}" for n in range(2000)]
    texts = [" ".join(random.choice(vocabulary, 10)) for _ in range(5000)]
    index = LexicalIndex(texts)
    hits = index.search("term1 term2 term3", k=10)
    expected = {row for row, text in enumerate(texts) if {"term1", "term2"} <= set(text.split())}
    assert expected <= {hit.row for hit in hits} or len(expected) > 10
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
