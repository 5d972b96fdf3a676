"""What becomes of questions whose expert is behind an endpoint that fails?

    python -m benchmarks.remote [--limit N] [--deadline SECONDS] [--generator NAME]

Two experts stand in a pool: first one behind an endpoint on loopback that fails in one way, then a
real local one, which for each way is loaded anew when it is wanted. Indexes are ready, as they are
in a service. Questions are asked one after another, each with a deadline. An answer counts as right
in kind where the local expert gave it, it says in `degraded` that the first one could not, and why,
and it came before the deadline; what was still being loaded then is abstained from in time. After
three failures in a row the endpoint is left alone: the questions from then on are timed apart,
beside those of the local expert by itself.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rag_router.assembly import assemble, load_expert, load_parts
from rag_router.experts import Card
from rag_router.experts.base import Answering
from rag_router.experts.pool import Loaded, Member, Pool
from rag_router.experts.remote import load_remote
from rag_router.experts.routing import Choice, RoutingContext
from rag_router.models.scripted_endpoint import (
    Act,
    ScriptedEndpoint,
    breaks_off,
    falls_silent,
    hangs,
    refuses,
    sends,
    trickles,
)
from rag_router.orchestrator import Ask
from rag_router.orchestrator.pooled import PooledOrchestrator
from rag_router.settings import ExpertSettings, GeneratorSettings, RemoteSettings, load_settings

ALONE = "local expert alone"
QUESTIONS = Path(__file__).parents[1] / "examples" / "questions.jsonl"
PATIENCE = RemoteSettings(first_byte_s=2.0, between_bytes_s=2.0, total_s=4.0)
MISHAPS: dict[str, Act] = {
    "hangs": hangs(),
    "falls silent mid-stream": falls_silent("The answer"),
    "drops mid-stream": breaks_off("The answer"),
    "garbage": sends(b"data: {oops\n\n"),
    "no HTTP": sends(b"\x00\x01\x02\r\n\r\n", bare=True),
    "429": refuses(429, said="slow down"),
    "429, asks for a minute": refuses(429, headers={"Retry-After": "60"}),
    "500": refuses(500),
    "one byte every half second": trickles(0.5),
}


def main() -> None:
    """Fail, ask, time and record; exit with 1 where a question was not answered as it should."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int, default=8, help="questions for each mishap")
    parser.add_argument("--deadline", type=float, default=10.0, help="seconds for each question")
    parser.add_argument("--generator", default="smollm2-135m-instruct")
    arguments = parser.parse_args()
    settings = load_settings().model_copy(
        update={"generator": GeneratorSettings(model=arguments.generator)}
    )
    parts = load_parts(settings)
    local = assemble(settings, parts)
    for index in parts.indexes.values():
        index.reach("")

    def fresh() -> Answering:
        gc.collect()  # what the last one read is not kept beside it
        return assemble(settings, replace(parts, expert=load_expert(settings)))

    def remote(url: str) -> Answering:
        one = ExpertSettings(name="remote", model="any", url=url, remote=PATIENCE)
        return assemble(settings, replace(parts, expert=load_remote(one)))

    asked = questions(arguments.limit)
    figures = measure(remote, local, asked, arguments.deadline, fresh=fresh)
    from benchmarks.record import record

    record(
        "remote",
        figures,
        deadline_s=arguments.deadline,
        generator=local.expert.model.fingerprint,
        patience=PATIENCE.model_dump(mode="json", exclude_none=True),
        questions=len(asked),
    )
    whole = [one for name, one in figures.items() if name != ALONE]
    sys.exit(any(one["in_time"] < 1 for one in whole))


