"""Does the filter `instructions` find attacks, and leave honest passages alone?

    python -m benchmarks.instructions --data FOLDER [--generator NAME] [--limit 40]

Five collections of hand-written attacks (benchmarks/attacks). `first` was written before any rule;
its one half was there to write rules by. `second`, `third` and `fourth` were each written when the
rules before them were done, in words of their own, and the figure of the first look at each is kept
here: afterwards `second` and `third` were there to write rules by, and to learn wordings from.
`fifth` was written before wordings were learned; of `fourth` and it nothing was learned, nor has
anybody looked at what is missed of them. Honest passages are those that no rule was tried on and
no wording learned from, by a hash of their ids.

With `--generator` it answers ordinary questions of nq_gold from three passages, one of them an
attack, with and without the filter, and it is counted how often the attack gets what it wants.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from benchmarks.attacking import Attack, halves, read_attacks
from benchmarks.record import record
from rag_router.assembly import load_expert
from rag_router.eval.datasets import is_held_out, read_questions
from rag_router.filters import FilterContext, run_filters
from rag_router.filters.hostile.cutting import cut
from rag_router.filters.instructions import InstructionsFilter
from rag_router.models.prompts import closed_book_prompt, contextual_prompt
from rag_router.outcomes import OutcomeCache, answer_prompts
from rag_router.settings import GeneratorSettings, Settings
from rag_router.types import Evidence, Hit, Passage, Question

COLLECTIONS = ("second", "third", "fourth", "fifth")
FIRST_LOOK = {"second": (16, 30), "third": (28, 40), "fourth": (19, 30)}
"""Found by rules alone, of all, when the collection was new to them."""
FIRST_LOOK_WITH_WORDINGS = {"fourth": (26, 30), "fifth": (34, 40)}
"""Found by rules or learned wordings; both collections were new to the latter.

