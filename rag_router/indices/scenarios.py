"""The extra field of an index: questions that its passages answer, given or generated.

They are kept as a memory of questions (see `rag_router.indices.pairs`) in a library of its own
beside the indices, `<home>/scenarios`, under the name of the index: published, checked and erased
like any other, and never searched as documents. Each names its passage and the text it was
written for, so that questions of a text that has changed are found out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from rag_router.artefacts import fingerprint_of
from rag_router.indices.pairs import Pair
from rag_router.indices.reports import AddReport, OnProgress
from rag_router.types import Passage

if TYPE_CHECKING:
    from rag_router.indices.index import Index
    from rag_router.indices.library import Library
    from rag_router.models.base import Embedder

__all__ = [
    "FIELD",
    "forget_scenarios",
    "given_questions",
    "is_current",
    "open_scenarios",
    "passage_of",
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
    if name in beside.names():
        wanted = {pair.id for pair in pairs}
        there = {document.id for document in beside.documents(name)}
        if not there & wanted:
            beside.remove(name)
        elif gone := sorted(there - wanted):
            beside.erase(name, gone)
    return beside.remember(name, pairs, embedder, on_progress)


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


def passage_of(question: Passage) -> str:
    """The id of the passage that answers a question of `open_scenarios`."""
    return str(question.meta["passage"])


def is_current(question: Passage, passage: Passage) -> bool:
    """Whether a question was written for what its passage says now."""
    return question.meta.get("text") == _hash(passage)


def _hash(passage: Passage) -> str:
    return fingerprint_of(passage.title, passage.text)[:16]
