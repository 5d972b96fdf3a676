"""The proxy's closed-book pass: a small model reads the question in the big one's place.

SlimPLM (Tan et al. 2024, arXiv 2402.12052) lets a small proxy model tell what a big one knows.
The pass is the same as the big model's own, under the proxy's own prompt; it is extra, so that
all its prompt tokens count, whether a prefix of them had been read before or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import DataError
from rag_router.models.distributions import entropy
from rag_router.models.prompts import Prompt, closed_book_prompt
from rag_router.models.streams import Started, start
from rag_router.signals.base import Board, Cost, Reading, Requirements

__all__ = ["ProxyPass", "ProxyRead"]


@dataclass(frozen=True, slots=True)
class ProxyRead:
    """What the proxy makes of one question.

    Attributes:
        fingerprint: Of the proxy; what is learned from it holds for no other one.
        prompt: The prompt that was read.
        stream: Next-token logits and cache; the proxy's answer goes on from here.
        hidden: Last token's hidden states, shape (layers + 1, width); entry 0 is the embedding.
        entropy_nats: Of the first token of the answer, in [0, ln vocabulary].
    """

    fingerprint: str
    prompt: Prompt
    stream: Started
    hidden: NDArray[np.float32]
    entropy_nats: float


@dataclass(frozen=True, slots=True)
class ProxyPass:
    """The pass itself: one prefill of another model, which the judged model is spared nothing by.

    It asks nothing of the judged model, which may be a remote one.
    """

    requires: ClassVar[Requirements] = Requirements(partners=frozenset({"proxy"}))
    dear: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return "proxy_pass"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[ProxyRead]]:
        """Let the proxy read the questions of these rows.

        Raises:
            SettingsError: there is no proxy.
            DataError: its hidden states are not finite; says for which questions.
        """
        model, style = board.proxy
        prompts = [closed_book_prompt(model, style, board.questions[row].text) for row in rows]
        prefill = model.prefill(
            [prompt.ids for prompt in prompts],
            hidden=True,
            shared=[prompt.shared for prompt in prompts],
        )
        hidden = prefill.hidden.float().cpu().numpy()
        broken = [
            board.questions[row].id
            for row, state in zip(rows, hidden, strict=True)
            if not np.isfinite(state).all()
        ]
        if broken:
            shown = ", ".join(map(repr, broken[:5])) + (", …" if len(broken) > 5 else "")
            raise DataError(
                f"{model.name} computes hidden states that are not finite for {shown}.",
                hint="Load the models in float32: [generator] dtype = 'float32'.",
            )
        read = zip(prompts, start(prefill), hidden, entropy(prefill.logits).tolist(), strict=True)
        return [
            Reading(
                ProxyRead(model.fingerprint, prompt, stream, state, nats),
                Cost(prefill_tokens=len(prompt.ids), forward_rows=1),
            )
            for prompt, stream, state, nats in read
        ]
