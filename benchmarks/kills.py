"""Does an index survive being killed at random moments, again and again?

    python -m benchmarks.kills [--kills N] [--seed S]

One index is changed over and over: documents are added, replaced and erased, it is compacted, and
the process that does it is killed (SIGKILL) at a moment drawn from the time that such a change
takes. After every kill the index is opened: it must hold all documents as they were before the
change or all as they were to be after it, each passage with the text, the vector and the terms of
its own document. Half of the rounds use a graph of vectors, whose dead slots nothing may find.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rag_router.errors import UnknownNameError
from rag_router.indices import Library, Sizes
from rag_router.models.scripted_embedder import HashingEmbedder

NAME = "world"
EMBEDDER = HashingEmbedder()
Held = dict[str, str]
"""What an index holds: the text of each document by its id."""


def main() -> None:
    """Kill, look, count and record; exit with 1 where anything was lost or wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(Path(folder), arguments.kills, arguments.seed)
    from benchmarks.record import record

    record("kills", figures, seed=arguments.seed)
    sys.exit(bool(figures["lost"] or figures["wrong"]))


def run(folder: Path, kills: int, seed: int) -> dict[str, object]:
    """Change indexes until this many changes were killed, and say what became of them.

    Args:
        folder: Empty; for indexes and corpora.
        kills: How many changes are to be killed; those that end before they are do not count.
        seed: Of everything drawn.
    """
    draw = random.Random(seed)
    counts: Counter[str] = Counter()
    seconds: dict[str, float] = {}
    for home, sizes in ((folder / "flat", Sizes()), (folder / "graph", _SMALL)):
        library = Library(home, sizes=sizes)
        held: Held = {}
        wanted = kills // 2 if home.name == "flat" else kills - kills // 2
        killed = 0
        while killed < wanted:
            what, change, after = _draw_change(draw, library, held, folder / "corpus.jsonl")
            limit = seconds.get(f"{home.name} {what}")
            # Every third change is let be, so that indexes go on changing.
            delay = None if limit is None or draw.random() < 1 / 3 else draw.uniform(0, limit)
            begin = time.perf_counter()
            was_killed = _in_a_child(change, delay)
            if not was_killed:
                # The slowest so far, so that moments are drawn from all of a change.
                took = time.perf_counter() - begin
                seconds[f"{home.name} {what}"] = max(limit or 0.0, took)
            killed += was_killed
            counts[what] += was_killed
            held = _look(library, held, after, was_killed, counts)
            library = Library(home, sizes=sizes)
    return {
        "killed": kills,
        "during": {what: counts[what] for what in ("add", "erase", "compact")},
        "as_before": counts["as before"],
        "as_after": counts["as after"],
        "lost": counts["lost"],
        "wrong": counts["wrong"],
    }


_SMALL = Sizes(hnsw_above=20, recall=0.9)


def _draw_change(
    draw: random.Random, library: Library, held: Held, corpus: Path
) -> tuple[str, Callable[[], None], Held]:
    what = draw.choice(["add", "erase", "compact"]) if len(held) > 30 else "add"
    if what == "compact":
        return what, lambda: _ignore(library.compact(NAME)), held
    if what == "erase":
        gone = draw.sample(sorted(held), 10)
        after = {id_: text for id_, text in held.items() if id_ not in gone}
        return what, lambda: _ignore(library.erase(NAME, gone)), after
    count = 15 if held else 60
    fresh = {f"d{draw.randrange(80)}": f"Text word{draw.randrange(10**9)}x." for _ in range(count)}
    corpus.write_text("".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in fresh.items()))
    return what, lambda: _ignore(library.add(NAME, [corpus], EMBEDDER)), {**held, **fresh}


def _ignore(_: object) -> None:
    pass


def _in_a_child(change: Callable[[], None], delay: float | None) -> bool:
    """Make a change in a process of its own; tell whether it was killed before it was done."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            change()
            status = 0
        finally:
            os._exit(status)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in {0, -signal.SIGKILL}:
        raise RuntimeError(f"a change ended with {status}")
    return status != 0


def _look(
    library: Library, before: Held, after: Held, was_killed: bool, counts: Counter[str]
) -> Held:
    """Open the index, compare all of it, and return what it holds."""
    try:
        library.verify(NAME)
        index = library.open(NAME, EMBEDDER)
    except UnknownNameError:
        counts["lost"] += bool(before) or not was_killed
        counts["as before"] += was_killed and not before
        return {}
    passages = index.passages(range(len(index)))
    held = {passage.document_id: passage.text for passage in passages}
    if held == after:
        counts["as after"] += was_killed
    elif held == before and was_killed:
        counts["as before"] += 1
    else:
        counts["lost"] += 1
    vectors = EMBEDDER.encode_passages([passage.text for passage in passages])
    right = bool(np.allclose(index.vectors_of(range(len(index))), vectors, atol=1e-5))
    for row, passage in enumerate(passages):
        hits = index.search_terms([passage.text.split()[-1]], 1)[0]
        right = right and [hit.row for hit in hits] == [row]
    found = index.search_vectors(vectors, len(index))[1]
    right = right and all(sorted(rows) == list(range(len(index))) for rows in found.tolist())
    counts["wrong"] += not right
    index.close()
    return held


if __name__ == "__main__":
    main()
