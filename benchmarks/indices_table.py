"""The table of what indexes cost, from the newest results of `indices` and `kills`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["markdown"]


def markdown(figures: Mapping[str, Any], kills: Mapping[str, Any]) -> str:
    """Return the table.

    Args:
        figures: Of `benchmarks.indices`; parts that were not measured are left out.
        kills: Of `benchmarks.kills`.
    """
    lines = ["| what | figure | bar |", "|---|---|---|"]
    lines += [f"| {what} | {said} | {bar} |" for what, said, bar in _rows(figures, kills)]
    return "\n".join(lines) + "\n"


def _rows(figures: Mapping[str, Any], kills: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if found := figures.get("lexical"):
        yield (
            f"BM25 over {found['passages']:,} passages, rows and scores of ten: ours / bm25s, the "
            "same tokens",
            f"{found['ours_ms']:.2f} / {found['bm25s_ms']:.2f} ms, {found['ratio']:.2f}",
            "<= 1.15",
        )
    if found := figures.get("graph"):
        yield (
            f"HNSW over {found['vectors']:,} vectors, efSearch {found['ef_search']}: recall@10 "
            "recorded when it was built / of real questions",
            f"{found['recall_at_10_recorded']:.3f} / {found['recall_at_10_of_questions']:.3f}",
            ">= 0.95",
        )
        yield (
            "the same, p95 of one question: ours / faiss called directly",
            f"{found['ours_p95_ms']:.2f} / {found['faiss_p95_ms']:.2f} ms, {found['ratio']:.2f}",
            "<= 1.1",
        )
    if found := figures.get("adding"):
        yield (
            f"`index add` of {found['passages']:,} passages: what is not the encoder's, of "
            f"{found['encoder_s'] + found['other_s']:,.0f} s (the encoder's share worked out from "
            f"{found['encoder_read']:,} passages)",
            f"{found['other_s']:.0f} s, {100 * found['other_share']:.1f} %",
            "<= 10 %",
        )
    if found := figures.get("serving"):
        yield (
            f"memory of a process that serves {found['passages']:,} passages, no model loaded: "
            "opened / at most",
            f"{found['opened_mb']:,.0f} / {found['peak_mb']:,.0f} MB",
            "<= 1,200 MB",
        )
    if found := figures.get("memory"):
        near, passed, served = found["at_0.95"], found["passed_on"], found["served"]
        yield (
            f"a memory of {found['pairs']:,} questions, asked {near['of']} others: as similar as "
            "0.95, and of these right",
            f"{near['questions']}, {near['right']}",
            "",
        )
        yield (
            f"the same with fitted thresholds, {served['of']} held-out questions: served / passed "
            "on, and of these right",
            f"{served['questions']}, {served['right']} / {passed['questions']}, {passed['right']}",
            "",
        )
    if kills:
        during = ", ".join(f"{count} of {what}" for what, count in kills["during"].items())
        yield (
            f"{kills['killed']} kills at random moments ({during}): generations lost / indexes "
            "with a wrong passage",
            f"{kills['lost']} / {kills['wrong']}",
            "0 / 0",
        )
