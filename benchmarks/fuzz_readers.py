"""Files that nobody would write: documents, settings, journals and manifests.

    python -m benchmarks.fuzz_readers [--only documents,settings,journal,manifest] [--seconds 1800]

Inputs are made by atheris, guided by which branches of our own code they reach, from seeds of every
kind. What is read may be refused, by an error of the package's own tree and by no other; it may
not take longer than ten seconds nor more than a gigabyte. Document readers are called in the
process that fuzzes, where nothing but themselves keeps them from crashing it. Each harness runs in
a process of its own, and what it stumbled over is kept with `--keep FOLDER`.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HANG_S = 10
MOST_MB = 1024
LONGEST = 65_536
"""Bytes of an input."""
_INSTRUMENTED = ["rag_router.indices", "rag_router.batch", "rag_router.settings", "pypdf"]
Read = Callable[[bytes], None]


def main() -> None:
    """Run the harnesses one after another and record; exit with 1 where one stumbled."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default=",".join(HARNESSES), help="harnesses")
    parser.add_argument("--seconds", type=int, default=1800, help="of each harness")
    parser.add_argument("--keep", type=Path, help="folder for inputs that a harness stumbled over")
    parser.add_argument("--child", metavar="NAME", help=argparse.SUPPRESS)
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    arguments, rest = parser.parse_known_args()
    if find_spec("atheris") is None:
        print("skipped: atheris is not there (pip install 'rag-router[security]')", file=sys.stderr)
        return
    if arguments.child:
        _fuzz(arguments.child, arguments.corpus, rest)
        return
    figures = {}
    for name in arguments.only.split(","):
        figures[name] = {
            "seconds": arguments.seconds,
            **_run(name, arguments.seconds, arguments.keep),
        }
        print(name, figures[name], file=sys.stderr)
    from benchmarks.record import record

    record("fuzz-readers", figures)
    sys.exit(any(one["stumbled"] for one in figures.values()))


def _run(name: str, seconds: int, keep: Path | None) -> dict[str, Any]:
    """Fuzz one thing in a process of its own, and say how it went."""
    with tempfile.TemporaryDirectory(prefix="rr-fuzz-") as folder:
        corpus, found = Path(folder) / "corpus", Path(folder) / "found"
        corpus.mkdir()
        found.mkdir()
        _, seeds = HARNESSES[name]
        for number, raw in enumerate(seeds()):
            (corpus / f"seed-{number}").write_bytes(raw)
        words = Path(folder) / "words"
        if name in WORDS:
            words.write_text("".join(f'"{word}"\n' for word in sorted(WORDS[name]())))
        done = subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.fuzz_readers"),
                *("--child", name, "--corpus", str(corpus)),
                *(f"-max_total_time={seconds}", f"-timeout={HANG_S}", f"-rss_limit_mb={MOST_MB}"),
                *(f"-max_len={LONGEST}", f"-artifact_prefix={found}/", "-seed=1"),
                *("-print_final_stats=1", "-close_fd_mask=1"),
                *([f"-dict={words}"] if name in WORDS else []),
            ],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        stumbled = sorted(path.name for path in found.iterdir())
        if keep is not None:
            shutil.copytree(found, keep / name, dirs_exist_ok=True)
        runs = re.search(r"number_of_executed_units: (\d+)", done.stderr)
        peak = re.search(r"peak_rss_mb: +(\d+)", done.stderr)
        said = "" if done.returncode == 0 else done.stderr[-2000:]
        kinds = {
            kind: sum(n.startswith(kind) for n in stumbled) for kind in ("crash", "timeout", "oom")
        }
    return {
        "runs": int(runs[1]) if runs else 0,
        "peak_mb": int(peak[1]) if peak else None,
        **kinds,
        "stumbled": bool(stumbled) or done.returncode != 0,
        **({"said": said} if said else {}),
    }


