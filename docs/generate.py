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
DOCUMENTS = (
    ROOT / "README.md",
    ROOT / "docs" / "batch.md",
    ROOT / "docs" / "evaluation.md",
    ROOT / "docs" / "experts.md",
    ROOT / "docs" / "filters.md",
    ROOT / "docs" / "indexes.md",
    ROOT / "docs" / "operating.md",
    ROOT / "docs" / "retrieval.md",
    ROOT / "docs" / "scale.md",
    ROOT / "docs" / "service.md",
    ROOT / "docs" / "tenants.md",
)
RESULTS = ROOT / "benchmarks" / "results"
_NOTHING = "No result is recorded yet; the command above makes one.\n"
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


def gates() -> str:
    """Return the newest comparison of gates, ours and other libraries'."""
    return _gates_of("gates")


def peers() -> str:
    """Return the newest comparison of gates with all of another library's estimators."""
    return _gates_of("gates-peers")


def asking() -> str:
    """Return the newest comparison of gates that ask the model about itself."""
    return _gates_of("gates-asking")


def _gates_of(result: str) -> str:
    found = _newest(result)
    if not found:
        return _NOTHING
    models = [name for name, row in found.items() if isinstance(row, dict)]
    lines = []
    for model in models:
        summary = found[model]
        lines += [
            f"**{model}**, {summary['n']:,} held-out questions of five sets, "
            f"closed-book accuracy {summary['closed_book_accuracy']:.3f}:",
            "",
            "| gate | AUROC | AUPRC | ECE | Brier | AURC | extra steps | ms a question |",
            "|---|---|---|---|---|---|---|---|",
        ]
        ranked = sorted(summary["gates"].items(), key=lambda pair: -pair[1].get("auroc", 0))
        lines += [_gate_row(f"`{name}`", row) for name, row in ranked]
        peers = sorted(summary.get("peers", {}).items(), key=lambda pair: -pair[1]["auroc"])
        lines += [_gate_row(f"LM-Polygraph: {name}", row) for name, row in peers]
        lines.append("")
    return "\n".join(lines)


def _gate_row(name: str, row: dict[str, Any]) -> str:
    cells = [name, _with_ends(row, "auroc", 3)]
    cells += [_cell(row.get(key), 3) for key in ("auprc", "ece", "brier", "aurc")]
    cells += [_cell(row.get("extra_decode_steps"), 1), _cell(row.get("ms_per_question"), 1)]
    return f"| {' | '.join(cells)} |"


def policies() -> str:
    """Return the newest comparison of when to look things up."""
    found = _newest("policies")
    if not found:
        return _NOTHING
    return _policies_of(
        found, f"{found['n']:,} held-out questions of nq_gold, gate `{found['gate']}`:"
    )


def mixed() -> str:
    """Return the newest comparison where every second search is in vain."""
    found = _newest("mixed")
    if not found:
        return _NOTHING
    return _policies_of(
        found,
        f"{found['n']:,} held-out questions of nq_gold, popqa and the example handbook; what "
        f"answers {found['left_out']} of them was left out of the index. Gate `{found['gate']}`:",
    )


