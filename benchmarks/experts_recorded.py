"""Routers between GPT-4 and Mixtral on recorded outcomes of MMLU and GSM8K: how much is saved?

Outcomes and prices are RouteLLM's (Ong et al. 2024, arXiv 2406.18665): 24.7 and 0.24 dollars for a
million tokens. A question is embedded with its choices, as the two models read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.experts_judged import PUBLISHED, crosswise, parts_of, summary_of
from rag_router.artefacts import fingerprint_of
from rag_router.eval.datasets import read_questions
from rag_router.eval.expert_outcomes import recorded_names, recorded_outcomes, shown_text
from rag_router.experts.card import Card
from rag_router.models.base import Embedder
from rag_router.outcomes import RecordCache

__all__ = ["embedded", "recorded_figures"]

CARDS: Final = tuple(
    Card(
        name=name,
        kind="remote",
        model=name,
        abilities=frozenset(),
        price_prompt=price,
        price_completion=price,
    )
    for name, price in (("mixtral_8x7b", 0.24), ("gpt4_1106", 24.7))
)

_NAMES: Final = ("random", *PUBLISHED, "kernel", "combined")
_PARTS: Final = 5


def recorded_figures(
    data: Path, embedder: Embedder, cache: RecordCache, *, limit: int | None, seeds: int
) -> dict[str, Any]:
    """Judge every router that needs no word of the experts themselves."""
    out: dict[str, Any] = {}
    for name in ("mmlu", "gsm8k"):
        questions = [
            question
            for path in sorted((data / name).glob("*.jsonl*"))
            for question in read_questions([path], answers=True, limit=limit)
        ]
        if not {card.name for card in CARDS} <= set(recorded_names(questions)):
            out[name] = {"skipped": f"no outcomes are recorded in {name}"}
            print(name, out[name], flush=True)
            continue
        matrix = recorded_outcomes(questions, CARDS)
        vectors = embedded([shown_text(q) for q in matrix.questions], embedder, cache)
        names = [one for one in _NAMES if len(set(matrix.fields)) > 1 or not _by_field(one)]
        ids = [question.id for question in matrix.questions]
        found: dict[str, Any] = {"n": len(matrix)}
        for seed in range(seeds):
            part = parts_of(ids, _PARTS, seed)
            routed, _, seconds = crosswise(names, matrix, vectors, part, seed=seed)
            summary = summary_of(matrix, routed)
            found.setdefault("parts", {})[seed] = summary["routers"]
            halves = parts_of(ids, 2, seed)
            routed, rows, _ = crosswise(names, matrix, vectors, halves, seed=seed, only=0)
            half = summary_of(matrix.rows(rows), routed)
            found.setdefault("halves", {})[seed] = half["routers"]
            if seed == 0:
                found["fit_s"] = seconds
            for one in names:
                row, held = summary["routers"][one], half["routers"][one]
                print(name, seed, one, _short(row), "| one half:", _short(held), flush=True)
        found["mean_apgr"] = {
            one: {
                how: round(float(np.mean([found[how][s][one]["apgr"] for s in range(seeds)])), 4)
                for how in ("parts", "halves")
            }
            for one in names
            if one != "random"
        }
        out[name] = found
    return out


def embedded(texts: Sequence[str], embedder: Embedder, cache: RecordCache) -> NDArray[np.float32]:
    """Embed texts, those that are kept from an earlier run no more; shape (texts, dimension)."""
    keys = [fingerprint_of("embedding", embedder.fingerprint, text) for text in texts]
    known = cache.get_arrays(keys)
    todo = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    names = list(todo)
    for at in range(0, len(names), 64):
        some = names[at : at + 64]
        fresh = embedder.encode_queries([todo[key] for key in some])
        cache.put_arrays("embedding", dict(zip(some, fresh, strict=True)))
    if names:
        known = cache.get_arrays(keys)
    return np.stack([known[key] for key in keys])


def _by_field(name: str) -> bool:
    return name in {"domain", "budgeted", "benchmark_subject"}


def _short(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("apgr", "apgr_95", "aiq", "accuracy") if key in row}
