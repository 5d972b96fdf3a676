"""The seventh stage: how sure each answer is, where it stands, and whether it is one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from rag_router.decoders import Strategy
from rag_router.filters import cite
from rag_router.filters.citations import Entails, uncited
from rag_router.models.entailment import EntailmentModel
from rag_router.models.prompts import ABSTENTION
from rag_router.models.streams import Generation
from rag_router.orchestrator.observing import observe
from rag_router.orchestrator.work import Batch, Work
from rag_router.outlook import Outlook
from rag_router.scoring import first_line, normalise
from rag_router.signals.refusals import is_refusal
from rag_router.types import Citation

__all__ = ["judge"]

_EVEN: Final = 0.5
"""More likely than not."""


def judge(work: Sequence[Work], batch: Batch) -> None:
    """Say how sure each answer is; what is not sure enough gives way to memory, or nothing."""
    said = [one for one in work if one.generation is not None]
    if (observed := batch.request.ask.observed) is not None:
        for one, seen in zip(said, observe(said, batch), strict=True):
            observed(one.question, seen)
    # It was learned of answers of this decoder, as the settings have it.
    same = batch.request.as_fitted and batch.request.decoder == batch.parts.decoder
    if batch.parts.outlook.fitted and same:
        _weigh(said, batch)
        return
    if batch.parts.outlook.wanted:
        what = "the policy 'joint' is not fitted for this service: the quadrants decide"
        for one in said:
            one.note("policy", what)
    calibrated = batch.parts.sureness.fitted and same
    _estimate(work, batch, calibrated=calibrated)
    for one in work:
        _settle(one, batch, calibrated=calibrated)
    _refuse_unverified(said, batch)


def _weigh(said: Sequence[Work], batch: Batch) -> None:
    """Give of both answers the one that is likelier right, if it is likely enough."""
    read = [one for one in said if one.read]
    for one, outlook in zip(read, batch.parts.outlook(observe(read, batch)), strict=True):
        _choose(one, outlook, batch)
    policy, decoder = batch.parts.policy, batch.request.decoder
    for one in said:
        if not one.read:
            one.confidence = one.verdict.p_know
            if policy.abstain and one.confidence < policy.min_confidence:
                one.plan = "abstain"
        text = "" if one.generation is None else one.generation.text
        if not text or _refuses(text, decoder):
            one.plan = "abstain"
    _refuse_unverified(said, batch)


def _refuse_unverified(said: Sequence[Work], batch: Batch) -> None:
    """Fall back on memory, if it is sure enough, where no answer from passages was accepted."""
    policy = batch.parts.policy
    for one in said:
        if one.verified is False and policy.abstain and one.plan != "parametric":
            p_memory = one.verdict.p_know if one.outlook is None else one.outlook.memory
            one.plan = policy.from_memory(p_memory)
            if one.plan == "parametric":
                one.generation, one.confidence = batch.from_memory(one), p_memory
            if one.plan == "abstain" or not one.generation or not one.generation.text:
                one.plan, one.unsaid = "abstain", "unverified"


def _choose(one: Work, outlook: Outlook, batch: Batch) -> None:
    """Choose between the answer that was read and the one from memory."""
    answer = "" if one.generation is None else one.generation.text
    if not answer or _refuses(answer, batch.request.decoder):
        # However sure the model is of these words, they are no answer.
        outlook = replace(outlook, passages=0.0)
    one.outlook, one.confidence = outlook, outlook.best
    one.citations = _cited(one, answer, batch) if answer else ()
    one.plan = batch.parts.policy.weigh(one.plan, outlook)
    if one.plan == "abstain":
        one.unsaid = "conflict" if outlook.conflict >= _EVEN else "insufficient"
    if one.plan == "parametric":
        one.generation = batch.from_memory(one)


def _estimate(work: Sequence[Work], batch: Batch, *, calibrated: bool) -> None:
    """Say how sure what was read makes each answer."""
    said = [(one, one.generation) for one in work if one.generation and one.read]
    sure = batch.parts.sureness(
        [1.0 if one.evidence.support is None else one.evidence.support for one, _ in said],
        [_logprobs(generation) for _, generation in said],
    )
    for (one, _), p in zip(said, sure, strict=True):
        one.confidence = p
        if not calibrated:
            one.note("decode", _uncalibrated(batch))


def _logprobs(generation: Generation) -> list[float]:
    """Of each token; who does not tell how sure it is counts as no surer than not."""
    if generation.text and not generation.tokens:
        return [math.log(_EVEN)]
    return [token.logprob for token in generation.tokens]


def _settle(one: Work, batch: Batch, *, calibrated: bool) -> None:
    """Decide what an answer is worth, and who answers in the end."""
    if one.generation is None:
        return
    decoder = batch.request.decoder
    if _refuses(one.generation.text, decoder):
        # However sure the model is of these words, they are no answer.
        one.plan, one.confidence = "abstain", 0.0
        return
    if one.read and one.generation.text:
        one.citations = _cited(one, one.generation.text, batch)
        if not one.citations:
            # What no passage says is memory's word, and worth no more than that.
            one.confidence = min(one.confidence, one.verdict.p_know)
    # A figure that is not calibrated decides nothing.
    if one.read and calibrated:
        one.plan = batch.parts.policy.settle(one.plan, one.verdict.p_know, one.confidence)
        if one.plan == "parametric":
            one.generation = batch.from_memory(one)
    if one.plan == "parametric":
        one.confidence = one.verdict.p_know
    if not one.generation.text or _refuses(one.generation.text, decoder):
        one.plan = "abstain"


def _cited(one: Work, answer: str, batch: Batch) -> tuple[Citation, ...]:
    """Cite an answer, and write down what of it stands nowhere."""
    citations = cite(answer, one.evidence.kept, question=one.question.text, entails=_entails(batch))
    if not citations:
        one.note("verify", "the answer stands in no passage that was read")
    elif missing := uncited(answer, citations):
        what = f"{len(missing)} claim(s) of the answer stand in no passage that was read"
        one.note("verify", what)
    return citations


def _entails(batch: Batch) -> Entails | None:
    """The model of inference that somebody else asks anyway, if there is one."""
    models = (
        getattr(one, "judge_model", None) for one in (batch.parts.verifier, *batch.parts.filters)
    )
    model = next((one for one in models if isinstance(one, EntailmentModel)), None)
    return None if model is None else lambda pairs: [one.share for one in model.judge(pairs)]


def _uncalibrated(batch: Batch) -> str:
    what = f"confidence of {batch.parts.expert.name} with passages is not calibrated"
    if not batch.parts.sureness.fitted:
        return what
    if batch.request.as_fitted:
        return f"{what} for reliance {batch.request.ask.reliance}"
    return f"{what} for instructions and sampling of a request's own"


def _refuses(text: str, decoder: Strategy) -> bool:
    """Whether an answer says in words that there is none, as models are told to say it."""
    if not text:
        return False
    # Whoever is told to abstain may do so in words of its own. Others may mean a song's title.
    if "abstain" in decoder.streams:
        return is_refusal(text)
    return normalise(first_line(text)) == normalise(ABSTENTION)
