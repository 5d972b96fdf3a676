"""Documents as they arrive: a file of a form, or a text in JSON."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from starlette.datastructures import FormData, UploadFile

from rag_router.errors import DataError, UnknownKindError, UsageError

__all__ = ["FORMS", "Arrived", "Metadata", "arriving"]

_PIECE: Final = 2**20
_Word = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]
_Field = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r'^[^"\x00]*$')]
_Value = (
    bool
    | Annotated[int, Field(ge=-(2**53), le=2**53)]
    | Annotated[float, Field(allow_inf_nan=False)]
    | _Word
)
Metadata = Annotated[dict[_Field, _Value | list[_Value]], Field(max_length=64)]
"""What is said of a document: fields with a text, a number, true or false, or a list of them."""

_METADATA: Final[TypeAdapter[dict[str, Any]]] = TypeAdapter(Metadata)


class TextDocument(BaseModel):
    """A document whose text stands in the request; the name's ending says what it is."""

    model_config = ConfigDict(extra="forbid")

    collection: str | None = None
    name: str | None = None
    text: str
    metadata: Metadata = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What a request brings: `None` is what it does not say."""

    collection: str | None
    name: str | None
    metadata: dict[str, Any]
    pieces: Iterable[bytes]


_PROPERTIES: Final = {
    "collection": {"type": "string", "description": "Where to put it."},
    "name": {
        "type": "string",
        "description": "Its name in the collection, with its ending; of a file its own.",
    },
    "metadata": {
        "type": "object",
        "description": "Fields that answers and lists can be narrowed to.",
    },
}

FORMS: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        **_PROPERTIES,
                        "file": {"type": "string", "format": "binary"},
                        "metadata": {"type": "string", "description": "A JSON object."},
                    },
                }
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["text"],
                    "additionalProperties": False,
                    "properties": {
                        **_PROPERTIES,
                        "text": {"type": "string", "minLength": 1},
                    },
                },
                "example": {
                    "collection": "handbook",
                    "name": "valves.md",
                    "text": "# Valves\n\nThe Larkspur valve is calibrated every 90 days.",
                    "metadata": {"topic": "valves", "year": 2026},
                },
            },
        },
    }
}
"""The bodies of uploads, for the OpenAPI page."""


@asynccontextmanager
async def arriving(request: Request) -> AsyncIterator[Arrived]:
    """Read an upload; a file of a form is there until the block ends.

    Raises:
        UnknownKindError: it is neither a form nor JSON.
        UsageError: a form lacks its file, or has several.
        RequestValidationError: a field is wrong.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        yield _of_json(await request.body())
    elif kind == "multipart/form-data":
        async with request.form(max_files=1, max_fields=10) as form:
            yield _of_form(form)
    else:
        raise UnknownKindError(
            f"a document cannot be sent as {kind[:80]!r}.",
            hint="Send multipart/form-data with a `file`, or application/json with a `text`.",
        )


def _of_json(raw: bytes) -> Arrived:
    try:
        body = TextDocument.model_validate(json.loads(raw))
    except ValidationError as exc:
        raise _refused(exc) from exc
    except (ValueError, RecursionError) as exc:
        raise DataError(f"the body is not JSON: {exc}.", hint="Send JSON in UTF-8.") from exc
    return Arrived(
        collection=body.collection,
        name=body.name,
        metadata=dict(body.metadata),
        pieces=[body.text.encode()],
    )


def _of_form(form: FormData) -> Arrived:
    known = {"collection", "name", "metadata", "file"}
    for field in form:
        if field not in known:
            raise UsageError(
                f"a form has no field {field[:80]!r}.", hint=f"Known: {', '.join(sorted(known))}."
            )
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise UsageError("the form has no file.", hint="Send one as the field `file`.")
    return Arrived(
        collection=_text(form, "collection"),
        name=_text(form, "name") or file.filename,
        metadata=_metadata(_text(form, "metadata")),
        pieces=_pieces(file),
    )


def _text(form: FormData, field: str) -> str | None:
    value = form.get(field)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{field!r} is a file.", hint="Send it as a text.")
    return value


def _metadata(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    try:
        return _METADATA.validate_json(text)
    except ValidationError as exc:
        raise _refused(exc, "metadata") from exc


def _pieces(file: UploadFile) -> Iterator[bytes]:
    while piece := file.file.read(_PIECE):
        yield piece


def _refused(exc: ValidationError, *parents: str) -> RequestValidationError:
    return RequestValidationError(
        [{**problem, "loc": ("body", *parents, *problem["loc"])} for problem in exc.errors()]
    )
