"""What OpenAI's clients send, as far as anything here depends on it; the rest is ignored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rag_router.types import Retrieval

__all__ = ["ChatRequest", "EmbeddingRequest", "Message", "Profile"]

Profile = Literal["strict", "openwebui", "librechat"]
"""How sources are shown."""


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Message(_Lenient):
    """One message of a conversation; its content is text, or parts of which some are text."""

    role: str
    content: str | list[dict[str, Any]] | None = None


class StreamOptions(_Lenient):
    """What a stream carries besides words."""

    include_usage: bool | None = None


class ChatRequest(_Lenient):
    """A conversation whose last question is to be answered."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                {
                    "model": "rag-router",
                    "messages": [{"role": "user", "content": "Who wrote the play Hamlet?"}],
                    "stream": False,
                }
            ]
        },
    )

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] | None = None
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None
    seed: int | None = None
    n: int | None = Field(None, description="Only 1: there is one answer.")
    tool_choice: str | dict[str, Any] | None = Field(
        None, description="Tools are ignored, unless one is required."
    )
    response_format: dict[str, Any] | None = None
    retrieval: Retrieval | None = Field(None, description="Extension: as in /v1/answer.")
    indexes: list[str] | None = Field(None, description="Extension: as in /v1/answer.")
    where: dict[str, Any] | None = Field(None, description="Extension: as in /v1/answer.")
    reliance: Annotated[float, Field(ge=0.0, le=1.0)] | None = Field(
        None, description="Extension: as in /v1/answer."
    )
    trace: bool | None = Field(
        None, description="Extension: return the whole answer with all its reasons."
    )
    profile: Profile | None = Field(None, description="Extension: how sources are shown.")


class EmbeddingRequest(_Lenient):
    """Texts to embed."""

    model: str
    input: str | list[str] | list[int] | list[list[int]]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    input_type: Literal["passage", "query"] = Field(
        "passage", description="Extension: embed as what is found, or as what is searched with."
    )
