"""The figures of `benchmarks.routing` as tables for the documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["markdown"]


def markdown(found: Mapping[str, Any]) -> str:
    """Return the tables of one result."""
    lines = []
    if "retrievers" in found:
        lines += [*_rows(found), "", *_fields(found), "", *_shares(found), "", *_changes(found), ""]
    lines += _adapters(found)
    return "\n".join(lines) + "\n"


def _rows(found: Mapping[str, Any]) -> list[str]:
    against = found["against"]
    lines = [
        f"{found['n']:,} held-out questions of six fields, the means over fields; the best pool is "
        f"`{against['best_pool']}`:",
        "",
        "| | nDCG@10 | minus the best pool, by question | of the oracle | right first | visited | "
        "search ms |",
        "|---|---|---|---|---|---|---|",
    ]
    order = sorted(found["retrievers"].items(), key=lambda row: -row[1]["ndcg@10_over_fields"])
    for name, row in order:
        beside = against.get(name) if name in against else None
        gap = beside["minus_best_pool_by_question"] if isinstance(beside, Mapping) else None
        cells = [
            f"`{name}`",
            f"{row['ndcg@10_over_fields']:.3f}",
            "{:+.3f} [{:+.3f}, {:+.3f}]".format(*gap) if gap else "",
            f"{beside['of_oracle']:.3f}" if isinstance(beside, Mapping) else "",
            f"{row['right_first']:.3f}" if "right_first" in row else "",
            f"{row['visited']:.2f}" if "visited" in row else "",
            "" if name.startswith("routed") else f"{row['search_ms_per_query']:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _fields(found: Mapping[str, Any]) -> list[str]:
    rows = found["retrievers"]
    best = found["against"]["best_pool"]
    lines = [
        f"| field | passages | right first, `combined` | nDCG@10 `{best}` | `routed/combined` | "
        "`routed/oracle` |",
        "|---|---|---|---|---|---|",
    ]
    for name, share in rows["routed/combined"]["right_first_by_field"].items():
        figures = [
            rows[row]["ndcg@10_by_field"][name]
            for row in (best, "routed/combined", "routed/oracle")
        ]
        cells = [
            name,
            f"{found['fields'][name]['passages']:,}",
            f"{share:.3f}",
            *(f"{f:.3f}" for f in figures),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _shares(found: Mapping[str, Any]) -> list[str]:
    lines = [
        "| `share`, router `combined` | experts visited | right one visited | nDCG@10 |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {share} | {row['visited']:.2f} | {row['right_visited']:.3f} | "
        f"{row['ndcg@10_over_fields']:.3f} |"
        for share, row in found["shares"].items()
    ]
    return lines


def _changes(found: Mapping[str, Any]) -> list[str]:
    lines = [
        "| added | router | parameters of the others | their nDCG@10, before and after | largest "
        "change of a field | nDCG@10 of the new | right first of the new |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = [("gsm8k, a seventh", name, row) for name, row in found["added"].items()]
    rows += [
        (f"{name}, left out before", "neighbours", row) for name, row in found["left_out"].items()
    ]
    for what, router, row in rows:
        cells = [
            what,
            f"`{router}`",
            "identical" if row["parameters_identical"] else "changed",
            f"{row['ndcg@10_of_others']:.3f} → {row['ndcg@10_of_others_after']:.3f}",
            f"{row['largest_change']:.3f}",
            f"{row['ndcg@10_of_new']:.3f}",
            f"{row['right_first_of_new']:.3f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _adapters(found: Mapping[str, Any]) -> list[str]:
    lines = [
        "| query adapter | learned from | held out | nDCG@10 base → adapter | gain | epoch | "
        "minutes |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in found["adapters"].items():
        cells = [
            name,
            f"{row['learned_from']:,}",
            f"{row['held_out']:,}",
            f"{row['ndcg@10_base']:.3f} → {row['ndcg@10']:.3f}",
            f"{row['gain']:+.3f} [{row['gain_low']:+.3f}, {row['gain_high']:+.3f}]",
            str(row["epoch"]),
            f"{row['minutes']:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines
