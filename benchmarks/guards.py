"""What do keys, quotas and the audit log cost a request?

    python -m benchmarks.guards [--requests N]

Two servers of a scripted model, each a process of its own, keep their things in SQLite and keep no
traces. One lets everybody in, counts nothing and writes nothing down. The other one wants a key out
of its database, counts requests and tokens of a minute and of a day, and writes every request
down. All are asked the same question, turn by turn, by one client that waits for each answer: the
first one, the second one with a key of the default tenant, and with one of another tenant, whose
collections are looked up for each request. Figures are medians of the differences within a turn.

It also counts what the second server has written down: one line of each request, in one chain.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.service import BODY, client, scripted, server, timed
from rag_router.api.resources import Resources
from rag_router.settings import AuditSettings, LimitSettings, Settings, StoreSettings
from rag_router.store.audit import check_audit
from rag_router.store.keys import add_key
from rag_router.store.naming import DEFAULT_TENANT

_LIMITS = LimitSettings(
    requests_per_minute=10**6,
    requests_per_day=10**8,
    tokens_per_minute=10**9,
    tokens_per_day=10**11,
)


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=1000, help="turns")
    parser.add_argument("--serve", nargs=3, metavar=("HOME", "HOW", "PORT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        home, how, port = arguments.serve
        serve(settings(Path(home), guarded=how == "guarded"), int(port))
        return
    with tempfile.TemporaryDirectory() as folder:
        bare, guarded = Path(folder, "bare"), Path(folder, "guarded")
        keys = made_keys(guarded)
        command = ("-m", "benchmarks.guards", "--serve")
        with (
            server(*command, str(bare), "bare") as (there, *_),
            server(*command, str(guarded), "guarded") as (here, *_),
        ):
            figures = compared(there, here, keys, arguments.requests)
        figures["audit"] = written(guarded)
    from benchmarks.record import record

    record("guards", figures, turns=arguments.requests)


def settings(home: Path, *, guarded: bool) -> Settings:
    """Those of one of the servers."""
    return Settings(
        home=home,
        store=StoreSettings(traces="off"),
        limits=_LIMITS if guarded else LimitSettings(),
        audit=AuditSettings(enabled=guarded),
    )


def serve(chosen: Settings, port: int) -> None:
    """Serve the scripted model until the process is told to end."""
    import uvicorn

    from rag_router.api.app import create_app

    resources = Resources.open(chosen)
    app = create_app(lambda: scripted(chosen.home), chosen.limits, resources=resources)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


def made_keys(home: Path) -> list[str]:
    """Make two keys of the guarded server: one of the default tenant, and one of another."""
    resources = Resources.open(settings(home, guarded=True))
    try:
        with resources.database.writing() as session:
            made = [
                add_key(session, resources.secret(), one, scopes=["answer"], now=resources.clock())
                for one in (DEFAULT_TENANT, "team")
            ]
        return [one.text for one in made]
    finally:
        resources.close()


def compared(bare: str, guarded: str, keys: Sequence[str], turns: int) -> dict[str, Any]:
    """Ask in turns: nobody in particular, and with each key, in an order that goes round."""
    asking = [client(bare)]
    for key in keys:
        asking.append(client(guarded))
        asking[-1].headers["Authorization"] = f"Bearer {key}"
    spent: list[list[float]] = [[] for _ in asking]
    try:
        for turn in range(turns + 50):
            for number in range(len(asking)):
                who = (number + turn) % len(asking)
                took = timed(lambda: asking[who].post("/v1/answer", json=BODY).raise_for_status())  # noqa: B023
                if turn >= 50:  # the first ones warm up
                    spent[who].append(took * 1000)
    finally:
        for one in asking:
            one.close()
    without, default, team = spent
    return {
        "turns": turns,
        "bare_p50_ms": round(statistics.median(without), 3),
        "guarded_p50_ms": round(statistics.median(default), 3),
        "tenant_p50_ms": round(statistics.median(team), 3),
        "more_p50_ms": round(_more(without, default), 3),
        "more_of_tenant_p50_ms": round(_more(without, team), 3),
    }


def _more(without: Sequence[float], with_: Sequence[float]) -> float:
    return statistics.median(b - a for a, b in zip(without, with_, strict=True))


def written(home: Path) -> dict[str, int]:
    """What the guarded server has written down."""
    resources = Resources.open(settings(home, guarded=True))
    try:
        with resources.database.reading() as session:
            found = check_audit(session)
    finally:
        resources.close()
    if found.problems:
        sys.exit(f"the audit log is broken: {found.problems[0]}")
    return {"lines": found.lines, "problems": len(found.problems)}


if __name__ == "__main__":
    main()
