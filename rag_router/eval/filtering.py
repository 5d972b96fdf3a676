"""Which filter drops the noise and keeps the answer? `rag-router eval filters`.

Every filter judges the same hits of the same questions. Its score is compared with whether a
passage holds an accepted answer; what it keeps is read by the generator, which answers or not.
"none" reads the hits as they come, as many as fit the prompt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rag_router.eval.metrics.answers import judge
from rag_router.eval.metrics.bootstrap import Bootstrap
from rag_router.eval.metrics.gates import auroc
from rag_router.eval.report import Interval, Report, Table
from rag_router.experts import Expert
from rag_router.filters import Filter, FilterContext, run_filters
from rag_router.models.prompts import closed_book_prompt, contextual_prompt
from rag_router.outcomes import OutcomeCache, answer_prompts
from rag_router.scoring import holds_answer
from rag_router.signals import Board
from rag_router.types import Evidence, Hit, Question

__all__ = ["FilterRun", "evaluate_filters", "filter_report", "filter_summary"]

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterRun:
    """What every filter made of the hits.

    Attributes:
        questions: What was asked.
        hits: What was found for each question.
        evidence: For each filter, what it made of each question's hits, as many in their order.
        answers: For each filter, what the generator answered.
        tokens: Tokens of all hits of each question.
        kept_tokens: For each filter, tokens of what it kept of each question.
        ms: Milliseconds for each question, by filter.
    """

    questions: Sequence[Question]
    hits: Sequence[Sequence[Hit]]
    evidence: Mapping[str, Sequence[Evidence]]
    answers: Mapping[str, Sequence[str]]
    tokens: Sequence[int]
    kept_tokens: Mapping[str, Sequence[int]]
    ms: Mapping[str, float] = field(default_factory=dict)


def evaluate_filters(
    chains: Mapping[str, Sequence[Filter]],
    expert: Expert,
    questions: Sequence[Question],
    hits: Sequence[Sequence[Hit]],
    *,
    cache: OutcomeCache | None = None,
    batch_size: int = 8,
    on_progress: OnProgress | None = None,
) -> FilterRun:
    """Run every chain of filters over the same hits, and let the generator read what is kept."""
    model = expert.model

    def count(text: str) -> int:
        return len(model.encode(text, begin=False))

    board = Board(model, expert.style, questions, batch_size=batch_size)
    context = FilterContext(count, board, tuple(range(len(questions))))
    texts = [question.text for question in questions]
    evidence: dict[str, list[Evidence]] = {}
    answers: dict[str, list[str]] = {}
    ms: dict[str, float] = {}
    for name, chain in chains.items():
        begin = time.perf_counter()
        evidence[name] = run_filters(chain, texts, hits, context, strict=True)
        ms[name] = 1000 * (time.perf_counter() - begin) / max(len(texts), 1)
        prompts = [
            contextual_prompt(model, expert.style, text, [j.hit.passage for j in found.kept])
            if found.kept
            else closed_book_prompt(model, expert.style, text)
            for text, found in zip(texts, evidence[name], strict=True)
        ]
        outcomes = answer_prompts(
            model, prompts, cache=cache, batch_size=batch_size, on_progress=on_progress
        )
        answers[name] = [outcome.answer for outcome in outcomes]
    return FilterRun(
        questions=questions,
        hits=hits,
        evidence=evidence,
        answers=answers,
        tokens=[sum(count(h.passage.text) for h in line) for line in hits],
        kept_tokens={
            name: [sum(count(j.hit.passage.text) for j in one.kept) for one in found]
            for name, found in evidence.items()
        },
        ms=ms,
    )


def filter_summary(run: FilterRun) -> dict[str, Any]:
    """Return what the command prints; a figure that does not exist is absent."""
    filters: dict[str, dict[str, Any]] = {}
    for name, found in run.evidence.items():
        # A filter may cut a passage down; whether to keep it was asked of the whole one.
        judged = [
            (j.support, holds_answer(hit.passage.text, question.answers))
            for question, hits, one in zip(run.questions, run.hits, found, strict=True)
            for hit, j in zip(hits, one.judged, strict=True)
            if j.support is not None
        ]
        row: dict[str, Any] = {}
        if judged and 0 < sum(holds for _, holds in judged) < len(judged):
            row["auroc"] = round(auroc([s for s, _ in judged], [h for _, h in judged]), 4)
        if sum(run.tokens):
            row["tokens_kept"] = round(sum(run.kept_tokens[name]) / sum(run.tokens), 4)
        if outcomes := _answers_kept(run, name):
            row["answer_kept"] = round(float(np.mean(outcomes)), 4)
        ends = Bootstrap().mean(_right(run, name))
        row |= {
            "answer_accuracy": round(ends.value, 4),
            "answer_accuracy_95": [round(ends.low, 4), round(ends.high, 4)],
            "ms_per_question": round(run.ms[name], 3),
        }
        filters[name] = row
    return {"n": len(run.questions), "filters": filters}


def filter_report(run: FilterRun, manifest: Mapping[str, Any], *, title: str) -> Report:
    """Put figures and a row for each question together."""
    summary = filter_summary(run)
    right = {name: _right(run, name) for name in run.answers}
    return Report(
        kind="filters",
        title=title,
        summary=summary,
        manifest=manifest,
        tables=(
            Table(
                "Filters",
                ("filter", "AUROC", "tokens kept", "answers kept", "accuracy", "ms a question"),
                tuple(
                    (
                        name,
                        row.get("auroc"),
                        row.get("tokens_kept"),
                        row.get("answer_kept"),
                        Interval(row["answer_accuracy"], *row["answer_accuracy_95"]),
                        row["ms_per_question"],
                    )
                    for name, row in summary["filters"].items()
                ),
                note="Answers kept: of the questions whose hits hold an answer, the share whose "
                "kept passages still do.",
            ),
        ),
        figures=(),
        questions=tuple(
            {
                "id": question.id,
                "question": question.text,
                "gold": question.answers[0] if question.answers else "",
                **{name: answers[number] for name, answers in run.answers.items()},
                **{f"{name} was wrong": not right[name][number] for name in run.answers},
            }
            for number, question in enumerate(run.questions)
        ),
        flags=tuple(f"{name} was wrong" for name in run.answers),
    )


def _right(run: FilterRun, name: str) -> list[bool]:
    pairs = zip(run.questions, run.answers[name], strict=True)
    return [bool(judge(question, answer).right) for question, answer in pairs]


def _answers_kept(run: FilterRun, name: str) -> list[bool]:
    """For each question whose hits hold an answer, whether what is kept still does."""
    return [
        any(holds_answer(j.hit.passage.text, question.answers) for j in one.kept)
        for question, hits, one in zip(run.questions, run.hits, run.evidence[name], strict=True)
        if any(holds_answer(hit.passage.text, question.answers) for hit in hits)
    ]
