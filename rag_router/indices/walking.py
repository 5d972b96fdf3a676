"""Which files a list of paths means: folders are walked in order of their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from rag_router.errors import DocumentError
from rag_router.indices.documents import Skipped

__all__ = ["KINDS", "SourceFile", "find_files", "kind_of"]

KINDS = (".txt", ".md", ".jsonl", ".jsonl.gz")
"""The endings of the files that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file to read, and its path below the path that was given, with `/` between the parts."""

    path: Path
    relative: str


def find_files(paths: Sequence[Path]) -> tuple[list[SourceFile], list[Skipped]]:
    """Return what is to be read, each file once, and what was passed over.

    In a folder, hidden files and files of other kinds are passed over, and so is its README.md,
    which describes it. A file that is named itself is always read.

    Raises:
        DocumentError: a path does not exist, is of no readable kind, or holds a symbolic link
            that leads out of the paths given.
    """
    roots = [_resolved(path) for path in paths]
    files: dict[tuple[str, Path], SourceFile] = {}
    skipped: list[Skipped] = []
    for path, root in zip(paths, roots, strict=True):
        if root.is_dir():
            found = list(_walk(path, path, roots, skipped))
        elif kind_of(path):
            found = [SourceFile(path=path, relative=path.name)]
        else:
            raise DocumentError(
                f"{path} is not a kind of file this reads.", hint=f"Kinds: {', '.join(KINDS)}."
            )
        for file in found:
            files.setdefault((file.relative, file.path.resolve()), file)
    return list(files.values()), skipped


def kind_of(path: PurePath) -> str:
    """Return which of `KINDS` a path ends with, or an empty string."""
    name = path.name.lower()
    return next((kind for kind in KINDS if name.endswith(kind)), "")


def _walk(
    folder: Path, root: Path, roots: Sequence[Path], skipped: list[Skipped]
) -> Iterator[SourceFile]:
    others: Counter[str] = Counter()
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as exc:
        raise DocumentError(f"{folder} cannot be read: {exc}.") from exc
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_symlink():
            _refuse_a_way_out(entry, roots)
        if entry.is_dir():
            # What a link inside the paths leads to is walked under its own name.
            if not entry.is_symlink():
                yield from _walk(entry, root, roots, skipped)
        elif not entry.is_file() or not kind_of(entry):
            others[entry.suffix.lower()] += 1
        elif entry.name.casefold() == "readme.md":
            skipped.append(Skipped(place=str(entry), reason="describes its folder"))
        else:
            yield SourceFile(path=entry, relative=entry.relative_to(root).as_posix())
    for suffix, count in sorted(others.items()):
        reason = f"{suffix or 'no ending'}: not a kind of file this reads"
        skipped.append(Skipped(place=str(folder), reason=reason, count=count))


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