def _policies_of(found: dict[str, Any], title: str) -> str:
    lines = [
        title,
        "",
        "| policy | accuracy | minus always | EM | F1 | looked up | abstained | passes | p50 ms |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in found["policies"].items():
        gap = row.get("accuracy_minus_always")
        cells = [f"`{name}`", _with_ends(row, "accuracy", 3)]
        cells.append("" if gap is None else f"{gap[0]:+.3f} [{gap[1]:+.3f}, {gap[2]:+.3f}]")
        keys = (("em", 3), ("f1", 3), ("retrieval_rate", 2), ("abstained", 2))
        cells += [_cell(row[key], digits) for key, digits in keys]
        cells += [_cell(row["lm_forward_passes"], 1), _cell(row["p50_ms"], 0)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def transfer() -> str:
    """Return the newest figures on sets that a gate did not learn from."""
    found = _newest("transfer")
    if not found:
        return _NOTHING
    lines = []
    for model, gates in ((name, row) for name, row in found.items() if name not in _COUNTED):
        sets = list(next(iter(gates.values())))
        lines += [
            f"**{model}**, AUROC (ECE) on held-out questions of a set not learned from:",
            "",
            f"| gate | {' | '.join(sets)} | worst |",
            f"|---|{'---|' * (len(sets) + 1)}",
        ]
        for name, row in gates.items():
            cells = [f"{row[one]['auroc']:.3f} ({row[one]['ece']:.3f})" for one in sets]
            worst = min(row[one]["auroc"] for one in sets)
            lines.append(f"| `{name}` | {' | '.join(cells)} | {worst:.3f} |")
        lines.append("")
    return "\n".join(lines)


_COUNTED = ("n", "also learned from")


def conflicts() -> str:
    """Return the newest comparison of decoding strategies."""
    found = _newest("conflict")
    if not found:
        return _NOTHING
    lines = []
    for model, summary in found.items():
        counts = summary["counts"]
        lines += [
            f"**{model}**: {counts['contested']} contested questions, {counts['gold']} with true "
            f"and {counts['irrelevant']} with passages beside the point, "
            f"{counts['known']} of them known:",
            "",
            "| strategy | follows context | follows memory | memorization | gold | irrelevant | "
            "harmed | ms a token |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for name, row in summary["strategies"].items():
            cells = [f"`{name}`", *(_with_ends(row, k, 2) for k in _FOLLOWS)]
            cells.insert(3, _cell(row.get("memorization_ratio"), 2))
            cells.append(_cell(row.get("ms_per_token"), 0))
            lines.append(f"| {' | '.join(cells)} |")
        for ours, others in summary.get("minus", {}).items():
            lines += [
                "",
                f"`{ours}` minus each other one, on paired draws:",
                "",
                "| strategy | follows context | gold | harmed |",
                "|---|---|---|---|",
                *(f"| {' | '.join(_minus(name, row))} |" for name, row in others.items()),
            ]
        lines.append("")
    return "\n".join(lines)


def decoding() -> str:
    """Return what two streams cost, as it was measured last for each model."""
    if str(ROOT) not in sys.path:  # run as a script, only docs/ is on the path
        sys.path.insert(0, str(ROOT))
    from benchmarks.decoding_table import markdown

    names = ("decoding", "decoding-smollm2-135m-instruct")
    found = {}
    for path in (p for name in names for p in sorted(RESULTS.glob(f"????-??-??-{name}.json"))[-1:]):
        result = json.loads(path.read_text(encoding="utf-8"))
        found[next(iter(result["manifest"]["models"]))] = result["figures"]
    return markdown(found) if found else _NOTHING


def _minus(name: str, row: dict[str, Any]) -> list[str]:
    figures = (row.get(figure) for figure in ("follows_context", "gold", "harmed"))
    return [
        f"`{name}`",
        *("{:+.2f} [{:+.2f}, {:+.2f}]".format(*one) if one else "" for one in figures),
    ]


_FOLLOWS = ("follows_context", "follows_memory", "gold", "irrelevant", "harmed")


def abstaining() -> str:
    """Return the newest measurements of answering only what is likely right."""
    lines = []
    paths = RESULTS.glob("*-abstention-*.json")
    for model in sorted({path.stem.partition("-abstention-")[2] for path in paths}):
        found = _newest(f"abstention-{model}")
        lines += [
            f"**{model}**, {found[model]['joint']['n']} held-out questions; a risk of "
            f"{found['risk']:.0%} promised with probability {found['confidence']:.0%}:",
            "",
            "| sure by | answered | wrong of these | hallucination | error | AUROC | AURC | ECE |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for name in ("joint", "sureness", "p_know", "never_abstain"):
            row = found[model][name]
            keys = ("coverage", "wrong_among_answered", "hallucination", "error")
            cells = [f"`{name}`", *(_cell(row.get(key), 2) for key in keys)]
            cells += [_cell(row.get(key), 3) for key in ("auroc", "aurc", "ece")]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines) or _NOTHING


def retrievers() -> str:
    """Return the newest comparison of retrieval with other libraries."""
    if str(ROOT) not in sys.path:  # run as a script, only docs/ is on the path
        sys.path.insert(0, str(ROOT))
    from benchmarks.peers.retrieval.table import markdown

    found = _newest("peers-retrieval")
    return markdown(found) if found else _NOTHING


def routing() -> str:
    """Return the newest measurement of routing among six fields."""
    if str(ROOT) not in sys.path:  # run as a script, only docs/ is on the path
        sys.path.insert(0, str(ROOT))
    from benchmarks.routing_table import markdown

    found = _newest("routing")
    return markdown(found) if found else _NOTHING


def poisoned() -> str:
    """Return the newest measurement of one false passage among five."""
    if str(ROOT) not in sys.path:  # run as a script, only docs/ is on the path
        sys.path.insert(0, str(ROOT))
    from benchmarks.poisoned_table import markdown

    found = _newest("poisoned")
    return markdown(found) if found else _NOTHING


def filters() -> str:
    """Return the newest measurement of filters that ask nobody, and of knowledge_rise."""
    if str(ROOT) not in sys.path:  # run as a script, only docs/ is on the path
        sys.path.insert(0, str(ROOT))
    from benchmarks.filters_table import markdown

    found = _newest("filters")
    return markdown(found) if found else _NOTHING


def filters_asking() -> str:
    """Return the newest measurement of filters that ask a model."""
    found = _newest("filters-asking")
    models = [name for name, row in found.items() if isinstance(row, dict)]
    lines = []
    for model in models:
        lines += [
            f"**{model}**, {found['n']} held-out questions of nq_gold, the best "
            f"{found['passages']} passages of BM25 for each:",
            "",
            "| filter | AUROC | tokens kept | answers kept | accuracy | ms a question |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_filter_row(f"`{name}`", row) for name, row in found[model].items()]
        lines.append("")
    return "\n".join(lines) or _NOTHING


def _filter_row(name: str, row: dict[str, Any]) -> str:
    cells = [name, *(_cell(row.get(key), 3) for key in ("auroc", "tokens_kept", "answer_kept"))]
    cells += [_with_ends(row, "answer_accuracy", 3), _cell(row.get("ms_per_question"), 0)]
    return f"| {' | '.join(cells)} |"


def granular() -> str:
    """Return what granularities and questions of passages bring, as it was measured last."""
    if str(ROOT) not in sys.path:  # run as a script, only docs/ is on the path
        sys.path.insert(0, str(ROOT))
    from benchmarks.granular_table import markdown

    found = _newest("granular")
    return markdown(found) if found else _NOTHING


def indexes() -> str:
    """Return what indexes cost, as it was measured last."""
    if str(ROOT) not in sys.path:  # run as a script, only docs/ is on the path
        sys.path.insert(0, str(ROOT))
    from benchmarks.indices_table import markdown

    found, kills = _newest("indices"), _newest("kills")
    return markdown(found, kills) if found or kills else _NOTHING


def _newest(name: str) -> dict[str, Any]:
    paths = sorted(RESULTS.glob(f"????-??-??-{name}.json"))
    found: dict[str, Any] = {}
    if paths:
        found = json.loads(paths[-1].read_text(encoding="utf-8"))["figures"]
    return found


def _with_ends(row: dict[str, Any], key: str, digits: int) -> str:
    ends = row.get(f"{key}_95")
    if key not in row:
        return ""
    if not ends:
        return f"{row[key]:.{digits}f}"
    return f"{row[key]:.{digits}f} [{ends[0]:.{digits}f}, {ends[1]:.{digits}f}]"


def _cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _examples(found: dict[str, Any]) -> Rows:
    yield f"example questions right, of {found['n']}", str(found["right"])


def experts() -> str:
    """Return the newest comparison of routers among experts."""
    if str(ROOT) not in sys.path:  # run as a script, only docs/ is on the path
        sys.path.insert(0, str(ROOT))
    from benchmarks.experts_table import markdown

    found = _newest("experts")
    return markdown(found) if found else _NOTHING


def fusion() -> str:
    """Return what the newest result says of several experts that answer together."""
    found = _newest("fusion")
    lines: list[str] = []
    for rows, pairs in found.get("ms_per_token", {}).items() if found else ():
        lines += [
            f"Milliseconds a token, {rows} question(s) at once, and how many times one expert's:",
            "",
            "| experts | one | mixture | product | logits_fusion |",
            "|---|---|---|---|---|",
        ]
        for pair, row in pairs.items():
            cells = [pair, f"{row['one_ms']:.1f}"]
            for name in ("mixture", "product", "logits_fusion"):
                timed = row.get(name)
                cells.append(f"{timed['ms']:.1f} ({timed['ratio']:.2f})" if timed else "")
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    judged = found.get("accuracy") if found else None
    if judged:
        lines += [
            f"{judged['n']:,} questions of {len(judged['fields'])} fields, from memory; the best "
            f"single expert is `{judged['best_single']}`. Cost is that of asking, in calls of the "
            "dearest expert:",
            "",
            "| who answers | accuracy | minus best single | cost |",
            "|---|---|---|---|",
        ]
        for name, row in judged["rows"].items():
            gain, low, high = row["minus_best_single"]
            cost = f"{row['cost']:.2f}" if "cost" in row else ""
            lines.append(
                f"| `{name}` | {row['accuracy']:.3f} | {gain:+.3f} [{low:+.3f}, {high:+.3f}] "
                f"| {cost} |"
            )
    return "\n".join(lines).rstrip() + "\n" if lines else _NOTHING


def batch() -> str:
    """Return the newest results of batch jobs."""
    said = {
        "loop": lambda f: (
            f"{f['questions']} questions of nq_gold over the index `wiki`, `{f['model']}`: time "
            f"against a plain loop over `answer()`; padding; same answers",
            f"{f['share']:.2f}; {f['padding']:.1%}; {f['same_answers']} of {f['questions']}",
        ),
        "kills": lambda f: (
            f"{f['questions']} questions, killed {f['kills']} times: answers lost, duplicated, "
            "different",
            f"{f['lost']}, {f['duplicated']}, {f['different']}",
        ),
        "memory": lambda f: (
            f"memory that {f['questions']:,} questions add",
            f"{f['grown_mb']:.1f} MB",
        ),
        "overhead": lambda f: (
            f"overhead of a question, of {f['questions']:,}",
            f"{f['overhead_ms']:.2f} ms",
        ),
        "ray": lambda f: (
            f"two Ray actors against the local engine, {f['batch_ms']:.0f} ms a batch; same "
            "answers; same with one killed",
            f"{f['speedup']:.2f} times; {_yes(f['same_as_local'])}; "
            f"{_yes(f['same_with_one_killed'])}",
        ),
    }
    rows = [tell(found) for name, tell in said.items() if (found := _newest(f"batch-{name}"))]
    lines = ["| what | figure |", "|---|---|", *(f"| {what} | {figure} |" for what, figure in rows)]
    return "\n".join(lines) + "\n" if rows else _NOTHING


_CARRIERS = {
    "gate": "more actors of Ray, or shards: it takes the generator",
    "retrieve": "a vector store through the LangChain retriever; it goes on while others decode",
    "filter": "more actors, where filters ask a model",
    "decode": "more actors, a GPU for each, or an endpoint that serves the generator",
    "verify": "more actors, where a verifier asks a model",
}


def stages() -> str:
    """Return what each stage of a question costs in a batch, and what carries it further."""
    found = _newest("batch-loop")
    if found is None or "stages_ms" not in found:
        return _NOTHING
    ms = found["stages_ms"]
    whole = sum(ms.values())
    lines = [
        f"`{found['model']}`, {found['questions']} questions of nq_gold, "
        f"{found['looked_up']} of them looked up in the index `wiki`.",
        "",
        "| stage | ms a question | share | beyond one machine |",
        "|---|---|---|---|",
        *(
            f"| {name} | {ms[name]:.1f} | {ms[name] / whole:.1%} | {carrier} |"
            for name, carrier in _CARRIERS.items()
            if name in ms
        ),
    ]
    return "\n".join(lines) + "\n"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def tenants() -> str:
    """Return what two tenants that attacked each other saw, and what their keys cost."""
    found = _newest("tenants")
    if not found:
        return _NOTHING
    timing, keys = found["timing"], found.get("keys")
    lines = [
        "| figure | bar | measured |",
        "|---|---|---|",
        f"| attempts, of {len(found['kinds'])} kinds | | {found['attempts']:,} |",
        f"| bytes of responses that were searched, for {found['marks']} marks | | "
        f"{found['bytes_searched']:,} |",
        f"| foreign bytes seen | 0 | {found['foreign_bytes_seen']} |",
        f"| of what was attacked, changed or gone | 0 | {found['changed']} |",
        f"| answers with a status of 500 or above | 0 | {found['server_errors']} |",
        f"| what another tenant has just asked against what nobody has, {timing['pairs']} pairs: "
        f"median difference, and how often chance makes one as large | | "
        f"{timing['median_difference_ms']:+.2f} ms, {timing['by_chance']:.2f} |",
    ]
    if keys:
        more = f"{keys['p50_ms']:+.2f} ms (p50 {keys['guarded_p50_ms']:.2f} ms)"
        lines.append(f"| a request with a tenant's key against one without keys | | {more} |")
    return "\n".join(lines) + "\n"


def guards() -> str:
    """Return what keys, quotas and the audit log cost a request, as it was measured last."""
    found = _newest("guards")
    if not found:
        return _NOTHING
    rows = [
        ("a request without any of it, p50", f"{found['bare_p50_ms']:.2f} ms", ""),
        ("more with a key of the default tenant, p50", f"{found['more_p50_ms']:.2f} ms", "1 ms"),
        ("more with one of another tenant, p50", f"{found['more_of_tenant_p50_ms']:.2f} ms", ""),
    ]
    lines = ["| figure | measured | bar |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {said} | {bar} |" for what, said, bar in rows)]) + "\n"


def service() -> str:
    """Return what the service costs and bears, as it was measured last."""
    found = _newest("service")
    rows = list(_service_rows(found)) if found else []
    if not rows:
        return "No result is recorded yet; `python -m benchmarks.service` makes one.\n"
    lines = ["| figure | measured | bar |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {said} | {bar} |" for what, said, bar in rows)]) + "\n"