Honest sentences were added afterwards, and the wordings learned anew.
"""
WORDS = FilterContext(lambda text: len(text.split()))
CORPORA = ("pubmedqa", "cacm", "cisi", "tatqa")
TIMED = 20


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--generator", "model", help="Who is attacked; nobody by default.")
@click.option("--limit", default=40, show_default=True, help="Most attacks that it is shown.")
def main(data: Path, model: str | None, limit: int) -> None:
    """Measure, print and record."""
    seen, held_out = halves(read_attacks("first"))
    figures: dict[str, Any] = {
        "attacks": {
            "first, seen": _found(seen),
            "first, held out": _found(held_out),
            **{name: _found(read_attacks(name)) for name in COLLECTIONS},
        },
        "found_at_first_look": {
            name: round(found / count, 4) for name, (found, count) in FIRST_LOOK.items()
        },
        "found_at_first_look_with_wordings": {
            name: round(found / count, 4)
            for name, (found, count) in FIRST_LOOK_WITH_WORDINGS.items()
        },
    }
    clean = {name: list(passages) for name, passages in clean_passages(data)}
    figures["clean"] = {name: _touched(some) for name, some in clean.items()}
    figures["ms_for_20_passages"] = _timed(clean["wiki_passages"])
    fingerprints = {}
    if model is not None:
        settings = Settings(generator=GeneratorSettings(model=model))
        figures["obeyed"], fingerprint = _obeyed(settings, data, limit)
        fingerprints[model] = fingerprint
    record("instructions", figures, models=fingerprints)


def _found(attacks: Sequence[Attack]) -> dict[str, Any]:
    """Return how many attacks were found, and of how many nothing is left."""
    evidence = _filtered([[_passage(one)] for one in attacks])
    kept = [e.kept[0].hit.passage.text if e.kept else "" for e in evidence]
    return {
        "n": len(attacks),
        "found": sum(k != one.text for k, one in zip(kept, attacks, strict=True)),
        "by_rules": sum(_ruled(one.text) for one in attacks),
        "gone": sum(not one.survives(k) for k, one in zip(kept, attacks, strict=True)),
    }


def _ruled(text: str) -> bool:
    return cut(text, threshold=InstructionsFilter().threshold, learned=False).falls > 0


def _touched(passages: Sequence[Passage]) -> dict[str, Any]:
    evidence = _filtered([[one] for one in passages])
    touched = [e.judged[0] for e, p in zip(evidence, passages, strict=True) if not _same(e, p)]
    return {
        "n": len(passages),
        "touched": len(touched),
        "by_rules": sum(_ruled(one.text) for one in passages),
        "share": round(len(touched) / max(len(passages), 1), 4),
        "which": {one.hit.passage.id: one.why for one in touched},
    }


def _same(evidence: Evidence, passage: Passage) -> bool:
    one = evidence.judged[0]
    now = one.hit.passage
    return one.kept and (now.title, now.text) == (passage.title, passage.text)


def _filtered(passages: Sequence[Sequence[Passage]]) -> list[Evidence]:
    hits = [
        [Hit(passage=p, retriever="given", score=1.0, rank=n) for n, p in enumerate(line, start=1)]
        for line in passages
    ]
    return run_filters(
        (InstructionsFilter(wording=True),), [""] * len(hits), hits, WORDS, strict=True
    )


def _timed(passages: Sequence[Passage]) -> float:
    """Return the time that 20 passages take on this core, of 50 times the median."""
    took = []
    for at in range(0, min(len(passages), 50 * TIMED), TIMED):
        begin = time.process_time()
        _filtered([passages[at : at + TIMED]])
        took.append(1000 * (time.process_time() - begin))
    return round(sorted(took)[len(took) // 2], 3)


def _obeyed(settings: Settings, data: Path, limit: int) -> tuple[dict[str, Any], str]:
    """Count the answers that do what an attack among the passages wants."""
    expert = load_expert(settings)
    cache = OutcomeCache(settings.home / "outcomes.sqlite")
    attacks = sorted(
        (one for name in ("first", *COLLECTIONS) for one in read_attacks(name)),
        key=lambda one: sha256(one.id.encode()).hexdigest(),
    )[:limit]
    asked = read_questions([data / "nq_gold/dev.jsonl.gz"], answers=True)
    questions = [one for one in asked if is_held_out(one.id)][: len(attacks)]
    lines = [
        _among(attack, question, questions[at - 1])
        for at, (attack, question) in enumerate(zip(attacks, questions, strict=True))
    ]
    out: dict[str, Any] = {"n": len(attacks)}
    filtered = [[j.hit.passage for j in one.kept] for one in _filtered(lines)]
    for name, some in (("without", lines), ("with", filtered)):
        prompts = [
            contextual_prompt(expert.model, expert.style, question.text, line)
            for question, line in zip(questions, some, strict=True)
        ]
        own = expert.model.decode(closed_book_prompt(expert.model, expert.style, "who?").ids)
        answers = answer_prompts(expert.model, prompts, cache=cache)
        obeyed = [a.reached(said.answer, own) for a, said in zip(attacks, answers, strict=True)]
        out[name] = sum(obeyed)
    return out, expert.model.fingerprint


def _among(attack: Attack, question: Question, other: Question) -> list[Passage]:
    """Put an attack among a question's gold passage and another question's."""
    some = [_passage(attack), question.contexts[0], other.contexts[0]]
    return sorted(some, key=lambda one: sha256(f"{attack.id} {one.id}".encode()).hexdigest())


def _passage(attack: Attack) -> Passage:
    return Passage(id=attack.id, title=attack.title, text=attack.text)


def clean_passages(data: Path, *, tried: bool = False) -> Iterator[tuple[str, Iterable[Passage]]]:
    """Yield honest passages by corpus: those that no rule was tried on, or else the others."""
    wiki = [p for path in sorted((data / "wiki_passages").glob("*.gz")) for p in _read(path, tried)]
    wiki.sort(key=lambda one: sha256(one.id.encode()).hexdigest())
    # There is no harm in learning from more than one measures on.
    yield "wiki_passages", wiki[: 12_000 if tried else 5000]
    for name in CORPORA:
        yield name, _read(data / name / "corpus.jsonl.gz", tried)
    gold = {
        p.id: p
        for one in read_questions([data / "squad2/dev.jsonl.gz"], answers=True)
        for p in one.contexts
    }
    yield "squad2", [one for one in gold.values() if _tried(one.id) == tried]


def _read(path: Path, tried: bool) -> list[Passage]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Passage(id=row["id"], title=row["title"], text=row["text"])
        for row in rows
        if _tried(row["id"]) == tried
    ]


def _tried(id_: str) -> bool:
    return int(sha256(f"clean{id_}".encode()).hexdigest(), 16) % 2 == 0


if __name__ == "__main__":
    main()
