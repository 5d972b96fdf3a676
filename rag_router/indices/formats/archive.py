"""Archives of documents: .zip and .tar, packed or not, opened one member at a time.

An archive comes from outside, and may unpack to a thousand times its size, name files that lie
elsewhere, or hold links and devices. What it declares is checked first, and what it really
unpacks to is counted; no member's name ever becomes a path of this machine: each is copied into a
file of our own naming, read like any other, and thrown away.
"""

from __future__ import annotations

import gzip
import lzma
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Final, NoReturn, cast

from rag_router.errors import DocumentError
from rag_router.indices.documents import Document, Skipped, SourceFile
from rag_router.indices.walking import ARCHIVES, kind_of
from rag_router.settings import DocumentSettings

__all__ = ["MEMBERS", "Read", "read_archive"]

Read = Callable[[SourceFile, DocumentSettings], Iterator[Document]]

MEMBERS: Final = 10_000
"""Most members of an archive."""

_PIECE: Final = 2**20
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_ENCRYPTED: Final = 1
"""The bit of a member's flags that says so."""
_NESTED: Final = "an archive in an archive is not opened"
_BROKEN: Final = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError),
    *(EOFError, NotImplementedError),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """A plain file of an archive, readable until the next one is asked for."""

    name: str
    opened: IO[bytes]


@dataclass(slots=True)
class _Allowance:
    """How many bytes may still be unpacked."""

    file: SourceFile
    limits: DocumentSettings
    left: int

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            _refuse(
                self.file,
                f"unpacks to more than {self.limits.unpacked_mb} MiB",
                "Set documents.unpacked_mb higher, if the archive can be trusted.",
            )


def read_archive(
    file: SourceFile, limits: DocumentSettings, readers: Mapping[str, Read]
) -> Iterator[Document | Skipped]:
    """Yield the documents of all members in their order, and at last what was passed over.

    A document is called after the archive and its place there: `papers.zip/2024/one.pdf`.

    Args:
        file: The archive.
        limits: What is refused; `unpacked_mb` and `file_mb` hold for what comes out.
        readers: By the ending of a member.

    Raises:
        DocumentError: it is broken, encrypted, unpacks to too much or names what lies outside;
            or a member cannot be read.
    """
    allowance = _Allowance(file, limits, limits.unpacked_mb * 2**20)
    passed_over: Counter[str] = Counter()
    members = _of_zip if kind_of(file.path) == ".zip" else _of_tar
    with TemporaryDirectory(prefix="archive-") as folder, _whole(file):
        for number, member in enumerate(members(file, allowance, passed_over)):
            _require_inside(file, member.name)
            if reason := _why_not(member.name, readers):
                passed_over[reason] += 1
                continue
            kind = kind_of(PurePosixPath(member.name))
            copy = _copied(member, Path(folder) / f"{number}{kind}", file, allowance)
            yield from _documents(copy, member.name, file, limits, readers[kind])
            copy.unlink()
    for reason, count in sorted(passed_over.items()):
        yield Skipped(place=str(file.path), reason=reason, count=count)


def _of_zip(
    file: SourceFile, allowance: _Allowance, passed_over: Counter[str]
) -> Iterator[_Member]:
    with zipfile.ZipFile(file.path) as packed:
        members = packed.infolist()
        _require_few(file, len(members))
        # zipfile never unpacks more of a member than is declared here.
        replace(allowance).take(sum(member.file_size for member in members))
        for member in members:
            if member.is_dir():
                continue
            # The upper half of the attributes is the mode, where the archive was made on Unix.
            if (member.external_attr >> 16) & 0o170000 == 0o120000:
                _require_inside(file, member.filename)
                passed_over["a link is not followed"] += 1
                continue
            if member.flag_bits & _ENCRYPTED:
                _refuse(file, "is encrypted", "Pack it again without a password.")
            with packed.open(member) as opened:
                yield _Member(name=member.filename, opened=opened)


