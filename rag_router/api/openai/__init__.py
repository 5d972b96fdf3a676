"""The same service for clients of OpenAI's interface, chat frontends above all.

    POST /v1/chat/completions    the last question of a conversation, answered, streamed or not
    GET  /v1/models, /{id}       what it goes by, and the variants of it
    POST /v1/embeddings          the embedder of the indexes

Errors have OpenAI's form here, fields that nobody knows are ignored, and so are tools.
"""

from fastapi import APIRouter

from rag_router.api.openai.chat import router as chat
from rag_router.api.openai.embeddings import router as embeddings
from rag_router.api.openai.models import router as models

__all__ = ["router"]

router = APIRouter()
for part in (chat, models, embeddings):
    router.include_router(part)
