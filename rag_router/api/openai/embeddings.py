"""POST /v1/embeddings: texts as the embedder of the indexes sees them."""

from __future__ import annotations

import base64
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from rag_router.api.guards.guards import allowance_of, guards_of
from rag_router.api.guards.quotas import Quotas
from rag_router.api.openai.errors import OpenAIRoute
from rag_router.api.openai.schemas import EmbeddingRequest
from rag_router.api.principal import principal_of
from rag_router.api.service import Served
from rag_router.errors import QuestionError, UnavailableError, UnknownNameError, UsageError
from rag_router.models.base import Embedder

__all__ = ["router"]

router = APIRouter(tags=["openai"], route_class=OpenAIRoute)

_MOST_TEXTS: Final = 2048


@router.post("/v1/embeddings")
async def embeddings(body: EmbeddingRequest, request: Request, service: Served) -> dict[str, Any]:
    """Embed one text or many, with vectors of unit length."""
    embedder = service.orchestrator.embedder
    if embedder is None:
        raise UnavailableError(
            "no embedder is loaded: there is no index.", hint="Add documents to an index first."
        )
    if body.model != embedder.name:
        raise UnknownNameError("model", body.model, [embedder.name])
    if body.dimensions not in (None, embedder.dimension):
        raise UsageError(
            f"{embedder.name} has {embedder.dimension} dimensions, and no other number of them."
        )
    texts = _texts(body.input, longest=allowance_of(request).question_characters)
    return await run_in_threadpool(
        _charged, guards_of(request).quotas, principal_of(request).tenant, embedder, texts, body
    )


def _charged(
    quotas: Quotas, tenant: str, embedder: Embedder, texts: list[str], body: EmbeddingRequest
) -> dict[str, Any]:
    # Nothing is thought here: what is read can be counted before it is.
    if quotas.rates_of(tenant).any:
        quotas.reserve(tenant, sum(embedder.count_tokens(texts)))
    return _embedded(embedder, texts, body)


def _embedded(embedder: Embedder, texts: list[str], body: EmbeddingRequest) -> dict[str, Any]:
    encode = embedder.encode_queries if body.input_type == "query" else embedder.encode_passages
    vectors = encode(texts).astype("<f4")
    tokens = sum(embedder.count_tokens(texts))
    return {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": number,
                "embedding": base64.b64encode(row.tobytes()).decode("ascii")
                if body.encoding_format == "base64"
                else row.tolist(),
            }
            for number, row in enumerate(vectors)
        ],
        "model": body.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _texts(given: str | list[str] | list[int] | list[list[int]], *, longest: int) -> list[str]:
    texts = [given] if isinstance(given, str) else list(given)
    if not texts or len(texts) > _MOST_TEXTS:
        raise QuestionError(f"{len(texts)} texts; from 1 to {_MOST_TEXTS:,} are taken.")
    out: list[str] = []
    for number, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise QuestionError(
                "the input is token numbers, which are those of another model.",
                hint="Send text; LangChain does with check_embedding_ctx_length=False.",
            )
        if not text.strip() or len(text) > longest:
            raise QuestionError(
                f"text {number} has {len(text):,} characters; from 1 to {longest:,} are taken."
            )
        out.append(text)
    return out
