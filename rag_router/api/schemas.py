"""What the service takes and gives, as pydantic models with examples for the OpenAPI page."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AnswerRequest", "AnswerResponse", "Health", "Problem"]


class AnswerRequest(BaseModel):
    """One question or many."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"question": "Who wrote the play Hamlet?", "retrieval": "auto"}]
        },
    )

    question: str | None = Field(None, description="One question.")
    questions: list[str] | None = Field(None, description="Several questions, answered in order.")
    retrieval: Literal["auto", "always", "never"] = Field(
        "auto", description="Let the gate decide whether to look things up, or overrule it."
    )
    indexes: list[str] | None = Field(None, description="Look only in these; all by default.")
    where: dict[str, Any] | None = Field(
        None,
        description="Find only passages whose metadata is so: a field is a value, one of a list, "
        "or compared with `eq`, `ne`, `gt`, `gte`, `lt`, `lte` or `in`. All fields must be so.",
        examples=[{"topic": "space", "lang": ["en", "de"], "year": {"gte": 1969}}],
    )
    reliance: float | None = Field(
        None,
        ge=0.0,
        le=1.0,
        description="How far memory is relied on where it conflicts with the passages: 0 follows "
        "the passages, 1 memory. Only where the service's decoder has such a knob.",
    )
    expert: str | None = Field(
        None, description="Name of the expert that is to answer; by default the router chooses."
    )
    tokens: bool = Field(False, description="Return every token with its figures.")
    stream: bool = Field(
        False, description="Tell every stage as it happens, by server-sent events."
    )


class AnswerResponse(BaseModel):
    """Answers in the order of the questions; each as the documentation of the answer says.

    An abstention is an answer too: `answer` is null, the passages that were found are there, and
    `reason` is `no_knowledge` (neither memory nor passages know), `insufficient` (not sure
    enough), `conflict` (memory and passages differ, and neither is sure) or `unverified` (no
    answer that was tried stands in its passages).
    """

    answers: Annotated[list[dict[str, Any]], Field(min_length=1)]


class Health(BaseModel):
    """Whether the service lives, or is ready; `parts` says of each part how it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"status": "ok", "parts": {"models": "ok", "indexes": "ok"}}]
        }
    )

    status: Literal["ok", "starting", "draining", "unavailable"]
    parts: dict[str, str] = {}


class Problem(BaseModel):
    """What went wrong, after RFC 9457.

    `type` tells problems of one status apart, `instance` holds the id of the request, `hint` says
    what would work, and `retryable` whether the same request may succeed later.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    hint: str = ""
    instance: str | None = None
    retryable: bool = False
