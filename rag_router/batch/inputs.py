"""What a job asks: questions from files, each of a shared index or of every document."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rag_router.batch.items import Item, Trouble
from rag_router.batch.reading import read_rows
from rag_router.batch.rows import as_document, as_question
from rag_router.errors import DataError, UsageError
from rag_router.indices.chunking import SentenceChunker
from rag_router.types import Passage, Question

__all__ = ["Selection", "items_of", "items_of_documents", "read_items"]

Items = Callable[[], Iterator[Item]]
"""Yields the same items each time it is called."""

_CHUNKER: Final = SentenceChunker(max_tokens=150, overlap_tokens=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which lines of the input are answered.

    Attributes:
        limit: How many at most, >= 0; None takes all.
        shuffle_seed: Draws which ones `limit` and `shard` take; None takes them in order. The
            output keeps the order of the input.
        shard: This one of so many parts of the input, (i, n) with 1 <= i <= n; the parts are
            disjoint and together everything.

    Raises:
        UsageError: a limit or shard that cannot be.
    """

    limit: int | None = None
    shuffle_seed: int | None = None
    shard: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        part, parts = self.shard
        if not 1 <= part <= parts:
            raise UsageError(
                f"there is no shard {part} of {parts}.", hint="Give 1/4 to 4/4, for instance."
            )
        if self.limit is not None and self.limit < 0:
            raise UsageError(f"a limit of {self.limit} questions cannot be.")

    def choose(self, items: Items) -> Items:
        """Return what yields the chosen lines of these alone, in their order."""
        part, parts = self.shard
        if self.shuffle_seed is None:

            def some() -> Iterator[Item]:
                taken = 0
                for place, item in enumerate(items()):
                    if taken == self.limit:
                        return
                    if place % parts == part - 1:
                        taken += 1
                        yield item

            return some
        order = list(range(sum(1 for _ in items())))
        random.Random(self.shuffle_seed).shuffle(order)  # noqa: S311 - nothing is kept secret
        chosen = frozenset(order[part - 1 :: parts][: self.limit])
        return lambda: (item for place, item in enumerate(items()) if place in chosen)


def read_items(paths: Sequence[Path]) -> Items:
    """Return what yields the questions of files; a line that is none says what is wrong with it.

    An id that stands twice is wrong with the second line that has it.
    """
    return lambda: _named_once(_questions(paths))


def items_of(questions: Iterable[Question | str]) -> Iterator[Item]:
    """Yield questions that are there already; those without an id are numbered from 1."""
    return _named_once(
        Item(
            number=number,
            id=one.id if isinstance(one, Question) else str(number + 1),
            question=one if isinstance(one, Question) else Question(id=str(number + 1), text=one),
        )
        for number, one in enumerate(questions)
    )


def items_of_documents(questions: Items, paths: Sequence[Path]) -> Items:
    """Return what yields every question once for each document, document after document.

    The document is the only context; a long one comes in passages of about 150 words, which the
    filters choose among. A line that is no question, or no document, is told once.
    """

    def product() -> Iterator[Item]:
        asked = list(questions())
        number = 0
        for item in asked:
            if item.question is None:
                yield _numbered(item, number)
                number += 1
        some = [item.question for item in asked if item.question is not None]
        for document in _documents(paths):
            if isinstance(document, Item):
                yield _numbered(document, number)
                number += 1
                continue
            contexts = _passages(document)
            for one in some:
                id_ = f"{document.id}/{one.id}"
                question = Question(id=id_, text=one.text, contexts=contexts, meta=one.meta)
                yield Item(number=number, id=id_, question=question, document=document.id)
                number += 1

    return lambda: _named_once(product())


def _questions(paths: Sequence[Path]) -> Iterator[Item]:
    number = 0
    for path in paths:
        for place, name, row in read_rows(path):
            try:
                if isinstance(row, DataError):
                    raise row
                question = as_question(row, place, name)
            except DataError as exc:
                yield Item(number=number, id=name, trouble=Trouble.of(exc))
            else:
                yield Item(number=number, id=question.id, question=question)
            number += 1


def _documents(paths: Sequence[Path]) -> Iterator[Passage | Item]:
    for path in paths:
        for place, name, row in read_rows(path):
            try:
                if isinstance(row, DataError):
                    raise row
                yield as_document(row, place, name)
            except DataError as exc:
                yield Item(number=0, id=name, document=name, trouble=Trouble.of(exc))


def _passages(document: Passage) -> tuple[Passage, ...]:
    chunks = _CHUNKER.chunk([document.text], _count_words)[0]
    if len(chunks) < 2:
        return (document,)
    return tuple(
        Passage(
            id=f"{document.id}#{number}",
            title=document.title,
            text=chunk.text,
            document_id=document.id,
            start=chunk.start,
        )
        for number, chunk in enumerate(chunks, start=1)
    )


def _count_words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def _numbered(item: Item, number: int) -> Item:
    return Item(number=number, id=item.id, document=item.document, trouble=item.trouble)


def _named_once(items: Iterable[Item]) -> Iterator[Item]:
    seen: set[str] = set()
    for item in items:
        if item.id not in seen:
            seen.add(item.id)
            yield item
            continue
        again = item.trouble or Trouble(
            "DataError", f"the id {item.id!r} stands twice.", "Give each question an id of its own."
        )
        id_ = f"{item.id}#{item.number + 1}"
        seen.add(id_)
        yield Item(number=item.number, id=id_, document=item.document, trouble=again)
