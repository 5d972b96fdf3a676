"""The figures of `benchmarks.decoding` as tables for the documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["markdown"]

_WHOLE = (
    ("contrast_over_plain", "both streams / passages alone"),
    ("contrast_over_lock_step", "/ two `generate` in lock-step"),
    ("contrast_over_lock_step_steps_only", "the same, without prefill"),
    ("contrast_over_padded_pair", "/ a padded pair in one `generate`"),
    ("untraced_over_traced", "without trace / with it"),
)


def markdown(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the tables.

    Args:
        found: By model, the figures of one result.
    """
    lines: list[str] = []
    for model, figures in found.items():
        equal = figures["correct"]
        plain, company = equal["plain_passes"], equal["company"]
        lines += [
            f"**{model}**: {plain['prompts']} prompts, {plain['tokens']} tokens, "
            f"{plain['different']} other than those of two plain passes a step; alone "
            f"and in batches of 8 equal: {company['equal_alone_and_in_batches_of_8']:.0%}.",
            "",
            f"| whole answers, context 512 | {' | '.join(title for _, title in _WHOLE)} |",
            f"|---|{'---|' * len(_WHOLE)}",
        ]
        for batch, row in figures["whole_answers"]["context_512"].items():
            cells = (f"{row[key]['wall']:.2f}" if key in row else "" for key, _ in _WHOLE)
            lines.append(f"| {batch.replace('_', ' ')} | {' | '.join(cells)} |")
        lines += [
            "",
            "| batch, context | prefill, ms | a token, passages alone, ms | a token, both, ms |",
            "|---|---|---|---|",
        ]
        for batch, contexts in figures["grid"].items():
            for context, row in contexts.items():
                cells = (row[key]["wall"] for key in _CELLS)
                size, length = batch.removeprefix("batch_"), context.removeprefix("context_")
                lines.append(
                    f"| {size}, {length} | " + " | ".join(f"{c:,.0f}" for c in cells) + " |"
                )
        lines.append("")
    return "\n".join(lines)


_CELLS = ("prefill_ms", "plain_ms_per_token", "contrast_ms_per_token")
