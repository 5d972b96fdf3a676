"""The figures of `benchmarks.experts` as tables for the documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["markdown"]


def markdown(found: Mapping[str, Any]) -> str:
    """Return what there is of: experts in memory, recorded ones, and time."""
    lines: list[str] = []
    if "local" in found:
        lines += _local(found["local"])
    for name, row in found.get("recorded", {}).items():
        lines += _recorded(name, row)
    if "ms_for_ten_experts" in found:
        lines += [
            "Routing one question among ten experts, milliseconds beyond embedding and gates:",
            "",
            "| router | median | 95 % |",
            "|---|---|---|",
            *(
                f"| `{name}` | {row['median']:.2f} | {row['p95']:.2f} |"
                for name, row in found["ms_for_ten_experts"].items()
            ),
            "",
        ]
    return "\n".join(lines)


def _local(found: Mapping[str, Any]) -> list[str]:
    fields = list(found["fields"])
    return [
        f"Experts in memory, {found['n']:,} questions; what each one has right, by field:",
        "",
        f"| expert | {' | '.join(fields)} |",
        f"|---|{'---|' * len(fields)}",
        *(
            f"| `{name}` | {' | '.join(f'{row[field]:.3f}' for field in fields)} |"
            for name, row in found["by_field"].items()
        ),
        "",
        "Routers that learned from one half, judged on the other, and the other way round:",
        "",
        "| router | accuracy | minus best single | regret | cost | ms |",
        "|---|---|---|---|---|---|",
        *(_router(name, row) for name, row in found["routers"].items()),
        "",
        f"Ours beyond `{found['best_published']}`, the best published one here: "
        + "; ".join(
            f"`{name}` {_signed(ends)}" for name, ends in found["minus_best_published"].items()
        )
        + ".",
        "",
    ]


def _router(name: str, row: Mapping[str, Any]) -> str:
    took = f"{row['ms_per_question']:.2f}" if "ms_per_question" in row else ""
    cells = (
        f"`{name}`",
        f"{row['accuracy']:.3f}",
        _signed(row["minus_best_single"]),
        f"{row['regret']:.3f}",
        f"{row['cost']:.3g}",
        took,
    )
    return f"| {' | '.join(cells)} |"


def _recorded(name: str, found: Mapping[str, Any]) -> list[str]:
    if "skipped" in found:
        return [f"Recorded, {name}: {found['skipped']}.", ""]
    seeds = list(found["parts"])
    return [
        f"Recorded outcomes of GPT-4 and Mixtral, {name}, {found['n']:,} questions: APGR with 95 % "
        "intervals, judged crosswise in five parts, and on one half:",
        "",
        f"| router | {' | '.join(f'parts, split {s}' for s in seeds)} "
        f"| {' | '.join(f'half, split {s}' for s in seeds)} |",
        f"|---|{'---|' * (2 * len(seeds))}",
        *(
            f"| `{router}` | "
            + " | ".join(_apgr(found[how][s].get(router, {})) for how in _HOW for s in seeds)
            + " |"
            for router in found["parts"][seeds[0]]
            if "apgr" in found["parts"][seeds[0]][router]
        ),
        "",
    ]


_HOW = ("parts", "halves")


def _apgr(row: Mapping[str, Any]) -> str:
    if "apgr" not in row:
        return ""
    low, high = row.get("apgr_95", (None, None))
    return f"{row['apgr']:.3f}" + (f" [{low:.3f}, {high:.3f}]" if low is not None else "")


def _signed(ends: Sequence[float]) -> str:
    value, low, high = ends
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"
