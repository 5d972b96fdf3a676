"""Questions with passages that are true, false or beside the point: what conflicts are made of.

A *dispute* is one question with the passages it is answered from. The sets give true passages
(`is_gold`, or of kind "original") and falsified ones (kind "counterfactual"); passages beside the
point come from other questions, or from an index: highly ranked, without the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from rag_router.models.base import Embedder
from rag_router.retrievers import Retriever, Searchable, make_queries
from rag_router.scoring import normalise
from rag_router.types import Passage, Question

__all__ = ["Condition", "Dispute", "beside_the_point", "disputes_of", "found_beside_the_point"]

Condition = Literal["gold", "counterfactual", "irrelevant"]


@dataclass(frozen=True, slots=True)
class Dispute:
    """A question and the passages it is to be answered from."""

    question: Question
    condition: Condition
    passages: tuple[Passage, ...]


def disputes_of(questions: Sequence[Question]) -> list[Dispute]:
    """Return the true and the falsified passages that come with questions."""
    found: list[Dispute] = []
    for question in questions:
        true = tuple(p for p in question.contexts if _is_true(p))
        false = tuple(p for p in question.contexts if p.meta.get("kind") == "counterfactual")
        if true:
            found.append(Dispute(question, "gold", true[:1]))
        if false and question.meta.get("counterfactual_answers"):
            found.append(Dispute(question, "counterfactual", false[:1]))
    return found


def beside_the_point(
    questions: Sequence[Question], pool: Sequence[Passage], *, seed: int = 0
) -> list[Dispute]:
    """Give each question another question's passage that does not hold its answer.

    Which one depends on the seed and the question's id alone, as long as the pool is the same.
    Questions for which no passage of the pool will do are left out.
    """
    ordered = sorted({p.text: p for p in pool if p.text}.values(), key=lambda p: (p.id, p.text))
    bodies = [f" {normalise(p.title)} {normalise(p.text)} " for p in ordered]
    found = []
    for question in questions:
        own = {p.text for p in question.contexts}
        start = int.from_bytes(sha256(f"{seed}:{question.id}".encode()).digest()[:8], "big")
        for step in range(len(ordered)):
            at = (start + step) % len(ordered)
            if ordered[at].text not in own and not _holds(bodies[at], question.answers):
                found.append(Dispute(question, "irrelevant", (ordered[at],)))
                break
    return found


def found_beside_the_point(
    questions: Sequence[Question],
    retriever: Retriever,
    indices: Sequence[Searchable],
    embedder: Embedder,
    *,
    batch_size: int = 64,
) -> list[Dispute]:
    """Give each question the passage that ranks highest without holding its answer: a hard one."""
    found: list[Dispute] = []
    for at in range(0, len(questions), batch_size):
        some = questions[at : at + batch_size]
        lines = retriever.retrieve(make_queries([q.text for q in some], embedder), indices)
        for question, hits in zip(some, lines, strict=True):
            gold = {p.id for p in question.contexts if _is_true(p)}
            for hit in hits:
                passage = hit.passage
                body = f" {normalise(passage.title)} {normalise(passage.text)} "
                if passage.document_id not in gold and not _holds(body, question.answers):
                    found.append(Dispute(question, "irrelevant", (passage,)))
                    break
    return found


def _is_true(passage: Passage) -> bool:
    return bool(passage.meta.get("is_gold")) or passage.meta.get("kind") == "original"


def _holds(body: str, answers: Sequence[str]) -> bool:
    return any(f" {alias} " in body for alias in map(normalise, answers) if alias)
