from __future__ import annotations

import io
import stat
import tarfile
import zipfile

import pytest
from made import pdf

from rag_router.errors import DocumentError
from rag_router.indices.documents import Skipped, SourceFile
from rag_router.indices.formats.worker import FORMATS
from rag_router.indices.readers import read_paths
from rag_router.indices.walking import kind_of
from rag_router.settings import DocumentSettings

FILES = {
    "read.md": b"# Pumps\n\nThe Foxglove pump is oiled.",
    "2026/one.txt": b"Rome is old.",
    "2026/two.csv": b"id,text\nrow-1,Oslo is cold.\n",
    "lines.jsonl": b'{"id": "line-1", "text": "Bern is small."}\n',
}


def zipped(path, files, *, links=()):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, raw in files.items():
            made.writestr(name, raw)
        for name in links:
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            made.writestr(info, "/etc/passwd")
    return path


def tarred(path, files, *, links=()):
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as made:
        for name, raw in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            made.addfile(info, io.BytesIO(raw))
        for name in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            made.addfile(info)
    return path


def packed(path, files, **more):
    return (zipped if path.suffix == ".zip" else tarred)(path, files, **more)


def read(path, **limits):
    """Read an archive in this process; returns its documents, and what was passed over."""
    file = SourceFile(path=path, relative=path.name)
    found = list(FORMATS[kind_of(path)](file, DocumentSettings(**limits)))
    skipped = [one for one in found if isinstance(one, Skipped)]
    return [one for one in found if one not in skipped], skipped


@pytest.fixture(params=["a.zip", "a.tar", "a.tar.gz", "a.tgz"])
def archive(request, tmp_path):
    return tmp_path / request.param


def test_every_document_of_an_archive_is_read_and_called_by_its_place(archive):
    documents, skipped = read(packed(archive, FILES | {"b.pdf": pdf(["Paris."])}))
    name = archive.name
    assert {d.id: d.source for d in documents} == {
        f"{name}/read.md": f"{archive}/read.md",
        f"{name}/2026/one.txt": f"{archive}/2026/one.txt",
        "row-1": f"{archive}/2026/two.csv:2",
        "line-1": f"{archive}/lines.jsonl:1",
        f"{name}/b.pdf": f"{archive}/b.pdf",
    }
    assert documents[0].title == "Pumps"
    assert skipped == []


def test_what_is_no_document_is_passed_over_and_told(archive):
    files = {"a.txt": b"text", "b.exe": b"MZ", "in.zip": b"PK", ".hidden.txt": b"no"}
    documents, skipped = read(packed(archive, files, links=("link.txt",)))
    assert [d.id for d in documents] == [f"{archive.name}/a.txt"]
    link = "a link is not followed" if archive.suffix == ".zip" else "a link or device is not"
    assert [(one.reason, one.count) for one in skipped if not one.reason.startswith(link)] == [
        (".exe: not read in archives", 1),
        ("an archive in an archive is not opened", 1),
        ("hidden files are not read", 1),
    ]
    assert len(skipped) == 4
    assert {one.place for one in skipped} == {str(archive)}


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "/etc/out.txt", "C:out.txt"])
def test_an_archive_that_leads_out_of_itself_is_refused_whole(archive, name):
    before = sorted(archive.parent.parent.iterdir())
    packed(archive, {"a.txt": b"text", name: b"out"})
    with pytest.raises(DocumentError, match="leads out of it"):
        read(archive)
    assert sorted(archive.parent.parent.iterdir()) == before


def test_an_archive_that_unpacks_to_too_much_is_refused(archive):
    # Two MiB of zeros are two thousand bytes packed.
    packed(archive, {"a.txt": b"text", "b.txt": bytes(2 * 2**20)})
    with pytest.raises(DocumentError, match="unpacks to more than 1 MiB") as caught:
        read(archive, unpacked_mb=1)
    assert "documents.unpacked_mb" in caught.value.hint


def test_what_is_passed_over_counts_for_what_a_packed_stream_unpacks_to(tmp_path):
    # 1 MiB for the members, and 10,000 times three blocks of 512 bytes for what describes them.
    path = tarred(tmp_path / "a.tgz", {"a.exe": bytes(17 * 2**20), "b.txt": b"text"})
    with pytest.raises(DocumentError, match="unpacks to more than 1 MiB"):
        read(path, unpacked_mb=1)


def test_a_member_above_the_limit_of_files_is_refused(archive):
    packed(archive, {"a.txt": b"x" * (2 * 2**20)})
    with pytest.raises(DocumentError, match=r"'a\.txt', which is larger than 1 MiB"):
        read(archive, file_mb=1)


def test_an_archive_of_too_many_members_is_refused(archive):
    packed(archive, {f"{n}.exe": b"" for n in range(10_001)})
    with pytest.raises(DocumentError, match="more than 10000 members"):
        read(archive)


def test_a_broken_member_is_named_by_its_place(archive):
    packed(archive, {"a.txt": b"text", "b/cut.pdf": pdf(["cut"])[:300]})
    with pytest.raises(DocumentError) as caught:
        read(archive)
    assert caught.value.message.startswith(f"{archive}/b/cut.pdf is cut off")


@pytest.mark.parametrize("keep", [0, 10, 100])
def test_a_broken_archive_is_refused_and_not_read_in_part(archive, keep):
    raw = packed(archive, FILES).read_bytes()
    archive.write_bytes(b"x" * 20 + raw[20 : 20 + keep])
    with pytest.raises(DocumentError, match="is a broken archive"):
        read(archive)


def test_an_encrypted_archive_is_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.txt": b"text"})
    raw = bytearray(path.read_bytes())
    # The first flag of the entry and of its line in the list at the end.
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(DocumentError, match="is encrypted"):
        read(path)


def test_a_name_that_cannot_be_shown_is_refused(archive):
    packed(archive, {"a\u202etxt.md": b"text"})
    with pytest.raises(DocumentError, match="cannot be shown"):
        read(archive)


def test_archives_are_read_apart_like_other_foreign_files(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.txt": b"Rome is old.", "b.exe": b"MZ"})
    documents, skipped = read_paths([path])
    assert [(d.id, d.sections[0].text) for d in documents] == [("a.zip/a.txt", "Rome is old.")]
    assert [(one.place, one.reason) for one in skipped] == [
        (str(path), ".exe: not read in archives")
    ]
