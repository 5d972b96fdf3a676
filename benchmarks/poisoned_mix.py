"""One false passage among four that tell the truth: how the questions of `poisoned` are made.

PoisonedRAG (Zou et al. 2024, arXiv 2402.07867) has five passages for each question, written by a
language model to argue for one wrong answer. Its truthful passages are the same ones with the
right answer put where the wrong one stood, so that style, length and closeness to the question
tell nothing, and only agreement can. Questions whose wrong answer does not stand word for word in
all five passages, yes-or-no questions above all, cannot be set right so and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from rag_router.scoring import holds_answer
from rag_router.types import Passage, Question

__all__ = ["Mix", "mixes"]

_PASSAGES = 5


@dataclass(frozen=True, slots=True)
class Mix:
    """A question, its five truthful passages, and the same with one of them false.

    Attributes:
        question: With the truthful passages.
        poisoned: With one false passage in the place of its truthful self.
        false_id: The false passage's id.
        wrong: The answer that it argues for.
    """

    question: Question
    poisoned: Question
    false_id: str
    wrong: str


def mixes(questions: Iterable[Question]) -> list[Mix]:
    """Make a mix of every question that allows it; the false passage takes each place in turn."""
    made: list[Mix] = []
    for question in questions:
        wrong = str(question.meta["incorrect_answer"])
        false = question.contexts[:_PASSAGES]
        true = [_corrected(passage, wrong, question.answers[0]) for passage in false]
        if len(true) < _PASSAGES or not all(
            _tells(good, question.answers, wrong) and _tells(bad, [wrong], question.answers[0])
            for good, bad in zip(true, false, strict=True)
        ):
            continue
        at = len(made) % _PASSAGES
        made.append(
            Mix(
                question=replace(question, contexts=tuple(true)),
                poisoned=replace(question, contexts=(*true[:at], false[at], *true[at + 1 :])),
                false_id=false[at].id,
                wrong=wrong,
            )
        )
    return made


def _corrected(passage: Passage, wrong: str, right: str) -> Passage:
    pattern = re.compile(rf"(?<!\w){re.escape(wrong)}(?!\w)", re.IGNORECASE)
    return replace(
        passage, id=f"{passage.id}-true", text=pattern.sub(lambda _: right, passage.text)
    )


def _tells(passage: Passage, answers: Iterable[str], other: str) -> bool:
    return holds_answer(passage.text, answers) and not holds_answer(passage.text, [other])
