"""Generated parts of the documents: made from the code, and checked stale by `make docs`.

    python docs/generate.py            fails where a document is stale
    python docs/generate.py --write    renews it

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rag_router.cli.components import described
from rag_router.models.catalogue import CATALOGUE

ROOT = Path(__file__).parent.parent
DOCUMENTS = (ROOT / "README.md",)
RESULTS = ROOT / "benchmarks" / "results"
Rows = Iterator[tuple[str, str]]
_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def components() -> str:
    """Return the table of all components."""
    lines = ["| kind | name | what it does | source | cost |", "|---|---|---|---|---|"]
    for kind, members in described().items():
        lines += [
            f"| {kind} | `{name}` | {about['summary']} | {about['source']} | {about['cost']} |"
            for name, about in members.items()
        ]
    return "\n".join(lines) + "\n"


def models() -> str:
    """Return the table of the bundled models."""
    lines = ["| name | kind | download | on disk | licence | |", "|---|---|---|---|---|---|"]
    lines += [
        f"| `{m.name}` | {m.kind} | {m.download_bytes / 1e6:,.0f} MB | {m.disk_bytes / 1e6:,.0f} MB"
        f" | {m.licence} | {m.summary}{'' if m.default else ' (optional)'} |"
        for m in CATALOGUE.values()
    ]
    return "\n".join(lines) + "\n"


def figures() -> str:
    """Return what the newest results under benchmarks/results say."""
    lines = ["| what | figure | command |", "|---|---|---|"]
    for name, rows in (
        ("demo", _demo),
        ("latency", _latency),
        ("generators", _generators),
        ("gates", _gates),
        ("decoders", _decoders),
        ("examples", _examples),
    ):
        newest = sorted(RESULTS.glob(f"*-{name}.json"))[-1:]
        for path in newest:
            found = json.loads(path.read_text(encoding="utf-8"))["figures"]
            lines += [f"| {what} | {said} | `benchmarks.{name}` |" for what, said in rows(found)]
    return "\n".join(lines) + "\n"


def _demo(found: dict[str, Any]) -> Rows:
    yield "`make demo` on a bare clone", f"{found['bare_clone_s'] / 60:.1f} min"
    yield "`make demo`, second run", f"{found['second_run_s']:.0f} s"


def _latency(found: dict[str, Any]) -> Rows:
    yield "`--help`", f"{found['help_s']:.2f} s"
    yield "`ask` in a new process", f"{found['ask_new_process_s']:.1f} s"
    yield "`serve` from start to ready", f"{found['serve_ready_s']:.1f} s"
    passages = found["passages_read_mean"]
    p50 = found["warm_answer_p50_s"]
    yield f"warm answer, retrieval always, {passages:.1f} passages read, p50", f"{p50:.2f} s"
    yield "resident memory of `serve`", f"{found['serve_resident_gb']:.1f} GB"


def _generators(found: dict[str, Any]) -> Rows:
    for model in (m for m in found if m != "n"):
        closed, gold = found[model]["closed_book"], found[model]["gold_passage"]
        said = (
            f"{closed['accuracy']:.3f} ± {closed['standard_error']:.3f} → "
            f"{gold['accuracy']:.3f} ± {gold['standard_error']:.3f}"
        )
        yield f"{model}: closed book → gold passage, {found['n']} questions", said


def _gates(found: dict[str, Any]) -> Rows:
    for name, row in found["gates"].items():
        low, high = row["auroc_95"]
        said = f"AUROC {row['auroc']:.3f} [{low:.3f}, {high:.3f}], ECE {row['ece']:.3f}"
        yield f"gate `{name}`, {found['n']} held-out questions", said


def _decoders(found: dict[str, Any]) -> Rows:
    for model in (m for m in found if not m.endswith("_n")):
        for name, row in found[model].items():
            said = (
                f"{row['gold']['share']:.2f} ± {row['gold']['standard_error']:.2f} / "
                f"{row['follows_context']['share']:.2f} ± "
                f"{row['follows_context']['standard_error']:.2f}"
            )
            yield f"{model}, `{name}`: right on gold / follows falsified passages", said


def _examples(found: dict[str, Any]) -> Rows:
    yield f"example questions right, of {found['n']}", str(found["right"])


PARTS: dict[str, Callable[[], str]] = {
    "components": components,
    "models": models,
    "figures": figures,
}


def renewed(text: str) -> str:
    """Return a document with all its generated parts made anew."""
    return _PART.sub(lambda m: m[1] + PARTS[m[2]]() + m[3], text)


def main() -> None:
    """Renew the documents, or fail where one is stale."""
    stale = []
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        if (fresh := renewed(text)) != text:
            stale.append(path)
            if "--write" in sys.argv:
                path.write_text(fresh, encoding="utf-8")
    if stale and "--write" not in sys.argv:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        sys.exit(f"{names}: generated parts are stale; run `make docs FIX=--write`")


if __name__ == "__main__":
    main()
