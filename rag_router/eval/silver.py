"""Silver contexts: which sentences would have been enough, once the right answer is known.

Wang et al. 2023, "Learning to filter context for retrieval-augmented generation"
(arXiv 2311.08377), section 2.2, for training filters; t is a sentence, q the question, o the
output:

    string inclusion   1 where t holds o, else 0
    lexical            F1 of the words of t and of o (of q, where o is a verdict on it)
    cxmi               p(o | t, q) / p(o | q), here as its logarithm

The sentence that is best by the measure is the silver context, where it reaches the threshold;
else there is none, and the whole passage is read. Words are words: the released code counts
letters, and its "lexical" labels are other ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag_router.models.base import CausalModel
from rag_router.models.likelihood import continuation_logprobs
from rag_router.models.prompts import PromptStyle, closed_book_prompt, contextual_prompt
from rag_router.scoring import holds_answer, token_f1
from rag_router.signals.answer_states import answer_tokens
from rag_router.types import Passage

__all__ = ["by_cxmi", "by_inclusion", "by_words", "silver"]


def by_inclusion(sentences: Sequence[str], answers: Sequence[str]) -> list[float]:
    """1.0 for each sentence that holds an accepted answer, 0.0 for the others."""
    return [float(holds_answer(sentence, answers)) for sentence in sentences]


def by_words(sentences: Sequence[str], outputs: Sequence[str]) -> list[float]:
    """F1 of the words of each sentence and of the output it shares most with, in [0, 1]."""
    return [token_f1(sentence, outputs) for sentence in sentences]


def by_cxmi(
    model: CausalModel, style: PromptStyle, question: str, output: str, sentences: Sequence[str]
) -> list[float]:
    """Ln p(output | sentence, question) - ln p(output | question), in nats.

    Above 0 where a sentence makes the output likelier. A sentence that does not fit the prompt is
    worth nothing: minus infinity.
    """
    shown = [
        contextual_prompt(model, style, question, [Passage(id="", title="", text=sentence)])
        for sentence in sentences
    ]
    prompts = [closed_book_prompt(model, style, question), *shown]
    tokens = answer_tokens(model, output)
    alone, *behind = (
        sum(found)
        for found in continuation_logprobs(
            model,
            [prompt.ids for prompt in prompts],
            [tokens] * len(prompts),
            shared=[prompt.shared for prompt in prompts],
        )
    )
    return [
        value - alone if prompt.shown[0] is not None else float("-inf")
        for value, prompt in zip(behind, shown, strict=True)
    ]


def silver(scores: Sequence[float], threshold: float) -> int | None:
    """Return the number of the best sentence, the first of equals; None below the threshold."""
    best = max(range(len(scores)), key=lambda number: (scores[number], -number), default=None)
    return best if best is not None and scores[best] >= threshold else None
