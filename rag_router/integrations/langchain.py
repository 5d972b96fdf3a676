"""Our retrievers as a LangChain retriever, for chains and agents.

    from rag_router.integrations.langchain import RagRouterRetriever

    retriever = RagRouterRetriever.open("wiki", k=4)
    documents = retriever.invoke("Who wrote Hamlet?")

The other way round, any LangChain retriever is an expert here: `rag_router.retrievers.langchain`.
Importing this module imports langchain-core, which takes about a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableConfig
from pydantic import ConfigDict

from rag_router.indices.following import Following
from rag_router.retrievers import Retriever, Searchable, make_queries
from rag_router.settings import Component, Settings
from rag_router.types import Hit

__all__ = ["RagRouterRetriever", "as_document"]


class RagRouterRetriever(BaseRetriever):
    """A retriever of ours over open indices, as LangChain's `BaseRetriever`.

    Attributes:
        retriever: Who looks.
        indices: Where; of those that are followed, always the newest.
        embedder: Embeds the questions.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    retriever: Any
    indices: tuple[Any, ...] | Following
    embedder: Any

    @classmethod
    def of(
        cls, retriever: Retriever, indices: Sequence[Searchable], embedder: Any
    ) -> RagRouterRetriever:
        """Wrap what was put together in Python."""
        return cls(retriever=retriever, indices=tuple(indices), embedder=embedder)

    @classmethod
    def open(
        cls, *names: str, settings: Settings | None = None, **options: Any
    ) -> RagRouterRetriever:
        """Open indices of the home by name.

        Args:
            names: Which; none are all that the settings name.
            settings: Everything else; None is the default.
            options: Of the settings' retriever, such as `k`.

        Raises:
            ModelError: the embedder is not there.
            UnknownNameError: an index is not there.
        """
        from rag_router.assembly import load_embedder, load_retriever, open_indexes

        settings = settings or Settings()
        if names:
            settings = settings.model_copy(update={"indexes": names})
        chosen = settings.retriever
        embedder = load_embedder(settings)
        indices = open_indexes(settings, embedder)
        component = Component(name=chosen.name, **{**chosen.options, **options})
        retriever = load_retriever(component, embedder, indices.values())
        return cls(retriever=retriever, indices=indices, embedder=embedder)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        del run_manager
        return self._search([query])[0]

    def batch(
        self,
        inputs: list[str],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[list[Document]]:
        """Search for all at once, in one batch, without a callback for each.

        With `return_exceptions`, or settings of each run, they are searched one by one.
        """
        if return_exceptions or config is not None or kwargs:
            return super().batch(inputs, config, return_exceptions=return_exceptions, **kwargs)
        return self._search(inputs)

    def _search(self, texts: Sequence[str]) -> list[list[Document]]:
        indices = self.indices
        if isinstance(indices, Following):
            indices = tuple(indices.latest().indices.values())
        found = self.retriever.retrieve(make_queries(texts, self.embedder), indices)
        return [[as_document(hit) for hit in hits] for hits in found]


def as_document(hit: Hit) -> Document:
    """Turn a hit into a document whose metadata say where it stands and why it was found."""
    passage = hit.passage
    return Document(
        id=passage.id,
        page_content=passage.text,
        metadata={
            **passage.meta,
            "title": passage.title,
            "document_id": passage.document_id,
            "index": passage.index,
            "start": passage.start,
            "score": hit.score,
            "rank": hit.rank,
            "retriever": hit.retriever,
            "why": hit.why,
        },
    )
