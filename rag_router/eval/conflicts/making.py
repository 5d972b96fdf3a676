"""Counterfactual passages: the answer of a question replaced by something that is wrong.

Entity substitution after Longpre et al. 2021 ("Entity-based knowledge conflicts in question
answering", arXiv 2109.05052): a reader that answers from the passage gives the substitute, one
that answers from memory gives the true answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag_router.errors import DataError
from rag_router.eval.conflicts.answer_types import Typer
from rag_router.eval.conflicts.draws import Draw
from rag_router.eval.conflicts.policies import POLICIES
from rag_router.eval.conflicts.pool import Entity, Pool
from rag_router.eval.conflicts.substitutes import substituted, telling_names
from rag_router.eval.conflicts.targets import Skipped, Target, find_target
from rag_router.types import Passage, Question

__all__ = ["Conflicts", "make_conflicts"]

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflicts:
    """Rows with counterfactual passages, and what became of the other questions.

    Attributes:
        rows: In the order of the questions, ready to be written as JSON.
        read: Questions that were looked at.
        skipped: How many were left out, by reason.
        types: How many rows were made, by the type of the answer.
    """

    rows: Sequence[Mapping[str, Any]]
    read: int
    skipped: Mapping[str, int]
    types: Mapping[str, int]


def make_conflicts(
    questions: Sequence[Question],
    typer: Typer,
    *,
    policy: str = "corpus",
    seed: int = 0,
    only: Collection[str] | None = None,
    on_progress: OnProgress | None = None,
) -> Conflicts:
    """Replace the answers in the gold passages of questions.

    Args:
        questions: With answers and gold passages; their answers are the substitutes, too.
        typer: Says what kind of thing an answer names.
        policy: Name of a substitution policy.
        seed: Another seed draws other substitutes.
        only: Ids of the questions that rows are made of; None makes rows of all. What a row
            draws does not depend on which others are made.
        on_progress: Told how many questions are done, and how many there are.

    Raises:
        UnknownNameError: no policy goes by that name.
        DataError: there is nothing to make a row of, or an id stands twice.
        UsageError: the set lacks what the policy needs.
    """
    chosen = POLICIES.build(policy)
    _check_ids(questions)
    found: dict[str, Target | Skipped] = {}
    for done, question in enumerate(questions, 1):
        found[question.id] = find_target(question, typer)
        if on_progress is not None:
            on_progress(done, len(questions))
    pool = Pool(target for target in found.values() if isinstance(target, Target))
    wanted = [target for name, target in found.items() if only is None or name in only]
    rows, skipped, types = [], Counter[Skipped](), Counter[str]()
    for target in wanted:
        if isinstance(target, Skipped):
            skipped[target] += 1
            continue
        draw = Draw(seed, target.question.id)
        entity = next(chosen.candidates(target, pool, draw), None)
        if entity is None:
            skipped[Skipped.NO_SUBSTITUTE] += 1
            continue
        rows.append(_row(target, entity, policy=policy, seed=seed))
        types[target.type] += 1
    if not rows:
        raise _nothing_made(len(wanted), skipped)
    return Conflicts(
        rows=rows,
        read=len(wanted),
        skipped={reason.value: skipped[reason] for reason in Skipped if skipped[reason]},
        types=dict(sorted(types.items())),
    )


def _row(target: Target, entity: Entity, *, policy: str, seed: int) -> dict[str, Any]:
    """One line of the new set; see `eval.datasets` for its form."""
    question = target.question
    contexts: list[dict[str, Any]] = []
    for original, changed in zip(target.originals, substituted(target, entity.name), strict=True):
        contexts += [
            # `has_answer` speaks of the answer that the altered passage gives.
            _context(changed, f"cf-{original.id}", {"is_gold": False}, "counterfactual"),
            _context(original, original.id, original.meta, "original"),
        ]
    known = entity.popularity is not None
    popularity = {"substitute_popularity": entity.popularity} if known else {}
    return {
        "id": question.id,
        "question": question.text,
        "answers": list(question.answers),
        "contexts": contexts,
        "meta": {
            **question.meta,
            "paired": True,
            "counterfactual_answers": telling_names(entity, target),
            "substitution": {
                "policy": policy,
                "type": target.type,
                "original": target.name,
                "substitute": entity.name,
                "substitute_type": entity.type,
                "seed": seed,
                **popularity,
            },
        },
    }


def _context(passage: Passage, name: str, notes: Mapping[str, Any], kind: str) -> dict[str, Any]:
    told = {**notes, "has_answer": True, "kind": kind}
    return {"id": name, "title": passage.title, "text": passage.text, **told}


def _check_ids(questions: Sequence[Question]) -> None:
    twice = [name for name, count in Counter(q.id for q in questions).items() if count > 1]
    if twice:
        raise DataError(
            f"the id {twice[0]!r} stands in more than one of the files.",
            hint="Make one set of each file.",
        )


def _nothing_made(read: int, skipped: Mapping[Skipped, int]) -> DataError:
    if read and skipped[Skipped.NO_GOLD_PASSAGE] == read:
        return DataError(
            f"none of the {read} questions has a gold passage.",
            hint='Rows need contexts with a text, and "is_gold" or "has_answer" true.',
        )
    reasons = ", ".join(f"{reason.value} {count}" for reason, count in sorted(skipped.items()))
    return DataError(
        f"no counterfactual passage could be made of {read} questions: {reasons or 'none given'}.",
        hint="Give a larger set: substitutes come from its own answers.",
    )
