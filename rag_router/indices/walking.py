"""Which files a list of paths means: folders are walked in order of their names.

A folder with a corpus and queries about it, as BEIR lays them out, is a test collection: of it
only the corpus is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from rag_router.errors import DocumentError
from rag_router.indices.documents import Skipped, SourceFile

__all__ = ["ARCHIVES", "KINDS", "find_files", "kind_of"]

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
"""The endings of files of which each holds several others."""

KINDS = (
    *(".txt", ".md", ".html", ".htm", ".pdf", ".docx", ".csv"),
    *(".jsonl", ".jsonl.gz"),
    *ARCHIVES,
)
"""The endings of the files that are read."""

_CORPUS = ("corpus.jsonl", "corpus.jsonl.gz")
_QUERIES = ("queries.jsonl", "queries.jsonl.gz", "qrels", "qrels.jsonl")


def find_files(
    paths: Sequence[Path], *, keep_going: bool = False
) -> tuple[list[SourceFile], list[Skipped]]:
    """Return what is to be read, each file once, and what was passed over.

    In a folder, hidden files and files of other kinds are passed over, and so is its README.md,
    which describes it. A file that is named itself is always read.

    Args:
        paths: Files and folders.
        keep_going: Whether a link that is refused, or a folder that cannot be read, is passed
            over as broken instead of being an error.

    Raises:
        DocumentError: a path does not exist, is of no readable kind, or holds a symbolic link
            that leads out of the paths given.
    """
    roots = [_resolved(path) for path in paths]
    walk = _Walk(roots, keep_going)
    files: dict[tuple[str, Path], SourceFile] = {}
    for path, root in zip(paths, roots, strict=True):
        if root.is_dir():
            found = list(walk.files(path, path))
        elif kind_of(path):
            found = [SourceFile(path=path, relative=path.name)]
        else:
            raise DocumentError(
                f"{path} is not a kind of file this reads.", hint=f"Kinds: {', '.join(KINDS)}."
            )
        for file in found:
            files.setdefault((file.relative, file.path.resolve()), file)
    return list(files.values()), walk.skipped


def kind_of(path: PurePath) -> str:
    """Return which of `KINDS` a path ends with, or an empty string."""
    name = path.name.lower()
    return next((kind for kind in KINDS if name.endswith(kind)), "")


class _Walk:
    """A walk through folders that notes what it passes over."""

    def __init__(self, roots: Sequence[Path], keep_going: bool) -> None:
        self.skipped: list[Skipped] = []
        self._roots = roots
        self._keep_going = keep_going

    def files(self, folder: Path, root: Path) -> Iterator[SourceFile]:
        others: Counter[str] = Counter()
        for entry in self._entries(folder):
            if entry.is_dir():
                # What a link inside the paths leads to is walked under its own name.
                if not entry.is_symlink():
                    yield from self.files(entry, root)
            elif not entry.is_file() or not kind_of(entry):
                others[entry.suffix.lower()] += 1
            elif entry.name.casefold() == "readme.md":
                self._pass_over(entry, "describes its folder")
            else:
                yield SourceFile(path=entry, relative=entry.relative_to(root).as_posix())
        for suffix, count in sorted(others.items()):
            self._pass_over(
                folder, f"{suffix or 'no ending'}: not a kind of file this reads", count
            )

    def _entries(self, folder: Path) -> list[Path]:
        """What is worth looking at in a folder, by name; links that lead out are refused."""
        try:
            seen = sorted(folder.iterdir(), key=lambda entry: entry.name)
        except OSError as exc:
            self._refuse(folder, DocumentError(f"{folder} cannot be read: {exc}."))
            return []
        names = {entry.name for entry in seen}
        is_collection = not names.isdisjoint(_CORPUS) and not names.isdisjoint(_QUERIES)
        kept = []
        for entry in seen:
            if entry.name.startswith("."):
                continue
            if is_collection and entry.name not in _CORPUS:
                self._pass_over(entry, "not the corpus of this test collection")
                continue
            try:
                if entry.is_symlink():
                    _refuse_a_way_out(entry, self._roots)
            except DocumentError as exc:
                self._refuse(entry, exc)
                continue
            kept.append(entry)
        return kept

    def _refuse(self, place: Path, error: DocumentError) -> None:
        if not self._keep_going:
            raise error
        self.skipped.append(Skipped(place=str(place), reason=error.message, broken=True))

    def _pass_over(self, place: Path, reason: str, count: int = 1) -> None:
        self.skipped.append(Skipped(place=str(place), reason=reason, count=count))


def _refuse_a_way_out(link: Path, roots: Sequence[Path]) -> None:
    target = _resolved(link)
    if not any(target.is_relative_to(root) for root in roots):
        raise DocumentError(
            f"{link} is a symbolic link that leads out of the paths given, to {target}.",
            hint="Name what it leads to as a path of its own, or put a copy in its place.",
        )


def _resolved(path: Path) -> Path:
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError) as exc:  # RuntimeError: links that lead in a circle
        raise DocumentError(f"{path} does not exist or cannot be read.") from exc
