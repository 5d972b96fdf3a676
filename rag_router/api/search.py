"""POST /v1/search: what is found for some words, and why; nobody answers anything."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from rag_router.api.places import within_of
from rag_router.api.problems import PROBLEMS
from rag_router.api.service import Served, Tenant
from rag_router.assembly import load_retriever
from rag_router.errors import QuestionError, UnavailableError
from rag_router.indices.contents import searchable
from rag_router.indices.following import latest_of
from rag_router.indices.narrowing import narrowed
from rag_router.indices.terms import stems_of, terms_of, words_of
from rag_router.indices.where import Where
from rag_router.orchestrator import Ask
from rag_router.orchestrator.ask import chosen
from rag_router.retrievers import make_queries
from rag_router.settings import Component
from rag_router.types import Hit

__all__ = ["router"]

router = APIRouter(tags=["documents"])

_ASKED: Final[dict[str, Any]] = {"query": "valve calibration", "indexes": ["handbook"]}
_FOUND: Final[dict[str, Any]] = {
    "id": "valves.md#0",
    "index": "handbook",
    "title": "Valves",
    "text": "The Larkspur valve is calibrated every 14 weeks.",
    "page": None,
    "last_page": None,
    "retriever": "fused",
    "score": 0.0328,
    "terms": ["valve", "calibration"],
    "found_by": [{"retriever": "lexical", "rank": 1, "score": 7.21}],
    "why": "",
}


class Search(BaseModel):
    """Words to search for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_ASKED]})

    query: str = Field(pattern=r"^[^\x00]*$")
    indexes: list[str] | None = Field(None, description="Look only in these; all by default.")
    where: dict[str, Any] | None = Field(None, description="As in POST /v1/answer.")
    limit: Annotated[int, Field(ge=1, le=50)] = 10


class Finder(BaseModel):
    """Who found a passage, at what rank and with what score, comparable only inside it."""

    retriever: str
    rank: int
    score: float


class Found(BaseModel):
    """A passage; `terms` are words of the query that stand in it, as the index reads them.

    `page` is where it begins in a document that has pages, `last_page` where it ends if elsewhere.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_FOUND]})

    id: str
    index: str
    title: str
    text: str
    page: int | None
    last_page: int | None
    retriever: str
    score: float
    terms: list[str]
    found_by: list[Finder]
    why: str


class Results(BaseModel):
    """What was found, best first."""

    hits: list[Found]


@router.post("/v1/search", responses=PROBLEMS)
def search(body: Search, service: Served, tenant: Tenant) -> Results:
    """Search by words and by meaning, and tell what led to each passage."""
    query = body.query.strip()
    longest = service.limits.question_characters
    if not query or len(query) > longest:
        raise QuestionError(
            f"the query has {len(query):,} characters; from 1 to {longest:,} are taken."
        )
    orchestrator = service.orchestrator
    within = within_of(service, tenant, body.indexes)
    embedder, there = orchestrator.embedder, latest_of(orchestrator.indices, within).indices
    asked = Ask(indexes=None if body.indexes is None else tuple(body.indexes), within=within)
    looked_in = chosen(there, asked)
    if embedder is None:
        raise UnavailableError(
            "no embedder is loaded: there is no index.", hint="Add documents to an index first."
        )
    places = narrowed(looked_in, None if body.where is None else Where.of(body.where))
    if not places:
        return Results(hits=[])
    looked = tuple(places.values())
    retriever = load_retriever(Component(name="fused", k=body.limit), embedder, looked)
    hits = retriever.retrieve(make_queries([query], embedder), looked)[0]
    return Results(hits=[_shown(hit, query) for hit in hits])


def _shown(hit: Hit, query: str) -> Found:
    passage = hit.passage
    pages = passage.pages
    return Found(
        id=passage.id,
        index=passage.index,
        title=passage.title,
        text=passage.text,
        page=pages.get("page"),
        last_page=pages.get("last_page"),
        retriever=hit.retriever,
        score=round(hit.score, 6),
        terms=_shared(query, hit),
        found_by=[
            Finder(retriever=one.retriever, rank=one.rank, score=round(one.score, 6))
            for one in hit.found_by
        ],
        why=hit.why,
    )


def _shared(query: str, hit: Hit) -> list[str]:
    held = frozenset(terms_of(searchable(hit.passage.title, hit.passage.text)))
    words = words_of(query)
    pairs = zip(words, stems_of(words), strict=True)
    return list(dict.fromkeys(word for word, stem in pairs if stem in held))
