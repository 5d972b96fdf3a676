"""A completion, and the pieces of one that is streamed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Completion", "FinishReason", "usage_of"]

FinishReason = Literal["stop", "length"]
"""What ended the text: an end, or the most tokens that it may have."""


def _new_id() -> str:
    return f"chatcmpl-{secrets.token_hex(16)}"


def _now() -> int:
    return int(time.time())


def usage_of(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    """Return what a completion cost."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What all pieces of one completion have in common.

    Attributes:
        model: Its name, as the client asked for it.
        with_usage: Whether a stream ends with what it cost; all other pieces then say null.
        id: Of the completion.
        created: When, in seconds since 1970.
    """

    model: str
    with_usage: bool = False
    id: str = field(default_factory=_new_id)
    created: int = field(default_factory=_now)

    def whole(
        self,
        message: Mapping[str, Any],
        finish: FinishReason,
        usage: Mapping[str, int],
        more: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Return a completion that is not streamed."""
        choice = {
            "index": 0,
            "message": {"role": "assistant", **message, "refusal": None},
            "logprobs": None,
            "finish_reason": finish,
        }
        return {
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [choice],
            "usage": dict(usage),
            **more,
        }

    def piece(
        self,
        delta: Mapping[str, Any],
        finish: FinishReason | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return one piece of a stream."""
        choice = {"index": 0, "delta": dict(delta), "logprobs": None, "finish_reason": finish}
        return self._chunk([choice], {"usage": None} if self.with_usage else {}) | dict(more or {})

    def last(self, usage: Mapping[str, int]) -> dict[str, Any]:
        """Return the piece that says what it cost, and nothing else."""
        return self._chunk([], {"usage": dict(usage)})

    def _chunk(self, choices: list[dict[str, Any]], usage: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
            **usage,
        }
