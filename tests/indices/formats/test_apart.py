from __future__ import annotations

import pytest
from made import pdf

from rag_router.errors import DocumentError
from rag_router.indices.documents import SourceFile
from rag_router.indices.formats.apart import ReaderProcess
from rag_router.indices.readers import read_paths
from rag_router.settings import DocumentSettings


def file(path):
    return SourceFile(path=path, relative=path.name)


def test_foreign_files_are_read_and_broken_ones_reported(tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf(["Rome."], ["Oslo."]))
    (tmp_path / "b.pdf").write_bytes(pdf(["cut"])[:300])
    (tmp_path / "c.html").write_text("<h1>Page</h1><p>Text.")
    (tmp_path / "d.csv").write_text("id,text\n1,one\n2,two\n")
    with pytest.raises(DocumentError, match=r"b\.pdf is cut off"):
        read_paths([tmp_path])
    documents, skipped = read_paths([tmp_path], keep_going=True)
    assert [d.id for d in documents] == ["a.pdf", "c.html", "1", "2"]
    assert documents[0].sections[0].pages == ((0, 1), (6, 2))
    assert [d.source for d in documents][::2] == [
        str(tmp_path / "a.pdf"),
        f"{tmp_path / 'd.csv'}:2",
    ]
    assert [(s.place, s.broken) for s in skipped] == [(str(tmp_path / "b.pdf"), True)]


def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_read(tmp_path):
    (tmp_path / "slow.csv").write_text("id,text\n" + "".join(f"{n},x\n" for n in range(400_000)))
    (tmp_path / "quick.csv").write_text("id,text\n1,one\n")
    hurried = ReaderProcess(DocumentSettings(seconds=0.001))
    try:
        with pytest.raises(DocumentError, match=r"takes longer than 0\.001 s"):
            hurried.read(file(tmp_path / "slow.csv"), ".csv")
    finally:
        hurried.close()
    patient = ReaderProcess(DocumentSettings())
    try:
        with pytest.raises(DocumentError, match="does not name the columns"):
            (tmp_path / "empty.csv").write_text("")
            patient.read(file(tmp_path / "empty.csv"), ".csv")
        assert [d.id for d in patient.read(file(tmp_path / "quick.csv"), ".csv")] == ["1"]
    finally:
        patient.close()


def test_a_file_that_needs_too_much_memory_is_given_up(tmp_path):
    # 60 MB of text are some hundred MB once they are decoded, cut to cells and written as JSON.
    (tmp_path / "large.csv").write_text("id,text\n1," + "x" * 60_000_000 + "\n")
    process = ReaderProcess(DocumentSettings(memory_mb=64))
    try:
        with pytest.raises(DocumentError, match=r"large\.csv"):
            process.read(file(tmp_path / "large.csv"), ".csv")
    finally:
        process.close()