def _service_rows(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    if one := found.get("overhead"):
        said = f"{one['p50_ms']:.1f} / {one['p95_ms']:.1f} ms"
        yield "over the orchestrator called directly, p50 / p95, scripted", said, "5 / 12 ms"
    if one := found.get("concurrency"):
        said = f"{one['times']:.1f} times ({one['together_per_s']:.2f} a second)"
        yield f"{one['clients']} clients at once against one at a time", said, "2 times"
    if one := found.get("load"):
        what = f"{one['connections']} connections for {one['seconds']:.0f} s, scripted: errors"
        yield what, f"{one['errors']}, and {one['refused']} refused", "0"
        memory = f"{one['resident_mb_early']:.0f} → {one['resident_mb_late']:.0f} MiB"
        yield "resident memory meanwhile", memory, "flat"
    if one := found.get("stream"):
        yield "first stage told", f"{one['first_stage_ms_max']:.0f} ms", "100 ms"
        yield "first sign of life of a slow model", f"{one['first_keep_alive_s']:.1f} s", "15 s"
        yield "list of models", f"{one['models_ms_max']:.0f} ms", "200 ms"
    if one := found.get("start"):
        yield "start of the process until it is ready", f"{one['ready_s']:.0f} s", "25 s"


PARTS: dict[str, Callable[[], str]] = {
    "batch": batch,
    "stages": stages,
    "components": components,
    "models": models,
    "figures": figures,
    "guards": guards,
    "tenants": tenants,
    "gates": gates,
    "peers": peers,
    "asking": asking,
    "transfer": transfer,
    "policies": policies,
    "mixed": mixed,
    "conflicts": conflicts,
    "experts": experts,
    "fusion": fusion,
    "decoding": decoding,
    "abstaining": abstaining,
    "filters": filters,
    "filters_asking": filters_asking,
    "granular": granular,
    "poisoned": poisoned,
    "retrievers": retrievers,
    "routing": routing,
    "indexes": indexes,
    "service": service,
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
