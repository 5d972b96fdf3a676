"""Does a tenant ever see a byte of another's, and what does it cost to make sure?

    python -m benchmarks.tenants [--attempts 1000] [--seed 0] [--pairs 200] [--requests 500]

Two tenants of one running service, a process of its own with a scripted model, put marks that
nobody can guess into documents, their names and metadata, collections, questions, comments and
names of keys. Then each tries in turn to see the other's (`benchmarks.tenants_attempts` says how);
all bytes of all responses are searched for the other one's marks. What was attacked is compared
before and after: nothing of it may have changed either. Bar: no byte, and no change.

The timing part asks as one tenant what the other one has just asked, and what nobody has, in pairs
of one length: were anything shared, the first would be answered sooner. Told are the median
difference, and how often chance alone makes one as large (the signs of the pairs drawn anew).

The cost part compares a service with keys, and a tenant that is not the default one, with one that
asks nobody for a key.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import secrets
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from benchmarks.service import BODY, server, timed
from benchmarks.tenants_attempts import Attempt, Known, attempts
from rag_router.api.resources import Resources
from rag_router.settings import LimitSettings, Settings
from rag_router.store.keys import SCOPES, add_key
from rag_router.store.naming import index_name

__all__ = ["Tenant", "attacked", "key_for_tenant", "planted", "send"]

NAMES: Final = ("acme", "globex")
_SCOPES: Final = SCOPES - {"metrics"}


@dataclass(slots=True)
class Tenant:
    """One tenant: what it sends, what is its own alone, and what others may know of it."""

    name: str
    key: str
    marks: list[str]
    known: Known


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--attempts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pairs", type=int, default=200, help="of the timing")
    parser.add_argument("--requests", type=int, default=500, help="turns of the cost; 0 for none")
    parser.add_argument("--serve", nargs=2, metavar=("HOME", "PORT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(Path(arguments.serve[0]), int(arguments.serve[1]))
        return
    with tempfile.TemporaryDirectory() as home:
        keys = {name: key_for_tenant(Path(home), name) for name in NAMES}
        with server("-m", "benchmarks.tenants", "--serve", home) as (base, *_):
            address = urlsplit(base).netloc
            both = [planted(address, name, key) for name, key in keys.items()]
            figures = attacked(address, both, count=arguments.attempts, seed=arguments.seed)
            figures["timing"] = timing(address, both, arguments.pairs, arguments.seed)
    if arguments.requests:
        figures["keys"] = cost(arguments.requests)
    from benchmarks.record import record

    record("tenants", figures, seed=arguments.seed)


def serve(home: Path, port: int) -> None:
    """Serve the scripted model until the process is told to end."""
    import uvicorn

    from rag_router.api.app import create_app

    settings = Settings(home=home)
    app = create_app(
        lambda: scripted_with_indexes(settings),
        LimitSettings(),
        resources=Resources.open(settings),
    )
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


def scripted_with_indexes(settings: Settings) -> Any:
    """An orchestrator whose model answers at once, and looks in what is uploaded."""
    from rag_router.assembly import Parts, assemble, open_indexes
    from rag_router.experts import Expert
    from rag_router.models.prompts import PromptStyle
    from rag_router.models.scripted import Reply, ScriptedModel
    from rag_router.models.scripted_embedder import HashingEmbedder

    # It says what it reads, so that whatever is shown to it comes out.
    def script(prompt: str) -> Reply:
        read = [line for line in prompt.splitlines() if "mark" in line]
        return Reply(read[-1] if read else "Paris", 0.6)

    model = ScriptedModel(script, otherwise=Reply("nobody said", 0.1), name="scripted")
    expert = Expert(name="scripted", model=model, style=PromptStyle.of(model))
    embedder = HashingEmbedder()
    parts = Parts(expert=expert, embedder=embedder, indexes=open_indexes(settings, embedder))
    return assemble(settings, parts)


def key_for_tenant(home: Path, tenant: str, name: str = "") -> str:
    """Make a key that may do everything that a tenant can."""
    resources = Resources.open(Settings(home=home))
    try:
        secret, now = resources.secret(), resources.clock()
        with resources.database.writing() as session:
            made = add_key(session, secret, tenant, scopes=_SCOPES, name=name, now=now)
        return made.text
    finally:
        resources.close()


def planted(address: str, name: str, key: str) -> Tenant:
    """Put a tenant's things in, with marks; return what others may know of them."""
    marks: list[str] = []

    def mark() -> str:
        marks.append(f"mark{secrets.token_hex(8)}")
        return marks[-1]

    def call(method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = [("Content-Type", "application/json"), *headers.items()]
        data = b"" if body is None else json.dumps(body).encode()
        status, told = send(address, Attempt("", method, path, sent, data), key)
        if status >= 400:
            raise SystemExit(f"{method} {path}: {status} {told[-500:]!r}")
        return json.loads(told.rpartition(b"\r\n\r\n")[2] or b"null")

    collections = ["notes", f"{name}-plans"]
    for collection in collections:
        call("POST", "/v1/collections", {"name": collection, "about": f"About {mark()}."})
    replayed, subjects = [], ["Sorrel", "Yarrow", "Bracken"]
    for number, subject in enumerate(subjects):
        body = {
            "collection": collections[number % 2],
            "name": f"{mark()}.txt",
            "text": f"The {subject} code of the safe is {mark()}.",
            "metadata": {"topic": mark(), "tenant": name},
        }
        repeat = f"repeat-{name}-{number}"
        accepted = call("POST", "/v1/documents", body, **{"Idempotency-Key": repeat})
        job = accepted["job"]
        while job["state"] not in ("done", "failed"):
            job = call("GET", f"/v1/jobs/{job['id']}")
        if job["state"] == "failed":
            raise SystemExit(f"what was planted was not indexed: {job['problem']}")
        # The attacker repeats the request's form, and none of its marks.
        replayed.append((repeat, {**body, "name": "x.txt", "text": "x", "metadata": {}}))
    questions = [f"What is the {subject} code of the safe?" for subject in subjects]
    for question in questions:
        asked = {"question": f"{question} {mark()}", "retrieval": "always"}
        (answer,) = call("POST", "/v1/answer", asked)["answers"]
        said = {"trace": answer["trace"], "verdict": "wrong", "comment": mark()}
        call("POST", "/v1/feedback", said)
    call("POST", "/v1/keys", {"scopes": ["answer"], "name": mark()})
    places = ("documents", "jobs", "traces", "feedback", "keys")
    ids = {place: [one["id"] for one in _listed(call, place)] for place in places}
    ids["collections"] = collections
    cursors = [
        page["next"] for place in places if (page := call("GET", f"/v1/{place}?limit=1"))["next"]
    ]
    known = Known(
        tenant=name,
        ids=ids,
        collections=collections,
        folders=[index_name(name, collection) for collection in collections],
        questions=questions,
        replayed=replayed,
        key_id=key.split("_")[1],
        cursors=cursors,
    )
    return Tenant(name=name, key=key, marks=marks, known=known)


def attacked(address: str, both: Sequence[Tenant], *, count: int, seed: int) -> dict[str, Any]:
    """Let each tenant try to see the other's things; return what came of it."""
    statuses: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    seen, searched, own, changed = 0, 0, 0, 0
    examples: list[str] = []
    shares = (count // 2, count - count // 2)
    for attacker, victim, share, number in zip(reversed(both), both, shares, (0, 1), strict=True):
        marks = [mark.encode() for mark in victim.marks]
        before = _state(address, victim)
        for one in attempts(victim.known, share, seed + number):
            status, told = send(address, one, attacker.key)
            kinds[one.kind] += 1
            statuses[f"{status}"] += 1
            searched += len(told)
            if found := sum(len(mark) for mark in marks if mark in told):
                seen += found
                examples.append(f"{one.kind}: {one.method} {one.target} -> {status}")
        after = _state(address, victim)
        changed += _lost(before, after)
        own += sum(mark in after for mark in victim.marks)
    return {
        "attempts": kinds.total(),
        "kinds": dict(sorted(kinds.items())),
        "statuses": dict(sorted(statuses.items())),
        "server_errors": sum(n for status, n in statuses.items() if status.startswith("5")),
        "bytes_searched": searched,
        "marks": sum(len(one.marks) for one in both),
        "marks_their_own_see": own,
        "foreign_bytes_seen": seen,
        "seen_by": examples[:10],
        "changed": changed,
    }


def send(address: str, attempt: Attempt, key: str) -> tuple[int, bytes]:
    """Send a request as it is written, and return the status and all bytes of the response."""
    host, port = address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    try:
        named = {name.lower() for name, _ in attempt.headers}
        connection.putrequest(
            attempt.method, attempt.target, skip_host="host" in named, skip_accept_encoding=True
        )
        sent = key if attempt.key is None else attempt.key
        connection.putheader("Authorization", f"Bearer {sent}")
        for name, value in attempt.headers:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(attempt.body)))
        connection.endheaders(attempt.body)
        response = connection.getresponse()
        head = "".join(f"{name}: {value}\r\n" for name, value in response.getheaders())
        return response.status, f"{response.reason}\r\n{head}\r\n".encode() + response.read()
    finally:
        connection.close()


