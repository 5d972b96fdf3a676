from __future__ import annotations

import pytest

from rag_router.errors import DataError
from rag_router.eval.readers import read_qrels

TREC = "301 0 d1 1\n301\t0\td2\t2\n\n302 0 d1 -2\n"
BEIR = "query-id\tcorpus-id\tscore\n301\td1\t1\n301\td2\t2\n302\td1\t0\n"
OURS = (
    '{"query_id": 301, "doc_id": "d1", "relevance": 1}\n'
    '{"query_id": "301", "doc_id": "d2", "relevance": 2}\n'
    '{"query_id": "302", "doc_id": "d1", "relevance": 0}\n'
)


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "qrels"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("text", [TREC, BEIR, BEIR.partition("\n")[2], OURS])
def test_all_layouts_read_alike_and_junk_counts_as_not_relevant(write, text):
    assert read_qrels(write(text)) == {"301": {"d1": 1, "d2": 2}, "302": {"d1": 0}}


def test_a_line_that_stands_twice_is_no_matter_but_two_that_disagree_are(write):
    assert read_qrels(write("1 0 a 1\n1 0 a 1\n")) == {"1": {"a": 1}}
    path = write("1 0 b 1\n1 0 a 1\n1 0 a 2\n")
    with pytest.raises(DataError) as caught:
        read_qrels(path)
    assert caught.value.message == (
        f"{path}:3: document 'a' of query '1' has relevance 2, but 1 at {path}:2."
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 0 a\n", ":1: 3 columns instead of 4"),
        ("1 0 a 1\n1 0 a b 1\n", ":2: 5 columns instead of 4"),
        ("1 0 a 1\n1 0 b high\n", ":2: no judgement: '1 0 b high'"),
        ("1\ta\t1\n1\tb\t0.5\n", ":2: no judgement: '1 b 0.5'"),
        ("q\td\twhat\n1\ta\t1\n", ":1: no judgement"),
        ('{"query_id": "1", "doc_id": "a"}\n', ":1: relevance is no whole number"),
        ('{"query_id": "1", "doc_id": "a", "relevance": true}', ":1: relevance is no whole"),
        ('{"query_id": "1", "relevance": 1}\n', ":1: lacks 'doc_id'"),
        ("\n", " holds no judgement"),
    ],
)
def test_a_broken_line_is_named(write, text, said):
    path = write(text)
    with pytest.raises(DataError) as caught:
        read_qrels(path)
    assert caught.value.message.startswith(f"{path}{said}")
