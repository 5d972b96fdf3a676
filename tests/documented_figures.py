"""The figures that evaluations promise, and a check that none of them is null or not a number."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

__all__ = [
    "CONFLICT",
    "FILTERS",
    "GATES",
    "POLICIES",
    "ROUTERS",
    "assert_documented_figures",
]

GATES = frozenset(
    {"auroc", "auprc", "ece", "brier", "aurc", "extra_prefill_tokens", "extra_decode_steps"}
    | {"ms_per_question"}
)
POLICIES = frozenset(
    {"accuracy", "em", "f1", "retrieval_rate", "abstained", "lm_forward_passes", "p50_ms", "p95_ms"}
)
CONFLICT = frozenset(
    {"follows_context", "follows_memory", "memorization_ratio", "gold", "irrelevant", "harmed"}
    | {"ms_per_token"}
)
FILTERS = frozenset({"auroc", "tokens_kept", "answer_accuracy", "ms_per_question"})
ROUTERS = frozenset({"accuracy", "cost", "regret", "ms_per_question"})


def assert_documented_figures(
    summary: Mapping[str, Any],
    kind: str,
    keys: frozenset[str],
    *,
    without: Mapping[str, frozenset[str]] | None = None,
) -> None:
    """Check what an evaluation prints.

    Args:
        summary: The document.
        kind: Where the members stand in it.
        keys: Figures that each member has.
        without: Figures that some members cannot have, and must not.
    """
    assert isinstance(summary["n"], int)
    for name, row in summary[kind].items():
        lacking = (without or {}).get(name, frozenset())
        assert keys - row.keys() == lacking, name
    _assert_whole(summary, "")
    json.dumps(summary, allow_nan=False)


def _assert_whole(value: Any, place: str) -> None:
    assert value is not None, place
    if isinstance(value, float):
        assert math.isfinite(value), place
    elif isinstance(value, Mapping):
        for key, part in value.items():
            _assert_whole(part, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for part in value:
            _assert_whole(part, place)
