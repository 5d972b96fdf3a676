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
from rag_router.scoring import holds_answer
from rag_router.types import Passage, Question

__all__ = ["Condition", "Dispute", "beside_the_point", "disputes_of", "found_beside_the_point"]

Condition = Literal["gold", "counterfactual", "irrelevant"]


@dataclass(frozen=True, slots=True)
class Dispute:
    """A question and the passages it is to be answered from.

    Attributes:
        row: Place of the question among those that are asked, from 0. Sets may use the same ids,
            so that nothing else tells which disputes are about the same question.
        question: What is asked.
        condition: What the passages are.
        passages: What it is answered from.
    """

    row: int
    question: Question
    condition: Condition
    passages: tuple[Passage, ...]


def disputes_of(questions: Sequence[Question]) -> list[Dispute]:
    """Return the true and the falsified passages that come with questions."""
    found: list[Dispute] = []
    for row, question in enumerate(questions):
        true = tuple(p for p in question.contexts if _is_true(p))
        false = tuple(p for p in question.contexts if p.meta.get("kind") == "counterfactual")
        if true:
            found.append(Dispute(row, question, "gold", true[:1]))
        if false and question.meta.get("counterfactual_answers"):
            found.append(Dispute(row, question, "counterfactual", false[:1]))
    return found


def beside_the_point(
    questions: Sequence[Question],
    pool: Sequence[Passage],
    *,
    rows: Sequence[int] | None = None,
    seed: int = 0,
) -> list[Dispute]:
    """Give questions another question's passage that does not hold their answer.

    Which one depends on the seed and the question's id alone, as long as the pool is the same.
    Questions for which no passage of the pool will do are left out.

    Args:
        questions: Those that are asked.
        pool: Passages, in any order.
        rows: Which of the questions are given one; None is all of them.
        seed: Of the choice.
    """
    distinct: dict[str, Passage] = {}
    for passage in sorted(pool, key=lambda p: (p.id, p.text, p.title)):
        distinct.setdefault(passage.text, passage)
    ordered = [passage for text, passage in distinct.items() if text]
    found = []
    for row in range(len(questions)) if rows is None else rows:
        question = questions[row]
        own = {p.text for p in question.contexts}
        start = int.from_bytes(sha256(f"{seed}:{question.id}".encode()).digest()[:8], "big")
        for step in range(len(ordered)):
            at = (start + step) % len(ordered)
            passage = ordered[at]
            if passage.text not in own and not _answers(passage, question):
                found.append(Dispute(row, question, "irrelevant", (passage,)))
                break
    return found


def found_beside_the_point(
    questions: Sequence[Question],
    retriever: Retriever,
    indices: Sequence[Searchable],
    embedder: Embedder,
    *,
    rows: Sequence[int] | None = None,
    batch_size: int = 64,
) -> list[Dispute]:
    """Give questions the passage that ranks highest without holding their answer: a hard one."""
    wanted = range(len(questions)) if rows is None else rows
    found: list[Dispute] = []
    for at in range(0, len(wanted), batch_size):
        some = wanted[at : at + batch_size]
        texts = [questions[row].text for row in some]
        lines = retriever.retrieve(make_queries(texts, embedder), indices)
        for row, hits in zip(some, lines, strict=True):
            question = questions[row]
            gold = {p.id for p in question.contexts if _is_true(p)}
            for hit in hits:
                passage = hit.passage
                if passage.document_id not in gold and not _answers(passage, question):
                    found.append(Dispute(row, question, "irrelevant", (passage,)))
                    break
    return found


def _is_true(passage: Passage) -> bool:
    return bool(passage.meta.get("is_gold")) or passage.meta.get("kind") == "original"


def _answers(passage: Passage, question: Question) -> bool:
    return holds_answer(f"{passage.title} {passage.text}", question.answers)
