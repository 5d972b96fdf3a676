"""What one tenant may try in order to see another's things: seeded, and as many as one likes.

An attempt knows more than an attacker should: ids, names of collections and folders, the exact
questions that were asked and the keys that requests were repeated by. What it never holds are the
marks that stand in the other one's documents, questions and comments: where one of these comes
back, it has come out.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

__all__ = ["KINDS", "Attempt", "Known", "attempts"]

_METHODS: Final = ("GET", "GET", "GET", "PUT", "DELETE", "POST", "PATCH", "HEAD", "OPTIONS")
_LISTS: Final = ("collections", "documents", "jobs", "traces", "feedback", "keys", "audit")
_TENANT_HEADERS: Final = (
    "X-Tenant",
    "X-Tenant-Id",
    "X-RAG-Router-Tenant",
    "X-OpenWebUI-User-Id",
    "X-OpenWebUI-User-Email",
    "X-LibreChat-User-Id",
    "X-Forwarded-User",
    "X-Forwarded-For",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-HTTP-Method-Override",
    "Forwarded",
    "Cookie",
    "Host",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an attacker is told of the tenant that is attacked.

    Attributes:
        tenant: Its name.
        ids: Of its things, by the list that they stand in.
        collections: Names of its collections.
        folders: Names of their indexes.
        questions: What it has asked.
        replayed: Keys that its requests were repeated by, and their bodies.
        key_id: Of its key.
        cursors: Of its lists.
    """

    tenant: str
    ids: dict[str, list[str]]
    collections: list[str]
    folders: list[str]
    questions: list[str]
    replayed: list[tuple[str, dict[str, Any]]]
    key_id: str
    cursors: list[str]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request, as its bytes will say it; `key` takes the place of the attacker's own."""

    kind: str
    method: str
    target: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    key: str | None = None


Draw = Callable[[random.Random, Known], Attempt]


def attempts(known: Known, count: int, seed: int) -> Iterator[Attempt]:
    """Yield attempts of all kinds in turn.

    Args:
        known: Of the tenant that is attacked.
        count: How many.
        seed: Of everything that is drawn.
    """
    draw = random.Random(seed)
    for number in range(count):
        yield KINDS[number % len(KINDS)][1](draw, known)


def _ids(draw: random.Random, known: Known) -> Attempt:
    """Somebody else's id, or something like it, wherever an id may stand."""
    place = draw.choice([name for name, ids in known.ids.items() if ids])
    id_ = draw.choice(known.ids[place])
    id_ = draw.choice(
        [id_, id_, id_.upper(), f"{id_}%00", f"{id_[:-1]}0", f"%20{id_}", f"*{id_[-4:]}", id_[:9]]
    )
    body: dict[str, Any] = draw.choice([{}, {"grace_hours": 1}, {"shared": True}, {"name": "x"}])
    method = _harmless(draw.choice(_METHODS), place)
    after = draw.choice(["", "", "", "/rotate", "/records", "?limit=200"])
    return _json("ids", method, f"/v1/{place}/{id_}{after}", body if method != "GET" else None)


def _names(draw: random.Random, known: Known) -> Attempt:
    """Names of collections and folders, as indexes and as parts of a model's name."""
    names = [*known.collections, *known.folders, f"../{known.folders[0]}", known.tenant]
    name = draw.choice(names)
    name = draw.choice([name, name, f"{known.tenant}/{name}", f"{known.tenant}:{name}", f"{name}/"])
    question = draw.choice(known.questions)
    return draw.choice(
        [
            _json("names", "POST", "/v1/answer", _asked(question, indexes=[name])),
            _json("names", "POST", "/v1/search", {"query": question, "indexes": [name]}),
            _json("names", "POST", "/v1/chat/completions", _chat(question, f":index={name}")),
            _json("names", "GET", f"/v1/models/rag-router:index={quote(name)}", None),
            _json("names", "GET", f"/v1/collections/{quote(name, safe='')}", None),
            _json("names", "POST", "/v1/collections", {"name": name}),
            _json(
                "names",
                "POST",
                "/v1/documents",
                {"collection": name, "name": "x.txt", "text": "put there by somebody else"},
            ),
        ]
    )


def _filters(draw: random.Random, known: Known) -> Attempt:
    """Conditions and parameters that ask for more than one's own."""
    value = draw.choice([known.tenant, "*", "%", "' OR 1=1 --", {"$ne": None}, ["", None]])
    name = draw.choice(["tenant", "collection", "index", "owner", "tenant_id", "source", "1=1"])
    where = {name: value}
    question = draw.choice(known.questions)
    place = draw.choice(_LISTS)
    pair = f"{quote(name)}={quote(str(value))}"
    return draw.choice(
        [
            _json("filters", "POST", "/v1/answer", _asked(question, where=where)),
            _json("filters", "POST", "/v1/answer", {**_asked(question), name: value}),
            _json("filters", "POST", "/v1/search", {"query": question, "where": where}),
            _json("filters", "GET", f"/v1/{place}?{pair}&limit=200", None),
            _json("filters", "GET", f"/v1/documents?where={quote(f'{name}!=x')}", None),
            _json("filters", "GET", f"/v1/{place}?cursor={draw.choice(known.cursors)}", None),
            _json("filters", "GET", f"/v1/documents?collection={known.collections[0]}", None),
        ]
    )


