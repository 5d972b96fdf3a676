"""SlimPLM: a small proxy model tells whether the big one knows, and what to look up.

Tan et al. 2024, "Small models, big insights: leveraging slim proxy models to decide when and what
to retrieve for LLMs" (arXiv 2402.12052): the proxy answers first; from its *heuristic answer* a
judgement model tells known from unknown, and a rewriting model makes queries of the claims that
are not known (`rag_router.gates.claims`). The judged model is not asked at all, so that it may be
a remote one that shows nothing.

Differences from the paper: its judgement model is a Llama-2-7B fine-tuned to read question and
heuristic answer as text, and its labels say whether the *proxy* was right. Here a logistic head
reads the proxy's hidden states after the question, the shape of its next-token distribution, how
sure it is of its answer, and the embedding of the question; its labels say whether the *judged*
model was right, which is what the gate is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.calibration import logit
from rag_router.component import STRICT
from rag_router.gates.blocks import join_blocks, part_blocks
from rag_router.gates.claims import queries_of
from rag_router.gates.headed import HeadedGate
from rag_router.gates.linear import Block
from rag_router.gates.sources import mark_of
from rag_router.models.streams import Generation
from rag_router.signals.base import Signal, Signals
from rag_router.signals.closed_book_answer import geometric_mean_probability, minimum_probability
from rag_router.signals.first_distribution import distribution_figures
from rag_router.signals.hidden_states import layer_at, take_layers
from rag_router.signals.proxy_answer import ProxyAnswer
from rag_router.signals.proxy_pass import ProxyPass, ProxyRead
from rag_router.signals.question_embedding import QuestionEmbedding
from rag_router.types import Question, Verdict

__all__ = ["SlimProxyGate"]

_Reads = Literal["hidden", "distribution", "confidence", "embedding"]

_DEPTHS: Final = tuple(k / 9 for k in range(3, 10))
"""From a third of the depth up, as `p_ik` reads the judged model."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SlimProxyGate(HeadedGate):
    """Retrieve when what a small proxy model makes of it says it is not known.

    Until it is fitted, `p_know` is 0.5; the queries need no fitting.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        arrays: What was learned; empty until fitted.
        reads: What it goes by: the proxy's hidden states, the shape of its next-token
            distribution, its confidence in its own answer, the embedding of the question.
        components: Most principal components of each layer and of the embedding.
        max_new_tokens: Longest answer of the proxy.
        known_claim: A claim of the proxy's answer is not searched for where the geometric mean of
            its tokens' probabilities reaches this, in [0, 1].
    """

    reads: Annotated[tuple[_Reads, ...], Field(min_length=1)] = (
        "hidden",
        "distribution",
        "confidence",
        "embedding",
    )
    components: Annotated[int, Field(ge=1, le=512)] = 256
    max_new_tokens: Annotated[int, Field(ge=1, le=256)] = 24
    known_claim: Annotated[float, Field(ge=0.0, le=1.0)] = 0.9

    options_kept: ClassVar[tuple[str, ...]] = ("reads", "components", "max_new_tokens")

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        embedding: tuple[Signal[Any], ...] = (QuestionEmbedding(),)
        return (
            ProxyPass(),
            ProxyAnswer(self.max_new_tokens),
            *(embedding if "embedding" in self.reads else ()),
        )

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """Who was asked, and a block for each of `reads`, shape (questions, columns)."""
        passes = signals.read(ProxyPass())
        answers = signals.read(ProxyAnswer(self.max_new_tokens))
        marks = [[mark_of(one.fingerprint)] for one in passes]
        columns: dict[str, list[Any]] = {
            "hidden": [_states(one) for one in passes],
            "distribution": list(_shapes(passes)) if "distribution" in self.reads else [],
            "confidence": [
                _confidences(one, said) for one, said in zip(passes, answers, strict=True)
            ],
        }
        if "embedding" in self.reads:
            embedded = signals.read(QuestionEmbedding())
            columns["embedding"] = [one.vector for one in embedded]
            marks = [
                [*mark, mark_of(one.fingerprint)] for mark, one in zip(marks, embedded, strict=True)
            ]
        if not questions:
            return np.zeros((0, 0))
        return join_blocks(
            [np.array(marks), *(np.array(columns[name], dtype=np.float64) for name in self.reads)]
        )

    def parted(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[Block]]:
        marks, *parts = part_blocks(features, 1 + len(self.reads))
        blocks: list[Block] = []
        for name, columns in zip(self.reads, parts, strict=True):
            layers = np.split(columns, len(_DEPTHS), axis=1) if name == "hidden" else [columns]
            blocks += [Block(layer) for layer in layers]
        return marks, blocks

    def assess(self, questions: Sequence[Question], signals: Signals) -> list[Verdict]:
        """Judge, and say what to search for where it is not known."""
        answers = signals.read(ProxyAnswer(self.max_new_tokens))
        passes = signals.read(ProxyPass())
        verdicts = super().assess(questions, signals)
        return [
            replace(
                one,
                queries=queries_of(question.text, answer, known=self.known_claim)
                if one.retrieve
                else (),
                signals={
                    **one.signals,
                    "proxy_entropy_nats": read.entropy_nats,
                    "proxy_confidence": geometric_mean_probability(_logprobs(answer)),
                },
            )
            for one, question, answer, read in zip(
                verdicts, questions, answers, passes, strict=True
            )
        ]


def _states(one: ProxyRead) -> NDArray[np.float32]:
    """Seven layers, one after the other."""
    return take_layers(one.hidden, [layer_at(depth, len(one.hidden) - 1) for depth in _DEPTHS])


def _shapes(passes: Sequence[ProxyRead]) -> NDArray[np.float32]:
    """The shape of each next-token distribution, (questions, SHAPE_FIGURES)."""
    if not passes:
        return np.zeros((0, 0), dtype=np.float32)
    return distribution_figures(torch.stack([one.stream.logits for one in passes]))


def _confidences(one: ProxyRead, said: Generation) -> list[float]:
    """Entropy of the first token; log-odds of the first, least and mean probability; length."""
    logprobs = _logprobs(said)
    figures = logit(
        [
            minimum_probability(logprobs[:1]),
            minimum_probability(logprobs),
            geometric_mean_probability(logprobs),
        ]
    )
    return [one.entropy_nats, *figures.tolist(), float(len(logprobs))]


def _logprobs(said: Generation) -> list[float]:
    return [token.logprob for token in said.tokens]
