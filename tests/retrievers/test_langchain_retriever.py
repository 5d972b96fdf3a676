from __future__ import annotations

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import InMemoryVectorStore

from rag_router.errors import SettingsError, UnavailableError
from rag_router.indices import Library
from rag_router.integrations.langchain import RagRouterRetriever
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.retrievers import RETRIEVERS, make_queries
from rag_router.retrievers.equipment import Equipment, equipped, lacking
from rag_router.retrievers.fused import FusedRetriever
from rag_router.retrievers.langchain import LangChainRetriever
from rag_router.retrievers.sparse import SparseRetriever

EMBEDDER = HashingEmbedder()


class Hashed(Embeddings):
    """Our embedder, as LangChain calls it."""

    def embed_documents(self, texts):
        return EMBEDDER.encode_passages(texts).tolist()

    def embed_query(self, text):
        return EMBEDDER.encode_queries([text])[0].tolist()


class Fixed(BaseRetriever):
    """Always finds the same documents."""

    documents: list[Document]

    def _get_relevant_documents(self, query, *, run_manager):
        return self.documents


class Broken(BaseRetriever):
    """A retriever whose server is gone."""

    def _get_relevant_documents(self, query, *, run_manager):
        raise OSError("connection refused")


def store():
    """What settings may name: makes a vector store."""
    made = InMemoryVectorStore(Hashed())
    made.add_documents(
        [
            Document(id="r", page_content="Rome lies on the Tiber.", metadata={"title": "Rome"}),
            Document(id="p", page_content="Paris lies on the Seine."),
        ]
    )
    return made


not_a_store = 5


def test_a_vector_store_is_an_expert():
    retriever = LangChainRetriever(source=store(), embedder=EMBEDDER, k=2, index="towns")
    queries = make_queries(["Rome on the Tiber", "Paris and the Seine"], EMBEDDER)
    found = retriever.retrieve(queries, [])
    assert [[h.passage.id for h in hits] for hits in found] == [["r", "p"], ["p", "r"]]
    best = found[0][0]
    assert (best.passage.title, best.passage.index, best.score) == ("Rome", "towns", 1 / 61)
    cosine = EMBEDDER.encode_passages(["Rome lies on the Tiber."])[0] @ queries[0].vector
    assert best.similarity == pytest.approx(float(cosine), abs=1e-6)
    assert found == [retriever.retrieve([query], [])[0] for query in queries]


def test_a_retriever_is_an_expert_and_a_document_found_twice_is_one():
    documents = [
        Document(page_content="one", metadata={"source": "a.txt"}),
        Document(page_content="one"),
        Document(page_content="two"),
        Document(page_content="three"),
    ]
    retriever = LangChainRetriever(source=Fixed(documents=documents), k=2)
    hits = retriever.retrieve(make_queries(["x"], EMBEDDER), [])[0]
    assert [(h.passage.text, h.passage.document_id, h.rank) for h in hits] == [
        ("one", "a.txt", 1),
        ("two", hits[1].passage.id, 2),
    ]
    assert hits[0].similarity is None
    assert hits[0].why == "rank 1 of Fixed"


def test_it_is_fused_with_our_own():
    members = (LangChainRetriever(source=store()), SparseRetriever())
    hits = FusedRetriever(members=members).retrieve(make_queries(["Rome"], EMBEDDER), [])[0]
    assert hits[0].passage.id == "r"
    assert hits[0].found_by[0].retriever == "langchain"


def test_settings_name_a_source_that_is_imported_when_it_is_equipped():
    parts = Equipment(embedder=EMBEDDER, cross_encoder=lambda name: None)
    named = RETRIEVERS.build("langchain", source=f"{__name__}:store")
    loaded = equipped(named, parts)
    assert loaded.retrieve(make_queries(["Rome"], EMBEDDER), [])[0][0].similarity is not None
    with pytest.raises(SettingsError, match="is a int"):
        equipped(RETRIEVERS.build("langchain", source=f"{__name__}:not_a_store"), parts)
    for wrong in ("no.such.module:x", f"{__name__}:missing", "json"):
        with pytest.raises(SettingsError, match="cannot be imported"):
            equipped(RETRIEVERS.build("langchain", source=wrong), parts)


def test_without_a_source_nobody_is_asked_and_it_says_so():
    bare = RETRIEVERS.build("langchain")
    assert bare.retrieve(make_queries(["Rome"], EMBEDDER), []) == [[]]
    assert lacking(bare) == ["langchain: no source is set, and nobody is asked"]


def test_a_source_that_fails_is_an_error_of_ours_that_says_how():
    broken = LangChainRetriever(source=Broken())
    with pytest.raises(UnavailableError, match="OSError: connection refused"):
        broken.retrieve(make_queries(["Rome"], EMBEDDER), [])


def test_our_retriever_is_a_retriever_of_langchain(tmp_path):
    (tmp_path / "rome.txt").write_text("Rome lies on the Tiber.")
    (tmp_path / "paris.txt").write_text("Paris lies on the Seine.")
    library = Library(tmp_path / "home")
    library.add("towns", [tmp_path / "rome.txt", tmp_path / "paris.txt"], EMBEDDER)
    index = library.open("towns", EMBEDDER)
    ours = RagRouterRetriever.of(RETRIEVERS.build("fused", k=1), [index], EMBEDDER)
    assert isinstance(ours, BaseRetriever)
    (document,) = ours.invoke("the Tiber")
    assert document.page_content == "Rome lies on the Tiber."
    assert (document.id, document.metadata["index"], document.metadata["rank"]) == (
        ("rome.txt#0", "towns", 1)
    )
    both = ours.batch(["the Tiber", "the Seine"])
    assert [found[0].id for found in both] == ["rome.txt#0", "paris.txt#0"]
    assert both == ours.batch(["the Tiber", "the Seine"], return_exceptions=True)
    chained = ours | (lambda documents: len(documents))
    assert chained.invoke("the Tiber") == 1
    # And back: an expert of ours that is LangChain's view of us.
    again = LangChainRetriever(source=ours)
    assert again.retrieve(make_queries(["the Seine"], EMBEDDER), [])[0][0].passage.id == (
        "paris.txt#0"
    )
