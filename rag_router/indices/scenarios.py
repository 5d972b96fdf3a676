"""The extra field of an index: questions that its passages answer, given or generated.

They are kept as a memory of questions (see `rag_router.indices.pairs`) in a library of its own
beside the indices, `<home>/scenarios`, under the name of the index: published, checked and erased
like any other, and never searched as documents. Each names its passage and the text it was
written for, so that questions of a text that has changed are found out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Final

from rag_router.artefacts import fingerprint_of
from rag_router.errors import IndexUnavailableError
from rag_router.indices.pairs import Pair
from rag_router.indices.reports import AddReport, OnProgress
from rag_router.types import Passage

if TYPE_CHECKING:
    from rag_router.indices.index import Index
    from rag_router.indices.library import Library
    from rag_router.indices.publish import Shelf
    from rag_router.models.base import Embedder

__all__ = [
    "FIELD",
    "back_up_scenarios",
    "forget_scenarios",
    "given_questions",
    "is_current",
    "open_scenarios",
    "passage_of",
    "restore_scenarios",
    "roll_back_scenarios",
    "scenario_library",
    "write_scenarios",
]

FIELD: Final = "questions"
"""Where a document's metadata give the questions that it answers, as a list of texts."""


def scenario_library(library: Library) -> Library:
    """Return the library that holds the questions of a library's indices."""
    from rag_router.indices.library import Library as Shelves

    return Shelves(library.folder.parent / "scenarios")


def given_questions(index: Index, embedder: Embedder) -> dict[str, list[str]]:
    """Return the questions that documents came with, by the passage that answers them best.

    A question of a document of several passages goes to the one it is nearest to.
    """
    import numpy as np

    documents: dict[str, list[tuple[int, Passage]]] = {}
    for row, passage in enumerate(index.passages(range(len(index)))):
        documents.setdefault(passage.document_id, []).append((row, passage))
    given: dict[str, list[str]] = {}
    for parts in documents.values():
        said = parts[0][1].meta.get(FIELD)
        texts = [t.strip() for t in said if isinstance(t, str)] if isinstance(said, list) else []
        for text in filter(None, texts):
            best = parts[0][1]
            if len(parts) > 1:
                asked = embedder.encode_queries([text])[0]
                cosines = index.vectors_of([row for row, _ in parts]) @ asked
                best = parts[int(np.argmax(cosines))][1]
            given.setdefault(best.id, []).append(text)
    return given


def write_scenarios(
    library: Library,
    name: str,
    questions: Mapping[str, Sequence[str]],
    passages: Mapping[str, Passage],
    embedder: Embedder,
    *,
    on_progress: OnProgress = lambda progress: None,
) -> AddReport:
    """Make these the questions of an index, and no others.

    Args:
        library: Where the index is.
        name: Its name.
        questions: By the id of the passage that answers them, one at least in all.
        passages: By id, those that have questions.
        embedder: That of the index.
        on_progress: Told how far it has come.
    """
    beside = scenario_library(library)
    pairs = [
        Pair(
            id=f"{id_}?{fingerprint_of(text)[:12]}",
            question=text,
            answers=(id_,),
            source=name,
            meta={"passage": id_, "text": _hash(passages[id_])},
        )
        for id_, texts in questions.items()
        for text in dict.fromkeys(texts)
    ]
    return beside.remember(name, pairs, embedder, on_progress, alone=True)


def open_scenarios(library: Library, name: str, embedder: Embedder) -> Index | None:
    """Open the questions of an index; None where it has none."""
    beside = scenario_library(library)
    return beside.open(name, embedder) if name in beside.names() else None


def forget_scenarios(library: Library, name: str, documents: Sequence[str] | None = None) -> None:
    """Erase the questions of documents, or of a whole index.

    Args:
        library: Where the index is.
        name: Its name.
        documents: Ids; None is all of them.
    """
    beside = scenario_library(library)
    if name not in beside.names():
        return
    there = beside.documents(name)
    gone = [
        one.id
        for one in there
        if documents is None or str(one.meta["passage"]).rpartition("#")[0] in documents
    ]
    if len(gone) == len(there):
        beside.remove(name)
    elif gone:
        beside.erase(name, gone)


def back_up_scenarios(library: Library, name: str, safe: Library) -> None:
    """Copy the questions of an index beside its backup, where there shall be no others."""
    beside, copies = scenario_library(library), scenario_library(safe)
    if name in beside.names():
        beside.backup(name, copies.home)
    elif name in copies.names():
        copies.remove(name)


def restore_scenarios(library: Library, name: str, safe: Library) -> None:
    """Bring back the questions that stand beside a backup; without any, what is there stays."""
    copies = scenario_library(safe)
    if name in copies.names():
        scenario_library(library).restore(name, copies.home)


def roll_back_scenarios(library: Library, name: str) -> None:
    """Go back to the questions before, where more of them are about what the passages say now."""
    beside = scenario_library(library)
    if name not in beside.names():
        return
    shelf = beside.shelf(name)
    current = shelf.current() or 0
    older = [number for number in shelf.generations() if number < current]
    with closing(library.open(name)) as index:
        passages = {passage.id: passage for passage in index.passages(range(len(index)))}
    try:
        fits = {number: _current(shelf, number, passages) for number in (*older[-1:], current)}
        if older and fits[older[-1]] > fits[current]:
            beside.rollback(name)
    except IndexUnavailableError:
        # Questions that cannot be gone back to leave those that there are.
        return


def _current(shelf: Shelf, number: int, passages: Mapping[str, Passage]) -> int:
    """Count the questions of a generation that are about what passages say."""
    from rag_router.indices.index import Index

    with closing(Index.open(shelf.generation(number), shelf.check(number))) as opened:
        questions = opened.passages(range(len(opened)))
    about = ((question, passages.get(passage_of(question))) for question in questions)
    return sum(passage is not None and is_current(question, passage) for question, passage in about)


def passage_of(question: Passage) -> str:
    """The id of the passage that answers a question of `open_scenarios`."""
    return str(question.meta["passage"])


def is_current(question: Passage, passage: Passage) -> bool:
    """Whether a question was written for what its passage says now."""
    return question.meta.get("text") == _hash(passage)


def _hash(passage: Passage) -> str:
    return fingerprint_of(passage.title, passage.text)[:16]