def _fuzz(name: str, corpus: Path, options: list[str]) -> None:
    import logging

    import atheris

    logging.disable()
    make, _ = HARNESSES[name]
    with tempfile.TemporaryDirectory() as folder:
        # Beside the harness's own imports nothing is instrumented, so that it is quick enough.
        with atheris.instrument_imports(include=_INSTRUMENTED):
            read = make(Path(folder))
            from rag_router.errors import RagRouterError

        def one(raw: bytes) -> None:
            with suppress(RagRouterError):
                read(raw)

        atheris.Setup([sys.argv[0], *options, str(corpus)], one)
        atheris.Fuzz()


def _documents(folder: Path) -> Read:
    """Reads a file of the kind that the first byte names, as the process apart does."""
    from rag_router.indices.documents import SourceFile
    from rag_router.indices.formats.worker import FORMATS, told_of
    from rag_router.indices.hidden import unhidden
    from rag_router.indices.readers import IN_PROCESS
    from rag_router.settings import DocumentSettings

    limits = DocumentSettings(file_mb=1, unpacked_mb=8, pages=50, nesting=64)
    kinds = sorted({*FORMATS, *IN_PROCESS})

    def read(raw: bytes) -> None:
        kind = kinds[raw[0] % len(kinds)] if raw else ".txt"
        path = folder / f"file{kind}"
        path.write_bytes(raw[1:])
        file = SourceFile(path=path, relative=path.name)
        if kind in IN_PROCESS:
            found: list[Any] = list(IN_PROCESS[kind](file))
        else:
            found = list(told_of(file, kind, limits))
        for document in found:
            if hasattr(document, "sections"):
                unhidden(document)

    return read


def _settings(folder: Path) -> Read:
    """Reads a file of settings, without building what it names."""
    from rag_router.settings import load_settings

    path = folder / "settings.toml"

    def read(raw: bytes) -> None:
        path.write_bytes(raw)
        load_settings(path, {})

    return read


def _journal(folder: Path) -> Read:
    """Opens a journal, binds a job to it and reads all its lines."""
    from rag_router.batch.journal import Journal

    path = folder / "journal.sqlite"

    def read(raw: bytes) -> None:
        for beside in folder.iterdir():
            beside.unlink()
        path.write_bytes(raw)
        with Journal(path) as journal:
            journal.bind({"model": "m", "seed": "0"})
            journal.plan([(0, "a"), (1, "b")])
            journal.answered(["a", "b"])
            list(journal.lines())
            journal.failed()

    return read


def _manifest(folder: Path) -> Read:
    """Reads a manifest; half of them with a checksum that is right."""
    from rag_router.indices.manifest import MANIFEST, _checksum, check_files, read_manifest

    def read(raw: bytes) -> None:
        text = raw[1:]
        if raw[:1] > b"\x7f":
            try:
                body = json.loads(text)
                body.pop("checksum", None)
                text = json.dumps(body | {"checksum": _checksum(body)}).encode()
            except (ValueError, TypeError, AttributeError, RecursionError):
                pass
        (folder / MANIFEST).write_bytes(text)
        check_files(folder, read_manifest(folder))

    return read


def _document_seeds() -> Iterator[bytes]:
    from rag_router.indices.formats.worker import FORMATS
    from rag_router.indices.readers import IN_PROCESS

    kinds = sorted({*FORMATS, *IN_PROCESS})
    text = b"# Title\n\nRome is old. Oslo\xe2\x80\xae is cold.\n"
    rows = b'{"id": "a", "title": "T", "text": "Rome", "meta": {"n": 1}}\n'
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a/b.md", text)
        made.writestr("c.jsonl", rows)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        info = tarfile.TarInfo("a/b.md")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    seeds = {
        ".csv": b'id,title,text\n1,T,Rome\n2,U,"Oslo, cold"\n',
        ".docx": _docx(),
        ".html": b"<html><head><title>T</title></head><body><h1>A</h1><p>Rome<ul><li>x</ul>",
        ".jsonl": rows,
        ".jsonl.gz": gzip.compress(rows),
        ".md": text,
        ".pdf": _pdf(),
        ".tar": plain.getvalue(),
        ".tar.gz": gzip.compress(plain.getvalue()),
        ".txt": text.decode().encode("utf-16"),
        ".zip": packed.getvalue(),
    }
    for kind, raw in seeds.items():
        yield bytes([kinds.index(kind)]) + raw