def _of_tar(
    file: SourceFile, allowance: _Allowance, passed_over: Counter[str]
) -> Iterator[_Member]:
    packed = kind_of(file.path) != ".tar"
    with (
        gzip.open(file.path, "rb") if packed else file.path.open("rb") as raw,
        # As a stream, so that nothing is unpacked twice, and what is passed over counts, too.
        tarfile.open(
            fileobj=cast("IO[bytes]", _Counted(cast("IO[bytes]", raw), allowance)), mode="r|"
        ) as members,
    ):
        for number, member in enumerate(members, start=1):
            _require_few(file, number)
            opened = members.extractfile(member) if member.isreg() else None
            if opened is not None:
                yield _Member(name=member.name, opened=opened)
            elif not member.isdir():
                _require_inside(file, member.name)
                passed_over["a link or device is not followed"] += 1


class _Counted:
    """A stream whose bytes are taken from what may be unpacked."""

    def __init__(self, raw: IO[bytes], allowance: _Allowance) -> None:
        self._raw = raw
        # Headers and padding come on top of what the members hold.
        self._allowance = replace(allowance, left=allowance.left + 3 * tarfile.BLOCKSIZE * MEMBERS)

    def read(self, size: int) -> bytes:
        piece = self._raw.read(size)
        self._allowance.take(len(piece))
        return piece


def _copied(member: _Member, to: Path, file: SourceFile, allowance: _Allowance) -> Path:
    """Copy a member into a file of its own."""
    most, size = allowance.limits.file_mb * 2**20, 0
    with to.open("wb") as copy:
        while piece := member.opened.read(_PIECE):
            size += len(piece)
            allowance.take(len(piece))
            if size > most:
                _refuse(
                    file,
                    f"holds {member.name!r}, which is larger than {allowance.limits.file_mb} MiB",
                    "Set documents.file_mb higher, or split the file.",
                )
            try:
                copy.write(piece)
                copy.flush()
            except OSError as exc:
                _refuse(file, f"cannot be unpacked: {exc.strerror or exc}", "See to free space.")
    return to


def _documents(
    copy: Path, name: str, file: SourceFile, limits: DocumentSettings, read: Read
) -> Iterator[Document]:
    """Read the copy of a member, and call everything by where it was in the archive."""
    place = f"{file.path}/{name}"
    source = SourceFile(path=copy, relative=f"{file.relative}/{name}")
    try:
        for document in read(source, limits):
            yield replace(document, source=document.source.replace(str(copy), place, 1))
    except DocumentError as exc:
        raise DocumentError(
            exc.message.replace(str(copy), place), hint=exc.hint.replace(str(copy), place)
        ) from exc


def _why_not(name: str, readers: Mapping[str, Read]) -> str:
    """Say why a member is passed over; an empty text if it is read."""
    path = PurePosixPath(name)
    if any(part.startswith(".") or part == "__MACOSX" for part in path.parts):
        return "hidden files are not read"
    kind = kind_of(path)
    if kind in ARCHIVES:
        return _NESTED
    return "" if kind in readers else f"{path.suffix.lower() or 'no ending'}: not read in archives"


def _require_inside(file: SourceFile, name: str) -> None:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0] == "/" or _DRIVE.match(name) or "\\" in name:
        _refuse(file, f"holds {name[:80]!r}, which leads out of it", "Pack it anew.")
    if not name.isprintable():
        _refuse(file, f"holds {name[:80]!r}, which cannot be shown", "Give it another name.")


def _require_few(file: SourceFile, count: int) -> None:
    if count > MEMBERS:
        _refuse(file, f"has more than {MEMBERS} members", "Split it into several.")


@contextmanager
def _whole(file: SourceFile) -> Iterator[None]:
    try:
        yield
    except _BROKEN as exc:
        raise DocumentError(
            f"{file.path} is a broken archive: {type(exc).__name__}: {str(exc)[:200]}.",
            hint="Pack it anew, or leave it out.",
        ) from exc


def _refuse(file: SourceFile, what: str, hint: str) -> NoReturn:
    raise DocumentError(f"{file.path} {what}.", hint=hint)
