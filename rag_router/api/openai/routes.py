"""All routes of OpenAI's interface."""

from fastapi import APIRouter

from rag_router.api.openai.chat import router as chat
from rag_router.api.openai.embeddings import router as embeddings
from rag_router.api.openai.models import router as models

__all__ = ["router"]

router = APIRouter()
for part in (chat, models, embeddings):
    router.include_router(part)