def _headers(draw: random.Random, known: Known) -> Attempt:
    """Headers that say that one is somebody else."""
    header = draw.choice(_TENANT_HEADERS)
    value = draw.choice([known.tenant, f"for={known.tenant}", f"tenant={known.tenant}", "admin"])
    forged = [(header, value)]
    if draw.random() < 0.2:
        # Signed by nobody, {"alg":"none"}, and by a secret that is empty.
        token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiIsImV4cCI6OTk5OTk5OTk5OX0."
        forged.append(("X-OpenWebUI-User-Jwt", token))
    one = _inside(draw, known)
    return Attempt("headers", one.method, one.target, one.headers + forged, one.body)


def _keys(draw: random.Random, known: Known) -> Attempt:
    """Keys that are not theirs, and yet like theirs."""
    secret = "".join(draw.choices("ABCDEFghijkl0123456789-_", k=43))
    key = draw.choice(
        [
            f"rr_{known.key_id}_{secret}",
            f"rr_{known.key_id}_",
            f"rr_{known.key_id}",
            known.key_id,
            "bootstrap",
            "",
            f"rr_{known.key_id}_{'A' * 43}\t",
        ]
    )
    one = _inside(draw, known)
    return Attempt("keys", one.method, one.target, one.headers, one.body, key=key)


def _paths(draw: random.Random, known: Known) -> Attempt:
    """Ways that lead to the same place, or beside it."""
    place = draw.choice([name for name, ids in known.ids.items() if ids])
    id_ = draw.choice(known.ids[place])
    target = draw.choice(
        [
            f"/v1//{place}/{id_}",
            f"/v1/./{place}/{id_}",
            f"/v1/{place}/../{place}/{id_}",
            f"/v1/{place}/%2e%2e/{place}/{id_}",
            f"/health/live/../../v1/{place}/{id_}",
            f"/page/../v1/{place}/{id_}",
            f"/page/..%2f..%2fhome%2findices%2f{known.folders[0]}%2fCURRENT",
            f"/page/%2e%2e/%2e%2e/{known.folders[0]}",
            f"/V1/{place}/{id_}",
            f"/v1/{place}/{id_}/",
            f"/v1/{place};tenant={known.tenant}/{id_}",
            f"/v1/{place}%2f{id_}",
            f"/{known.tenant}/v1/{place}/{id_}",
            f"http://127.0.0.1/v1/{place}/{id_}",
            f"/v1/{place}/{id_}?tenant={known.tenant}#x",
        ]
    )
    method = _harmless(draw.choice(["GET", "GET", "DELETE", "PUT"]), place)
    return _json("paths", method, target, None)


def _harmless(method: str, place: str) -> str:
    # One's own collection of the same name would go, with what the other one is to look for next.
    return "GET" if method == "DELETE" and place == "collections" else method


def _traces(draw: random.Random, known: Known) -> Attempt:
    """What was asked and answered, by its id and by its list."""
    trace = draw.choice(known.ids["traces"])
    said = {"trace": trace, "verdict": draw.choice(["right", "wrong"])}
    return draw.choice(
        [
            _json("traces", "GET", f"/v1/traces/{trace}", None),
            _json("traces", "DELETE", f"/v1/traces/{trace}", None),
            _json("traces", "GET", "/v1/traces?limit=200", None),
            _json("traces", "GET", "/v1/traces?hindsight=too_sure&limit=200", None),
            _json("traces", "GET", "/v1/gates/p_ik/records", None),
            _json("traces", "GET", f"/v1/feedback?trace={trace}", None),
            _json("traces", "POST", "/v1/feedback", said),
            _json("traces", "POST", "/v1/feedback", {**said, "tenant": known.tenant}),
        ]
    )


def _caches(draw: random.Random, known: Known) -> Attempt:
    """The very request that somebody else has sent, so that a cache may answer it."""
    question = draw.choice(known.questions)
    key, body = draw.choice(known.replayed)
    return draw.choice(
        [
            _json("caches", "POST", "/v1/answer", _asked(question)),
            _json("caches", "POST", "/v1/answer", {**_asked(question), "stream": True}),
            _json("caches", "POST", "/v1/chat/completions", _chat(question, ":trace")),
            _json("caches", "POST", "/v1/documents", body, [("Idempotency-Key", key)]),
            _json("caches", "POST", "/v1/collections", {"name": "x"}, [("Idempotency-Key", key)]),
            _json("caches", "POST", "/v1/search", {"query": question, "limit": 50}),
        ]
    )


def _inside(draw: random.Random, known: Known) -> Attempt:
    one: Draw = draw.choice([_ids, _names, _filters, _traces, _caches])
    return one(draw, known)


def _asked(question: str, **more: Any) -> dict[str, Any]:
    return {"question": question, "retrieval": "always", **more}


def _chat(question: str, suffix: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": question}]
    return {"model": f"rag-router{suffix}", "messages": messages, "retrieval": "always"}


def _json(
    kind: str,
    method: str,
    target: str,
    body: dict[str, Any] | None,
    headers: Sequence[tuple[str, str]] = (),
) -> Attempt:
    if body is None:
        return Attempt(kind, method, target, list(headers))
    sent = [*headers, ("Content-Type", "application/json")]
    return Attempt(kind, method, target, sent, json.dumps(body).encode())


KINDS: Final[tuple[tuple[str, Draw], ...]] = (
    ("ids", _ids),
    ("names", _names),
    ("filters", _filters),
    ("headers", _headers),
    ("keys", _keys),
    ("paths", _paths),
    ("traces", _traces),
    ("caches", _caches),
)
"""All kinds of attempts."""
