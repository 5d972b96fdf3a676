"""All layouts of question files: one line each, and the first that claims a file reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rag_router.errors import DataError, UnknownNameError
from rag_router.eval.readers import (
    beir,
    flashrag,
    jsonl,
    kilt,
    mrqa,
    nq_open,
    popqa,
    squad,
    trec_topics,
    triviaqa,
)
from rag_router.eval.readers.head import Head, read_head
from rag_router.types import Question

__all__ = ["FORMATS", "Format", "find_format", "read_file"]


@dataclass(frozen=True, slots=True)
class Format:
    """A layout of question files.

    Attributes:
        read: Yields the questions of a file.
        claims: Whether a file that begins so is of this layout.
        layout: What it looks like.
    """

    read: Callable[[Path], Iterator[Question]]
    claims: Callable[[Head], bool]
    layout: str


# Ours comes last: it claims whatever asks a question.
FORMATS: Final = {
    "mrqa": Format(mrqa.read_mrqa, mrqa.is_mrqa, mrqa.LAYOUT),
    "squad": Format(squad.read_squad, squad.is_squad, squad.LAYOUT),
    "triviaqa": Format(triviaqa.read_triviaqa, triviaqa.is_triviaqa, triviaqa.LAYOUT),
    "kilt": Format(kilt.read_kilt, kilt.is_kilt, kilt.LAYOUT),
    "flashrag": Format(flashrag.read_flashrag, flashrag.is_flashrag, flashrag.LAYOUT),
    "nq_open": Format(nq_open.read_nq_open, nq_open.is_nq_open, nq_open.LAYOUT),
    "popqa": Format(popqa.read_popqa, popqa.is_popqa, popqa.LAYOUT),
    "trec": Format(trec_topics.read_topics, trec_topics.is_trec, trec_topics.LAYOUT),
    "beir": Format(beir.read_beir_queries, beir.is_beir_queries, beir.LAYOUT),
    "jsonl": Format(jsonl.read_jsonl, jsonl.is_jsonl, jsonl.LAYOUT),
}


def read_file(path: Path, format: str = "auto") -> Iterator[Question]:
    """Yield the questions of a file in order.

    Args:
        path: The file, plain or .gz.
        format: A name in `FORMATS`, or "auto" to tell by how the file begins.

    Raises:
        DataError: the file is broken, or of no known layout.
        UnknownNameError: there is no such format.
    """
    if format == "auto":
        format = find_format(path)
    if format not in FORMATS:
        raise UnknownNameError("question format", format, ["auto", *FORMATS])
    return FORMATS[format].read(path)


def find_format(path: Path) -> str:
    """The name of the layout that a file begins like.

    Raises:
        DataError: it begins like none; says what was seen and lists all.
    """
    head = read_head(path)
    for name, one in FORMATS.items():
        if one.claims(head):
            return name
    known = " ".join(f"{name}: {one.layout}" for name, one in FORMATS.items())
    raise DataError(f"{path} is no question file: saw {head.seen}.", hint=f"Known are {known}")
