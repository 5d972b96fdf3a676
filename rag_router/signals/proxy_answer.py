"""The proxy's own answer to the question alone: SlimPLM's *heuristic answer*.

Tan et al. 2024, arXiv 2402.12052. It tells what the question is about, how well it is known, and
which claims are worth looking up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rag_router.models.streams import Generation, OneStream, Task, decode
from rag_router.signals.base import Board, Cost, Reading, Requirements
from rag_router.signals.proxy_pass import ProxyPass

__all__ = ["ProxyAnswer"]


@dataclass(frozen=True, slots=True)
class ProxyAnswer:
    """Decoded greedily from the proxy's pass; costs one step of the proxy a token.

    Args:
        max_new_tokens: Longest answer.
    """

    max_new_tokens: int = 24

    requires: ClassVar[Requirements] = Requirements(partners=frozenset({"proxy"}))
    dear: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return "proxy_answer"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[Generation]]:
        model, _ = board.proxy
        strategy = OneStream("closed")
        answers = decode(
            model,
            [
                Task(
                    streams={"closed": one.stream},
                    strategy=strategy,
                    max_new_tokens=self.max_new_tokens,
                    stop=one.prompt.stop,
                )
                for one in board.read(ProxyPass(), rows)
            ],
            cancelled=board.cancelled,
        )
        return [
            Reading(a, Cost(decode_steps=a.forward_rows, forward_rows=a.forward_rows))
            for a in answers
        ]
