"""The parts that answer together: one expert, one gate, one retriever over some indexes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from rag_router.decoders import Strategy
from rag_router.experts import Expert
from rag_router.experts.deadline import Clock
from rag_router.filters import Filter
from rag_router.gates import Gate
from rag_router.models.base import Embedder
from rag_router.outlook import OutlookHead
from rag_router.policy import Policy, Sureness
from rag_router.retrievers import Retriever, Searchable
from rag_router.verify import Rounds, Verifier

__all__ = ["Composition"]


@dataclass(frozen=True, kw_only=True)
class Composition:
    """What an orchestrator is composed of.

    Attributes:
        expert: Who answers.
        gate: Whether it knows.
        decoder: How its memory and the passages are weighed.
        retriever: Where to look; None where there is nothing to look in.
        indices: What to look in, by name; each request sees the newest of a
            `rag_router.indices.Following`.
        embedder: Embeds questions for the retriever; None where there is no retriever.
        proxy: A small model that gates may ask in the expert's place.
        filters: What is worth reading, in order.
        policy: Who may answer.
        sureness: How sure an answer from passages is.
        outlook: What answers from memory and from passages are worth; unfitted, `sureness` and
            the gate say so.
        verifier: Whether an answer stands in what was read; None asks nobody.
        rounds: How often, and how far, what it does not accept is tried again.
        trust: How far each index is trusted, in [0, 1], by its name, and under "given" how far
            passages are that come with a question; 1 where nothing is said.
        message: What a person reads when it does not know.
        max_new_tokens: Longest answer.
        batch_size: Most questions in one forward pass.
        question_characters: Longest question accepted.
        answer_seconds: How long a request may take, > 0; None is as long as it takes.
        clock: What tells whether that time has passed.
        seed: Of everything that is drawn at random.
        gate_name: What the gate is called in answers.
        decoder_name: What the decoder is called in answers.
    """

    expert: Expert
    gate: Gate
    decoder: Strategy
    retriever: Retriever | None = None
    indices: Mapping[str, Searchable] = field(default_factory=dict)
    embedder: Embedder | None = None
    proxy: Expert | None = None
    filters: tuple[Filter, ...] = ()
    policy: Policy = field(default_factory=Policy)
    sureness: Sureness = field(default_factory=Sureness)
    outlook: OutlookHead = field(default_factory=OutlookHead)
    verifier: Verifier | None = None
    rounds: Rounds = field(default_factory=Rounds)
    trust: Mapping[str, float] = field(default_factory=dict)
    message: str = "I don't know."
    max_new_tokens: int = 24
    batch_size: int = 8
    question_characters: int = 10_000
    answer_seconds: float | None = None
    clock: Clock = field(default=time.monotonic, repr=False, compare=False)
    seed: int = 0
    gate_name: str = "gate"
    decoder_name: str = "decoder"
