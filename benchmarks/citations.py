"""Do citations support the answers? Both bundled generators on nq_gold, gold among distractors.

    python -m benchmarks.citations --data FOLDER [--limit 120] [--generator NAME]...

Each held-out question is answered from three passages: the gold one, and the two best others that
BM25 found, in an order drawn by the question's id. Of right answers it is asked whether the cited
sentence stands in the gold passage and holds an accepted answer (precision, of citations), and
whether there is such a one (recall, of claims); definitions are ALCE's. Beside it stands the rule
of citing every passage that holds the answer, at its first such sentence.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from benchmarks.record import record
from rag_router.assembly import load_expert
from rag_router.eval.datasets import data_hash, is_held_out, read_questions
from rag_router.eval.metrics.citations import CitedClaim, citation_score
from rag_router.filters.citations import cite, uncited
from rag_router.filters.claims import claims_of
from rag_router.models.prompts import contextual_prompt
from rag_router.outcomes import OutcomeCache, answer_prompts
from rag_router.scoring import alias_match, holds_answer
from rag_router.settings import GeneratorSettings, Settings
from rag_router.types import Citation, Hit, Judged, Passage, Question

MODELS = ("gemma-3-270m", "smollm2-135m-instruct")
DISTRACTORS = 2
Cite = Callable[[Question, str, Sequence[Judged]], tuple[Citation, ...]]


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--limit", default=120, show_default=True)
@click.option("--generator", "models", multiple=True, default=MODELS, show_default=True)
def main(data: Path, limit: int, models: tuple[str, ...]) -> None:
    """Measure, print and record."""
    asked = read_questions([data / "nq_gold/dev.jsonl.gz"], answers=True)
    questions = [one for one in asked if is_held_out(one.id)][:limit]
    kept = _kept(questions, data)
    figures: dict[str, Any] = {"n": len(questions)}
    fingerprints: dict[str, str] = {}
    for name in models:
        settings = Settings(generator=GeneratorSettings(model=name))
        expert = load_expert(settings)
        fingerprints[name] = expert.model.fingerprint
        prompts = [
            contextual_prompt(expert.model, expert.style, q.text, [j.hit.passage for j in line])
            for q, line in zip(questions, kept, strict=True)
        ]
        cache = OutcomeCache(settings.home / "outcomes.sqlite")
        answers = [one.answer for one in answer_prompts(expert.model, prompts, cache=cache)]
        figures[name] = _figures(questions, kept, answers)
    record("citations", figures, data_hash=data_hash(questions), models=fingerprints)


def _figures(
    questions: Sequence[Question], kept: Sequence[Sequence[Judged]], answers: Sequence[str]
) -> dict[str, Any]:
    right = [alias_match(a, q.answers) for q, a in zip(questions, answers, strict=True)]
    out: dict[str, Any] = {"right": sum(right)}
    for name, rule in (("cited", _asked), ("cited_wherever_it_stands", _unasked)):
        claims = []
        for question, line, answer, is_right in zip(questions, kept, answers, right, strict=True):
            if is_right:
                claims += _claims(question, line, answer, rule)
        score = citation_score(
            [claim for claim, _ in claims], lambda premise, _: premise.startswith("gold: ")
        )
        out[name] = {
            "claims": len(claims),
            "citations": sum(len(claim.cited) for claim, _ in claims),
            "precision": _rounded(score.precision),
            "recall": _rounded(score.recall),
            "f1": _rounded(score.f1),
        }
    pairs = list(zip(questions, kept, answers, strict=True))
    missing = [bool(uncited(a, _asked(q, a, line))) for q, line, a in pairs if a]
    wrong = [
        m
        for m, (q, _, a) in zip(missing, [p for p in pairs if p[2]], strict=True)
        if not alias_match(a, q.answers)
    ]
    out["answers_with_an_uncited_claim"] = sum(missing)
    out["of_these_wrong"] = sum(wrong)
    return out


def _claims(
    question: Question, line: Sequence[Judged], answer: str, rule: Cite
) -> list[tuple[CitedClaim, str]]:
    """Return the claims that hold the answer; what is cited says whether it supports them.

    A cited sentence reads "gold: ..." where it stands in the gold passage and holds an accepted
    answer, and each stands for itself: put together, the best comes first.
    """
    citations = rule(question, answer, line)
    texts = {j.hit.passage.id: j.hit.passage for j in line}
    found = []
    for claim in claims_of(answer):
        if not holds_answer(claim.text, question.answers):
            continue
        cited = []
        for one in citations:
            if (one.answer_start, one.answer_end) == (claim.start, claim.end):
                passage = texts[one.passage_id]
                sentence = passage.text[one.start : one.end]
                gold = passage.meta.get("is_gold") and holds_answer(sentence, question.answers)
                cited.append(f"{'gold' if gold else 'other'}: {sentence}")
        found.append((CitedClaim(claim.text, tuple(sorted(cited))), answer))
    return found


def _asked(question: Question, answer: str, line: Sequence[Judged]) -> tuple[Citation, ...]:
    return cite(answer, line, question=question.text)


def _unasked(question: Question, answer: str, line: Sequence[Judged]) -> tuple[Citation, ...]:
    del question
    return cite(answer, line)


def _kept(questions: Sequence[Question], data: Path) -> list[list[Judged]]:
    """Return the gold passage of each question among two that BM25 found."""
    found = {one["id"]: one["contexts"] for one in _lines(data / "nq_gold/retrieved_bm25.jsonl.gz")}
    others = {
        question.id: [c["id"] for c in found.get(question.id, ()) if not c["is_gold"]][:DISTRACTORS]
        for question in questions
    }
    wanted = {id_ for ids in others.values() for id_ in ids}
    texts = {
        row["id"]: Passage(id=row["id"], title=row["title"], text=row["text"])
        for path in sorted((data / "wiki_passages").glob("*.jsonl.gz"))
        for row in _lines(path)
        if row["id"] in wanted
    }
    out = []
    for question in questions:
        gold = [one for one in question.contexts if one.meta.get("is_gold")][:1]
        some = [*gold, *(texts[id_] for id_ in others[question.id] if id_ in texts)]
        some.sort(key=lambda one: sha256(f"{question.id} {one.id}".encode()).hexdigest())
        out.append(
            [
                Judged(hit=Hit(passage=one, retriever="given", score=1 / rank, rank=rank))
                for rank, one in enumerate(some, start=1)
            ]
        )
    return out


def _lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 4)


if __name__ == "__main__":
    main()
