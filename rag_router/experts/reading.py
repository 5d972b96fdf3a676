"""Reading a question together with its passages: the streams that a decoder asks for.

The question alone has been read before, by whoever asked whether the model knows. What shows
passages is read here, all prompts of all questions in one pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rag_router.experts.base import Expert
from rag_router.filters.sentences import cut_short
from rag_router.models.prompts import Prompt, contextual_prompt
from rag_router.models.side_by_side import prefill_each
from rag_router.models.streams import Role, Started, start
from rag_router.types import Evidence, Judged, Passage

__all__ = [
    "Prompts",
    "as_read",
    "prompts_with_passages",
    "read_prompts",
    "read_prompts_each",
    "text_of",
]

Prompts = Mapping[Role, Prompt]
"""The prompts of one question, by the stream that each begins."""


def prompts_with_passages(
    expert: Expert, question: str, passages: Sequence[Passage], roles: Sequence[Role]
) -> Prompts:
    """Put a question with its passages, once for each stream that shows them.

    Args:
        expert: Who will read it.
        question: What is asked.
        passages: Best first; all streams show the same ones.
        roles: The streams that are wanted. `context` is always among the result, and `closed`,
            which shows no passage, never.

    Raises:
        QuestionError: the question is longer than the model can read.
    """
    model, style = expert.model, expert.style
    context = contextual_prompt(model, style, question, passages)
    prompts: dict[Role, Prompt] = {"context": context}
    if "abstain" in roles:
        shown = [passage for passage in context.shown if passage is not None]
        prompts["abstain"] = contextual_prompt(model, style, question, shown, abstain=True)
    return prompts


def as_read(evidence: Evidence, prompts: Prompts) -> Evidence:
    """Return the evidence as the prompts show it: what they have no room for is not kept.

    Args:
        evidence: Its kept passages are those that the prompts were made of, in this order.
        prompts: With one for the stream `context`.
    """
    shown = iter(prompts["context"].shown)
    judged = tuple(_shown(one, next(shown)) if one.kept else one for one in evidence.judged)
    if judged == evidence.judged:
        return evidence
    kept = [one for one in judged if one.kept]
    if len(kept) == len(evidence.kept):
        return replace(evidence, judged=judged)
    supports = [one.support for one in kept if one.support is not None]
    # What is not read supports nothing.
    support = max(supports, default=None if kept else 0.0)
    return replace(evidence, judged=judged, support=support)


def _shown(one: Judged, passage: Passage | None) -> Judged:
    if passage is None:
        return replace(one, kept=False, why="the prompt has no room for it")
    if passage == one.hit.passage:
        return one
    return cut_short(one, len(passage.text), f"{one.why}; cut to fit the prompt")


def text_of(passages: Sequence[Passage]) -> str:
    """Return titles and texts of passages as one text, as strategies are told of them."""
    return "\n".join(f"{one.title}\n{one.text}" for one in passages)


def read_prompts(
    expert: Expert, questions: Sequence[Prompts], *, layers: bool = False, hidden: bool = False
) -> list[dict[Role, Started]]:
    """Read all prompts of several questions in one pass.

    Args:
        expert: Who reads.
        questions: The prompts of each.
        layers: Whether a decoder will look at what the later layers would say by themselves.
        hidden: Whether the last token's hidden states are wanted.
    """
    return read_prompts_each([expert] * len(questions), questions, layers=layers, hidden=hidden)


def read_prompts_each(
    experts: Sequence[Expert],
    questions: Sequence[Prompts],
    *,
    layers: bool = False,
    hidden: bool = False,
) -> list[dict[Role, Started]]:
    """Do the same with an expert for each question, all of them over one base.

    Raises:
        ModelError: the experts' models lie over different bases.
    """
    order = [
        (number, role, prompt)
        for number, prompts in enumerate(questions)
        for role, prompt in prompts.items()
    ]
    streams: list[dict[Role, Started]] = [{} for _ in questions]
    if not order:
        return streams
    prefill = prefill_each(
        [experts[number].model for number, _, _ in order],
        [prompt.ids for _, _, prompt in order],
        shared=[prompt.shared for _, _, prompt in order],
        layers=layers,
        hidden=hidden,
    )
    for (number, role, _), started in zip(order, start(prefill), strict=True):
        streams[number][role] = started
    return streams
