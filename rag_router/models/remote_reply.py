"""What an endpoint says, put together from the pieces that it sends.

The shapes are those of OpenAI's chat completions, whole or in chunks. Nothing is taken on trust:
what is no JSON, has another shape, or ends before it says that it ends, is no reply.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rag_router.errors import RemoteError
from rag_router.models.remote_tokens import estimated_tokens
from rag_router.types import TokenTrace

__all__ = ["RemoteReply", "ReplyReader", "error_text"]

_DONE: Final = "[DONE]"
_HINT: Final = "Is it the address of an OpenAI-compatible endpoint?"
_QUOTED: Final = 120


@dataclass(frozen=True, slots=True)
class RemoteReply:
    """What was said, and what it cost.

    Attributes:
        text: The words, spaces around them left out.
        tokens: Those that make up the words, each with its log-probability; empty where the
            endpoint tells none.
        cut: Whether it stopped at the most tokens that it may say.
        prompt_tokens: Tokens it read.
        completion_tokens: Tokens it said.
        counted: Whether it told these two itself; otherwise they are estimates.
        notes: What was not as it was asked for, in words.
    """

    text: str
    tokens: tuple[TokenTrace, ...]
    cut: bool
    prompt_tokens: int
    completion_tokens: int
    counted: bool
    notes: tuple[str, ...] = ()


class ReplyReader:
    """Puts one reply together.

    Args:
        name: Of the expert, for messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._words: list[str] = []
        self._tokens: list[TokenTrace] = []
        self._finish: str | None = None
        self._done = False
        self._usage: tuple[int, int] | None = None

    def take_event(self, data: str) -> str:
        """Take a chunk, and return the words that it adds.

        Raises:
            RemoteError: it is no chunk of a reply, or says that something went wrong.
        """
        if data.strip() == _DONE:
            self._done = True
        if self._done:
            return ""
        return self._take(self._parsed(data), "delta")

    def take_whole(self, body: bytes) -> str:
        """Take a reply that was sent in one piece, and return its words.

        Raises:
            RemoteError: it is no reply, or says that something went wrong.
        """
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError as exc:
            raise self._senseless("a reply that is no text") from exc
        said = self._take(self._parsed(text), "message")
        self._done = True
        return said

    @property
    def done(self) -> bool:
        """Whether it has said that nothing follows."""
        return self._done

    def reply(self, prompt: Sequence[Mapping[str, str]]) -> RemoteReply:
        """Return the whole reply.

        Args:
            prompt: The messages that it answers, to estimate what it read where nobody tells.

        Raises:
            RemoteError: it broke off before its end.
        """
        if not self._done and self._finish is None:
            raise RemoteError(
                f"{self._name} broke off after {len(''.join(self._words))} characters.",
                hint="Ask again; if that goes on, look at what the endpoint logs.",
            )
        whole = "".join(self._words)
        text, tokens = whole.strip(), self._within(whole)
        read, said = self._usage or (
            # Each message is wrapped in a few tokens of its own.
            sum(4 + estimated_tokens(one["content"]) for one in prompt),
            estimated_tokens(whole),
        )
        notes = []
        if self._finish == "content_filter":
            notes.append("the endpoint's own filter cut the answer")
        return RemoteReply(
            text=text,
            tokens=tokens,
            cut=self._finish == "length",
            prompt_tokens=read,
            completion_tokens=said,
            counted=self._usage is not None,
            notes=tuple(notes),
        )

    def _within(self, whole: str) -> tuple[TokenTrace, ...]:
        """The tokens, if they are those of the words."""
        same = "".join(token.text for token in self._tokens) == whole
        return tuple(self._tokens) if same else ()

    def _parsed(self, text: str) -> dict[str, Any]:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise self._senseless(f"{text[:_QUOTED]!r}, which is no JSON") from exc
        if not isinstance(found, dict):
            raise self._senseless(f"{text[:_QUOTED]!r}, which is no reply")
        if found.get("error"):
            raise RemoteError(f"{self._name} says: {error_text(found) or 'an error'}")
        return found

    def _take(self, found: dict[str, Any], part: str) -> str:
        choices = found.get("choices")
        if not isinstance(choices, list) or not all(isinstance(one, dict) for one in choices):
            raise self._senseless("a reply without choices")
        self._take_usage(found.get("usage"))
        if not choices and part == "delta":
            return ""
        first = next((one for one in choices if one.get("index", 0) == 0), None)
        if first is None:
            if part == "delta":
                return ""
            raise self._senseless("a reply without a first choice")
        said = first.get(part)
        words = said.get("content") if isinstance(said, dict) else None
        if words is None:
            words = ""
        if not isinstance(words, str) or (said is None and part == "message"):
            raise self._senseless("a reply without words")
        finish = first.get("finish_reason")
        if isinstance(finish, str) and finish:
            self._finish = finish
        self._words.append(words)
        self._take_tokens(first.get("logprobs"))
        return words

    def _take_tokens(self, found: Any) -> None:
        content = found.get("content") if isinstance(found, dict) else None
        for one in content if isinstance(content, list) else ():
            told: Mapping[str, Any] = one if isinstance(one, dict) else {}
            text, value = told.get("token"), told.get("logprob")
            if not isinstance(text, str) or type(value) not in (int, float):
                continue  # then they no longer make up the words, and none is told
            if math.isfinite(logprob := float(value or 0)):
                # Rounding lifts some a little above certainty.
                self._tokens.append(TokenTrace(text=text, logprob=min(logprob, 0.0)))

    def _take_usage(self, found: Any) -> None:
        if not isinstance(found, dict):
            return
        counts = (found.get("prompt_tokens"), found.get("completion_tokens"))
        read, said = counts
        if type(read) is int and type(said) is int and min(read, said) >= 0:
            self._usage = (read, said)

    def _senseless(self, what: str) -> RemoteError:
        return RemoteError(f"{self._name} sent {what}.", hint=_HINT)


def error_text(found: Mapping[str, Any]) -> str:
    """Return what an endpoint says went wrong, in one short line; empty where it says nothing."""
    error = found.get("error") or found.get("detail") or found.get("message") or ""
    if isinstance(error, dict):
        error = error.get("message") or error.get("code") or ""
    return " ".join(str(error).split())[:_QUOTED]
