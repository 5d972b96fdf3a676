"""A comparison as Markdown: one table for each set, and what a reader must know."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from benchmarks.peers.retrieval.systems import system

CAVEATS = (
    "Every system runs with its own defaults. What counts as a word differs: only `bm25s/stemmed` "
    "joins inflected forms, only bm25s and ours leave out stop words, rank-bm25 keeps punctuation.",
    "Peers index whole documents with the title as first line. Ours indexes passages of at most "
    "200 tokens, and a document ranks where its best passage does; a document with a title and no "
    "text is not in our index, and so cannot be found.",
    "All dense systems use the same all-MiniLM-L6-v2. txtai lets it read 512 tokens of a document, "
    "Haystack 256, ours all of it in passages.",
    "An index of ours always holds vectors, so that building it takes the embedder's time even "
    "for `ours/sparse`. It is on disk and checked; the peers' are in memory.",
    "One query at a time, one thread, after one query that is not timed. Times are CPU times of "
    "the process, which other work on the machine disturbs less than the clock; what passed on "
    "the clock is recorded beside them, with the machine's load. They include the embedding of "
    "the query for dense and fused systems, and for `ours/sparse` the cosines of what was found "
    "and the reading of its passages from SQLite.",
    "Memory is the most that the process ever held, libraries and models included.",
)

_COLUMNS = (
    ("nDCG@10", "ndcg@10", ".3f"),
    ("recall@10", "recall@10", ".3f"),
    ("MRR@10", "mrr@10", ".3f"),
    ("p50 ms", "p50_cpu_ms", ".2f"),
    ("p95 ms", "p95_cpu_ms", ".2f"),
    ("index s", "index_cpu_s", ".1f"),
    ("MB", "memory_mb", "d"),
)


def markdown(figures: Mapping[str, Any]) -> str:
    """Render the recorded figures, the best nDCG of each set in bold.

    Args:
        figures: `sets` of name -> {documents, queries, systems: name -> figures}.
    """
    parts = [_set(name, of_set) for name, of_set in figures["sets"].items()]
    names = dict.fromkeys(name for of_set in figures["sets"].values() for name in of_set["systems"])
    setups = "\n".join(f"- `{name}`: {_setup(name)}" for name in names)
    caveats = "\n".join(f"- {caveat}" for caveat in CAVEATS)
    return "\n\n".join([*parts, setups, caveats]) + "\n"


def _set(name: str, of_set: Mapping[str, Any]) -> str:
    best = max(row["ndcg@10"] for row in of_set["systems"].values())
    lines = [
        f"**{name}**, {of_set['documents']:,} documents, {of_set['queries']} queries",
        "",
        f"| system | {' | '.join(heading for heading, *_ in _COLUMNS)} |",
        f"|---|{'---:|' * len(_COLUMNS)}",
    ]
    for system_name, row in of_set["systems"].items():
        cells = [format(row[key], how) for _, key, how in _COLUMNS]
        if row["ndcg@10"] == best:
            cells[0] = f"**{cells[0]}**"
        lines.append(f"| {system_name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _setup(name: str) -> str:
    """Return the first line of what a variant says about itself."""
    of, _, variant = name.partition("/")
    return (inspect.getdoc(system(of).VARIANTS[variant]) or "").splitlines()[0]
