"""The question files of a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rag_router.errors import DataError
from rag_router.eval.readers.formats import find_format, read_file
from rag_router.eval.readers.lines import bare_name, bare_suffix
from rag_router.eval.readers.retrieval import is_retrieval_set
from rag_router.types import Question

__all__ = ["question_files", "read_folder"]

_SUFFIXES: Final = {".jsonl", ".json", ".tsv"}
_NO_QUESTIONS: Final = {"corpus", "qrels", "queries"}


def read_folder(folder: Path, format: str = "auto") -> Iterator[Question]:
    """Yield the questions of all question files of a folder, in the order of their names.

    Args:
        folder: Not searched below itself.
        format: A name of a format for all files, or "auto" to tell for each.

    Raises:
        DataError: there is none, one is broken, or an id stands in two of them.
    """
    seen: dict[str, Path] = {}
    for path in question_files(folder, format):
        for question in read_file(path, format):
            first = seen.setdefault(question.id, path)
            if first != path:
                raise DataError(
                    f"the id {question.id!r} stands in {first} and in {path}.",
                    hint="Name the file that is meant instead of the folder.",
                )
            yield question


def question_files(folder: Path, format: str = "auto") -> list[Path]:
    """The files of a folder that hold questions, in the order of their names.

    Corpora, queries and judgements of a retrieval set are left out, and so is, unless a format is
    named, what begins like no question file.

    Raises:
        DataError: there is none.
    """
    try:
        there = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as exc:
        raise DataError(f"{folder} cannot be read: {exc}.") from exc
    likely = [
        path
        for path in there
        if bare_suffix(path) in _SUFFIXES and bare_name(path) not in _NO_QUESTIONS
    ]
    found = [path for path in likely if format != "auto" or _is_known(path)]
    if not found:
        hint = (
            "It is a retrieval set: measure retrievers on it, or name its file of queries."
            if is_retrieval_set(folder)
            else "Name a file, or a folder of .jsonl, .json or .tsv files with questions."
        )
        seen = ", ".join(path.name for path in there[:10]) or "nothing"
        raise DataError(f"{folder} holds no question files: saw {seen}.", hint=hint)
    return found


def _is_known(path: Path) -> bool:
    try:
        find_format(path)
    except DataError:
        return False
    return True
