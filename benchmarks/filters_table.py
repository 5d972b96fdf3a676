"""The figures of `benchmarks.filters` as tables for the documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["markdown"]

_RANKED = {
    "rank": "rank of BM25",
    "cosine": "cosine",
    "threshold": "`threshold`",
    "learned": "`learned`",
}
_READ = {
    "found": "the best ten that are found",
    "gold": "gold passages alone",
    "irrelevant": "passages found for another question",
    "missed": "passages found, but none that holds the answer",
}


def markdown(found: Mapping[str, Any]) -> str:
    """Return the tables of a result: rankings, and for each model what it answers."""
    sets = {"nq_gold, BM25": found["ranking"]} | {
        name: one["ranking"] for name, one in found["sets"].items()
    }
    lines = [
        "AUROC of telling passages that hold an accepted answer from the others:",
        "",
        f"| judged by | {' | '.join(sets)} |",
        f"|---{'|---' * len(sets)}|",
        *(
            f"| {what} | {' | '.join(_ends(one.get(name)) for one in sets.values())} |"
            for name, what in _RANKED.items()
        ),
        f"| questions | {' | '.join(str(one['questions']) for one in sets.values())} |",
        f"| passages | {' | '.join(format(one['passages'], ',') for one in sets.values())} |",
        "",
    ]
    if untaught := found["untaught"]:
        said = ", ".join(f"{value:.3f} on {name}" for name, value in untaught.items())
        lines += [f"`learned`, having learned from the other sets alone: {said}.", ""]
    lines += _kept(found["sets"])
    for model, parts in found["models"].items():
        lines += _of_model(model, parts)
    return "\n".join(lines)


def _kept(sets: Mapping[str, Any]) -> list[str]:
    said = [
        f"| {name} | {_named(chain)} | {row['words_kept']:.2f} | {_cell(row.get('answer_kept'))} |"
        for name, one in sets.items()
        for chain, row in one["kept"].items()
    ]
    head = ["| set | chain | words kept | answers kept |", "|---|---|---|---|"]
    return [*head, *said, ""] if said else []


def _of_model(model: str, parts: Mapping[str, Any]) -> list[str]:
    lines = [f"**{model}**", ""]
    for part, what in _READ.items():
        if part not in parts:
            continue
        rows = parts[part]["rows"]
        beside = sorted({key for row in rows.values() for key in row if key.startswith("less_")})
        against = [f"against {key.removeprefix('less_').replace('_', ' ')}" for key in beside]
        lines += [
            f"{parts[part]['n']} questions, {what}:",
            "",
            f"| {' | '.join(['read', 'accuracy', *against, 'tokens'])} |",
            f"|{'---|' * (len(beside) + 3)}",
            *(_row(name, row, beside) for name, row in rows.items()),
            "",
        ]
    if "rise" in parts:
        lines += [_rise(parts["rise"], parts.get("rise_cost")), ""]
    if "ms" in parts:
        spent = [f"{_named(n)} {v:.1f} ms" for n, v in parts["ms"].items() if n != "passages"]
        lines += [f"Time for {parts['ms']['passages']} passages: {', '.join(spent)}.", ""]
    return lines


def _row(name: str, row: Mapping[str, Any], beside: Sequence[str]) -> str:
    cells = [
        _named(name),
        _ends([row["answer_accuracy"], *row["answer_accuracy_95"]]),
        *(_signed(row[key]) if key in row else "" for key in beside),
        _cell(row.get("tokens_kept")),
    ]
    return f"| {' | '.join(cells)} |"


def _rise(found: Mapping[str, Any], cost: Mapping[str, Any] | None) -> str:
    said = (
        f"`knowledge_rise` behind `learned`, {found['passages']} passages of "
        f"{found['questions']} questions: AUROC {_ends(found.get('learned_rise'))}, "
        f"`learned` alone {_ends(found.get('learned'))}"
    )
    said += "" if found["fitted"] else " (it is not fitted, and only hands on what it hears)"
    if cost:
        said += f"; it takes {cost['ratio']:.2f} times as long as reading them at once"
    return f"{said}."


def _named(name: str) -> str:
    return f"`{name}`" if "learned" in name else name


def _ends(found: Sequence[float] | None) -> str:
    if not found:
        return ""
    value, *ends = found
    return f"{value:.3f} [{ends[0]:.3f}, {ends[1]:.3f}]" if ends else f"{value:.3f}"


def _signed(found: Sequence[float]) -> str:
    return "{:+.3f} [{:+.3f}, {:+.3f}]".format(*found)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
