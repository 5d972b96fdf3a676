"""The passages that questions come with, as hits that filters can judge.

Some sets name passages by their ids only. Those are looked up in the indexes, where a document's
id, or a passage's own, is known; what is known nowhere is left out. How near one lies is said of
what an index would find it by, its title and text, and where an index does hold it to the letter
it is not embedded again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.indices.contents import searchable
from rag_router.settings import GIVEN
from rag_router.text import as_data
from rag_router.types import Hit, Passage, Question

if TYPE_CHECKING:
    from rag_router.indices.index import Index
    from rag_router.models.base import Embedder

__all__ = ["with_passages"]

_TOGETHER: Final = 32
"""Questions whose passages are embedded at once."""


def with_passages(
    questions: Sequence[Question],
    embedder: Embedder | None,
    indexes: Sequence[Index] = (),
    *,
    top: int | None = None,
) -> Iterator[tuple[Question, list[Hit]]]:
    """Yield each question with the passages that it comes with, in their order.

    Args:
        questions: What is asked.
        embedder: Says how near they lie; None leaves that unknown.
        indexes: Where passages are looked up that have no text; their vectors are the embedder's.
        top: Most passages of each question; None takes all.
    """
    known = _looked_up(questions, indexes, with_vectors=embedder is not None)
    for at in range(0, len(questions), _TOGETHER):
        some = questions[at : at + _TOGETHER]
        lines = [_legible(question, known)[:top] for question in some]
        cosines: list[list[float | None]] = [[None] * len(line) for line in lines]
        if embedder is not None:
            asked = embedder.encode_queries([question.text for question in some])
            near = _vectors(lines, known, embedder)
            cosines = [
                [float(near[_searched(one)] @ query) for one in line]
                for query, line in zip(asked, lines, strict=True)
            ]
        for question, line, nearness in zip(some, lines, cosines, strict=True):
            ranked = enumerate(zip(line, nearness, strict=True), start=1)
            yield (
                question,
                [
                    Hit(passage=one, retriever=GIVEN, score=1 / rank, rank=rank, similarity=cosine)
                    for rank, (one, cosine) in ranked
                ],
            )


@dataclass(frozen=True, slots=True)
class _Known:
    """A passage as the indexes know it.

    Attributes:
        passage: With its text.
        vector: What the embedder made of it; None where it was cut up, or nobody asked.
    """

    passage: Passage
    vector: NDArray[np.float32] | None = None


def _legible(question: Question, known: dict[str, _Known]) -> list[Passage]:
    passages = [
        replace(one, title=one.title or found.title, text=one.text or found.text)
        for one in question.contexts
        for found in (known[one.id].passage if one.id in known else one,)
    ]
    return [one for one in passages if as_data(one.text)]


def _vectors(
    lines: Sequence[Sequence[Passage]], known: dict[str, _Known], embedder: Embedder
) -> dict[str, NDArray[np.float32]]:
    """What the embedder makes of these texts, as far as possible without asking it."""
    out: dict[str, NDArray[np.float32]] = {}
    missing: dict[str, None] = {}
    for one in (one for line in lines for one in line):
        found = known.get(one.id)
        text = _searched(one)
        if found is None or found.vector is None or _searched(found.passage) != text:
            missing[text] = None
        else:
            out[text] = found.vector
    texts = [text for text in missing if text not in out]
    if texts:
        out.update(zip(texts, embedder.encode_passages(texts), strict=True))
    return out


def _searched(one: Passage) -> str:
    return searchable(one.title, one.text)


def _looked_up(
    questions: Sequence[Question], indexes: Sequence[Index], *, with_vectors: bool
) -> dict[str, _Known]:
    """Passages by the ids that questions know them by."""
    wanted = {c.id for q in questions for c in q.contexts if with_vectors or not c.text}
    found: dict[str, _Known] = {}
    for index in indexes if wanted else ():
        whole: dict[str, int] = {}
        for row, one in enumerate(index.passages(range(len(index)))):
            for id_ in (one.id, one.document_id):
                if id_ not in wanted:
                    continue
                before = found.get(id_)
                # A long document was cut up: what stands together is read together.
                text = one.text if before is None else f"{before.passage.text} {one.text}"
                found[id_] = _Known(Passage(id=id_, title=one.title, text=text))
                if before is None:
                    whole[id_] = row
                else:
                    whole.pop(id_, None)
        if with_vectors and whole:
            vectors = index.vectors_of(list(whole.values()))
            for id_, vector in zip(whole, vectors, strict=True):
                found[id_] = replace(found[id_], vector=vector)
    return found