def timing(address: str, both: Sequence[Tenant], pairs: int, seed: int) -> dict[str, float]:
    """Time what the other tenant has just asked against what nobody has."""
    draw = random.Random(seed)
    victim, attacker = both

    def ask(tenant: Tenant, word: str) -> float:
        body = {"question": f"What does {word} mean?", "retrieval": "always"}
        sent = [("Content-Type", "application/json")]
        one = Attempt("", "POST", "/v1/answer", sent, json.dumps(body).encode())
        return timed(lambda: send(address, one, tenant.key))

    differences = []
    for _ in range(pairs):
        asked, fresh = (f"{draw.getrandbits(64):016x}" for _ in range(2))
        ask(victim, asked)
        line = [asked, fresh]
        draw.shuffle(line)
        took = {word: ask(attacker, word) for word in line}
        differences.append((took[asked] - took[fresh]) * 1000)
    seen = statistics.median(differences)
    by_chance = 0
    for _ in range(2000):
        drawn = [one * draw.choice((-1, 1)) for one in differences]
        by_chance += abs(statistics.median(drawn)) >= abs(seen)
    return {
        "pairs": pairs,
        "median_difference_ms": round(seen, 3),
        "by_chance": round((by_chance + 1) / 2001, 3),
    }


def cost(turns: int) -> dict[str, float]:
    """Compare a request with a key of a tenant, and one to a service without keys, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        bare, guarded = Path(folder, "bare"), Path(folder, "guarded")
        key = key_for_tenant(guarded, "acme")
        command = ("-m", "benchmarks.tenants", "--serve")
        with (
            server(*command, str(bare)) as (there, *_),
            server(*command, str(guarded)) as (here, *_),
            httpx.Client(base_url=there, timeout=60, trust_env=False) as one,
            httpx.Client(
                base_url=here,
                timeout=60,
                trust_env=False,
                headers={"Authorization": f"Bearer {key}"},
            ) as other,
        ):
            without: list[float] = []
            with_: list[float] = []
            for turn in range(turns + 20):
                pair = [(one, without), (other, with_)]
                for asking, times in pair if turn % 2 else reversed(pair):
                    times.append(timed(partial(_answered, asking)))
    # The first ones warm up.
    more = [b - a for a, b in list(zip(without, with_, strict=True))[20:]]
    return {
        "turns": turns,
        "bare_p50_ms": round(statistics.median(without[20:]) * 1000, 3),
        "guarded_p50_ms": round(statistics.median(with_[20:]) * 1000, 3),
        "p50_ms": round(statistics.median(more) * 1000, 3),
    }


def _answered(asking: httpx.Client) -> None:
    asking.post("/v1/answer", json=BODY).raise_for_status()


def _state(address: str, tenant: Tenant) -> str:
    """Everything that a tenant sees of its own; when keys were used is left out."""

    def got(path: str) -> Any:
        _, told = send(address, Attempt("", "GET", path), tenant.key)
        return json.loads(told.rpartition(b"\r\n\r\n")[2])

    whole = [got(f"/v1/traces/{id_}") for id_ in tenant.known.ids["traces"]]
    for place in ("collections", "documents", "jobs", "traces", "feedback", "keys"):
        cursor = ""
        while True:
            page = got(f"/v1/{place}?limit=200{cursor}")
            whole += page["items"]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
    lines = (json.dumps({**one, "used_at": None}, sort_keys=True) for one in whole)
    return "\n".join(sorted(lines))


def _lost(before: str, after: str) -> int:
    """How many of one's things are not as they were."""
    return len(set(before.splitlines()) - set(after.splitlines()))


def _listed(call: Callable[..., Any], place: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = call("GET", f"/v1/{place}?limit=200")["items"]
    return items


if __name__ == "__main__":
    main()
