from __future__ import annotations

import gzip

import pytest

from rag_router.errors import DataError
from rag_router.eval.datasets import read_questions
from rag_router.eval.readers import read_corpus, read_retrieval_files, read_retrieval_set
from rag_router.types import Passage

BEIR = {
    "corpus.jsonl": '{"_id": "d1", "title": "T", "text": "fish", "metadata": {"year": 1}}\n',
    "queries.jsonl": '{"_id": "1", "text": "fish?"}\n{"_id": "2", "text": "fowl?"}\n',
    "qrels/test.tsv": "query-id\tcorpus-id\tscore\n1\td1\t1\n",
    "qrels/train.tsv": "query-id\tcorpus-id\tscore\n2\td1\t1\n",
}
OURS = {
    "corpus.jsonl.gz": '{"id": "d1", "title": "T", "text": "fish"}\n',
    "queries.jsonl": '{"id": "1", "text": "fish?"}\n',
    "qrels.jsonl": '{"query_id": "1", "doc_id": "d1", "relevance": 3}\n',
}


@pytest.fixture
def write(tmp_path):
    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            raw = text.encode()
            path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
        return tmp_path

    return write


def test_a_beir_folder_gives_the_queries_of_one_split(write):
    folder = write(BEIR)
    found = read_retrieval_set(folder)
    assert found.queries == {"1": "fish?"}
    assert found.qrels == {"1": {"d1": 1}}
    assert found.corpus == (folder / "corpus.jsonl",)
    assert found.unjudged == ("2",)
    assert read_retrieval_set(folder, split="train").queries == {"2": "fowl?"}


def test_our_folder_reads_alike(write):
    folder = write(OURS)
    found = read_retrieval_set(folder)
    assert (found.queries, found.qrels) == ({"1": "fish?"}, {"1": {"d1": 3}})
    assert found.corpus == (folder / "corpus.jsonl.gz",)
    assert found.unjudged == ()


def test_topics_and_judgements_may_stand_in_files_of_their_own(write):
    folder = write(
        {
            "topics.txt": "<top>\n<num> Number: 7\n<title> fish\n</top>\n",
            "judged.txt": "7 0 d1 1\n",
        }
    )
    found = read_retrieval_files(folder / "topics.txt", folder / "judged.txt")
    assert (found.queries, found.qrels, found.corpus) == ({"7": "fish"}, {"7": {"d1": 1}}, ())


def test_a_missing_file_or_split_is_named_with_what_is_there(write):
    folder = write(BEIR)
    with pytest.raises(DataError, match=r"no 'dev'; saw test.tsv, train.tsv"):
        read_retrieval_set(folder, split="dev")
    (folder / "queries.jsonl").unlink()
    with pytest.raises(DataError, match=r"no 'queries'; saw corpus.jsonl"):
        read_retrieval_set(folder)
    with pytest.raises(DataError, match="is no folder"):
        read_retrieval_set(folder / "none")


def test_a_plain_and_a_packed_file_of_one_name_are_an_error(write):
    folder = write(OURS | {"queries.jsonl.gz": '{"id": "1", "text": "old?"}\n'})
    with pytest.raises(DataError, match="more than one file called 'queries'"):
        read_retrieval_set(folder)


def test_a_judged_query_that_is_not_among_the_queries_is_an_error(write):
    folder = write(OURS | {"queries.jsonl": '{"id": "q1", "text": "fish?"}\n'})
    with pytest.raises(DataError, match=r"1 of 1 queries that .* judges are not in .*: '1'"):
        read_retrieval_set(folder)


def test_documents_of_a_corpus_are_read_file_after_file_and_stand_once(write):
    folder = write(BEIR | {"more.jsonl": '{"id": "d2", "text": "fowl"}\n'})
    paths = [folder / "corpus.jsonl", folder / "more.jsonl"]
    assert list(read_corpus(paths)) == [
        Passage(id="d1", title="T", text="fish", meta={"metadata": {"year": 1}}),
        Passage(id="d2", title="", text="fowl"),
    ]
    with pytest.raises(DataError, match=r"more.jsonl:1: the id 'd2' stands twice, first at .*:1"):
        list(read_corpus([*paths, folder / "more.jsonl", folder / "none"]))


def test_a_corpus_is_not_taken_for_questions_but_queries_may_be_asked(write):
    folder = write(OURS)
    with pytest.raises(DataError, match="no question file: saw an object with the keys id, text"):
        read_questions([folder / "corpus.jsonl.gz"])
    with pytest.raises(DataError, match="It is a retrieval set"):
        read_questions([folder])
    assert [(q.id, q.text) for q in read_questions([folder / "queries.jsonl"])] == [("1", "fish?")]