def measure(
    remote: Callable[[str], Answering],
    local: Answering,
    asked: Sequence[str],
    deadline_s: float,
    mishaps: Mapping[str, Act] = MISHAPS,
    *,
    fresh: Callable[[], Answering] | None = None,
) -> dict[str, dict[str, Any]]:
    """Let the remote expert fail in every way, and see what becomes of the questions.

    Args:
        remote: Makes what answers by an endpoint, given its address; new for each mishap.
        local: Who is asked next, to be timed alone.
        asked: The questions.
        deadline_s: Seconds for each.
        mishaps: What goes wrong, by name.
        fresh: Loads another like `local`, for each mishap; None has that one loaded already.
    """
    figures = {}
    for name, act in mishaps.items():
        print(f"{name} ...", file=sys.stderr)
        with ScriptedEndpoint([act]) as endpoint:
            away = remote(endpoint.url)
            pool = pool_of(lambda away=away: away, fresh or (lambda: local))
            told = [ask(pool, question, deadline_s) for question in asked]
            figures[name] = figures_of(told, len(endpoint.heard), deadline_s)
    alone = []
    for question in asked:
        began = time.perf_counter()
        local.answer([question])
        alone.append(time.perf_counter() - began)
    figures[ALONE] = {"p50_s": rounded(alone)}
    return figures


@dataclass(frozen=True)
class InOrder:
    """Ranks experts as they are given."""

    needs: frozenset[str] = frozenset()

    def rank(
        self, questions: Sequence[str], cards: Sequence[Card], context: RoutingContext
    ) -> list[tuple[Choice, ...]]:
        """Rank them for each question; `context` says nothing that matters."""
        del context
        ranking = tuple(
            Choice(name=one.name, score=1 / number, why="in order")
            for number, one in enumerate(cards, start=1)
        )
        return [ranking] * len(questions)


@dataclass(frozen=True)
class Told:
    """What became of one question.

    Attributes:
        seconds: Until the answer was there.
        by: Who gave it.
        why: What it says of the expert that could not; empty where it says nothing.
    """

    seconds: float
    by: str
    why: str


def pool_of(remote: Callable[[], Answering], local: Callable[[], Answering]) -> PooledOrchestrator:
    """A pool in which the remote expert is asked first; each is loaded when it is wanted."""
    members = [
        Member(
            name=name,
            load=lambda _, load=load: Loaded(load()),
            card=Card(name=name, kind=kind, model=name, abilities=frozenset()),
        )
        for name, kind, load in (("remote", "remote", remote), ("local", "local", local))
    ]
    return PooledOrchestrator(pool=Pool(members), router=InOrder(), ahead=True)


def ask(pool: PooledOrchestrator, question: str, deadline_s: float) -> Told:
    """Ask one question, and look at who answered it, when, and what is said of the other."""
    began = time.perf_counter()
    said = pool.answer([question], Ask(deadline_s=deadline_s))[0]
    seconds = time.perf_counter() - began
    why = next((one.what for one in said.degraded if one.what.startswith("remote could not")), "")
    return Told(seconds, said.route.expert.name, why)


def figures_of(told: Sequence[Told], requests: int, deadline_s: float) -> dict[str, Any]:
    """Count and time what became of all questions of one mishap."""
    tried = [one.seconds for one in told if one.why and "left alone" not in one.why]
    spared = [one.seconds for one in told if "left alone" in one.why]
    return {
        "answered_by_next": sum(one.by == "local" for one in told) / len(told),
        "said_in_degraded": sum(bool(one.why) for one in told) / len(told),
        "in_time": sum(one.seconds <= deadline_s for one in told) / len(told),
        "first_s": round(told[0].seconds, 3),
        "slowest_s": round(max(one.seconds for one in told), 3),
        "p50_s_while_tried": rounded(tried),
        "p50_s_left_alone": rounded(spared),
        "requests": requests,
        "says": told[0].why,
    }


def questions(limit: int) -> list[str]:
    """The first questions of the examples."""
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    return [str(json.loads(line)["question"]) for line in lines[:limit]]


def rounded(seconds: Sequence[float]) -> float | None:
    """The median, in milliseconds' precision; None of nothing."""
    return round(statistics.median(seconds), 3) if seconds else None


if __name__ == "__main__":
    main()