def _docx() -> bytes:
    import docx

    document, raw = docx.Document(), io.BytesIO()
    document.add_heading("Title", 1)
    document.add_paragraph("Rome is old.")
    document.add_table(2, 2).cell(0, 0).text = "Oslo"
    document.save(raw)
    return raw.getvalue()


def _pdf() -> bytes:
    text = b"BT /F1 12 Tf 10 10 Td (Rome is old.) Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    raw, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(raw))
        raw += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    begin = len(raw)
    raw += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % p for p in places)
    return raw + b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % begin


def _settings_seeds() -> Iterator[bytes]:
    yield b'[generator]\nmodel = "gemma-3-270m"\nbatch_size = 8\n[gate]\nname = "confidence"\n'
    yield b'indexes = ["a"]\n[trust]\na = 0.5\n[[filters]]\nname = "instructions"\n'
    yield b'[[experts]]\nname = "a"\nmodel = "m"\n[experts.remote]\nretries = 1\n'
    yield b"[limits]\nwaiting = 0\n[serve]\nport = 99999\n"


def _journal_seeds() -> Iterator[bytes]:
    from rag_router.batch.journal import Journal

    with _folder() as folder:
        path = folder / "journal.sqlite"
        with Journal(path) as journal:
            journal.bind({"model": "m", "seed": "0"})
            journal.plan([(0, "a"), (1, "b")])
        yield path.read_bytes()


def _manifest_seeds() -> Iterator[bytes]:
    from rag_router.indices.documents import Document, Section
    from rag_router.indices.library import Library
    from rag_router.indices.manifest import MANIFEST
    from rag_router.models.scripted_embedder import HashingEmbedder

    with _folder() as folder:
        section = Section(title="T", text="Rome is old.")
        document = Document(id="a", title="T", source="s", sections=(section,))
        Library(folder).put("seed", [document], HashingEmbedder())
        (path,) = folder.rglob(MANIFEST)
        yield b"\x00" + path.read_bytes()
        yield b"\xff" + path.read_bytes()


def _settings_words() -> set[str]:
    """What settings are called, and the signs between them."""
    from rag_router.settings import Settings

    found: set[str] = {" = ", "\\x0a[", "\\x0a[[", "]", "true", "0.5", "10", "[]", "{}"}

    def look(schema: Any) -> None:
        if isinstance(schema, dict):
            found.update(schema.get("properties", {}))
            found.update(one for one in schema.get("enum", []) if isinstance(one, str))
            for one in schema.values():
                look(one)
        elif isinstance(schema, list):
            for one in schema:
                look(one)

    look(Settings.model_json_schema())
    return found


def _manifest_words() -> set[str]:
    """The names in a manifest, and the signs between them."""
    _, raw = _manifest_seeds()
    return {*re.findall(r"\w+", raw[1:].decode()), r"\"", "{", "}", ": ", "null", "-1", "[", "]"}


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


HARNESSES: dict[str, tuple[Callable[[Path], Read], Callable[[], Iterator[bytes]]]] = {
    "documents": (_documents, _document_seeds),
    "settings": (_settings, _settings_seeds),
    "journal": (_journal, _journal_seeds),
    "manifest": (_manifest, _manifest_seeds),
}
WORDS: dict[str, Callable[[], set[str]]] = {
    "settings": _settings_words,
    "manifest": _manifest_words,
}
"""What inputs of a kind are likely to be made of, which mutations by chance hardly hit upon."""

if __name__ == "__main__":
    main()
