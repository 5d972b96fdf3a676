"""What is known of questions and of a model that only talks.

Signals that can be had in words are had in words: its answer, its answer again at random, and
what it says when it is asked about itself, where other models are read before they say a word.
How far it leaned to such a reply is the probability of its first token, where the endpoint tells
that. Otherwise it is one vote, and counts as one does by Laplace's rule of succession: of one that
was heard, (1 + 1) / (1 + 2) = 2/3 to its side; of none, 1/2.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar, cast

from rag_router.models.inquiries import answer_case, question_case
from rag_router.models.prompts import Inquiry, Messages, inquiry_messages, question_messages
from rag_router.models.remote import RemoteModel
from rag_router.models.remote_client import Chat
from rag_router.models.remote_reply import RemoteReply
from rag_router.models.sampling import Sampling
from rag_router.models.streams import Generation
from rag_router.scoring import first_line, normalise
from rag_router.signals import Board
from rag_router.signals.base import Cost, Reading, Signal, requirements
from rag_router.signals.closed_book_answer import ClosedBookAnswer
from rag_router.signals.leaning import Leaning
from rag_router.signals.sampled_answers import SampledAnswers
from rag_router.signals.self_judgement import AskedAfter, AskedBefore

__all__ = ["RemoteBoard", "drawn", "generation_of"]

V = TypeVar("V")

_REPLY_TOKENS: Final = 8
_ONE_VOTE: Final = 2 / 3
_UNHEARD: Final = Leaning(yes=0.5, heard=0.0)


class RemoteBoard(Board):
    """A board over a model behind an endpoint.

    Args:
        model: Who is talked to.
        left_s: Seconds for which it may still be talked to.
        turn: Held while a local model works in its place, one batch at a time.
        more: As for `Board`.
    """

    def __init__(
        self,
        model: RemoteModel,
        *args: Any,
        left_s: Callable[[], float],
        turn: threading.RLock,
        **more: Any,
    ) -> None:
        super().__init__(model, *args, **more)
        self._remote, self._left_s, self._turn = model, left_s, turn
        self._spoken: dict[type, Callable[[Any, Sequence[int]], Sequence[Reading[Any]]]] = {
            ClosedBookAnswer: self._answers,
            SampledAnswers: self._samples,
            AskedBefore: self._before,
            AskedAfter: self._after,
        }

    def compute(self, signal: Signal[V], rows: Sequence[int]) -> Sequence[Reading[V]]:
        if (spoken := self._spoken.get(type(signal))) is not None:
            return cast("Sequence[Reading[V]]", spoken(signal, rows))
        if "proxy" in requirements((signal,)).partners:
            with self._turn:
                return super().compute(signal, rows)
        return super().compute(signal, rows)

    def talk(self, chats: Sequence[Chat]) -> list[RemoteReply]:
        """Hold several chats in the time that is left.

        Raises:
            RemoteError: one of them failed.
            CancelledError: nobody waits any longer.
        """
        return self._remote.chat_all(chats, within_s=self._left_s(), cancelled=self.cancelled)

    def _answers(self, signal: ClosedBookAnswer, rows: Sequence[int]) -> list[Reading[Generation]]:
        chats = [Chat(messages=self._closed(row), max_tokens=signal.max_new_tokens) for row in rows]
        return [
            Reading(generation_of(reply, self.model.name), _cost(reply))
            for reply in self.talk(chats)
        ]

    def _samples(
        self, signal: SampledAnswers, rows: Sequence[int]
    ) -> list[Reading[tuple[Generation, ...]]]:
        sampling = Sampling(temperature=signal.temperature, seed=self.seed)
        chats = [
            drawn(
                Chat(messages=self._closed(row), max_tokens=signal.max_new_tokens),
                sampling.keyed(self.questions[row].text, number),
            )
            for row in rows
            for number in range(signal.n)
        ]
        replies = self.talk(chats)
        said = [generation_of(reply, self.model.name) for reply in replies]
        return [
            Reading(
                tuple(said[at : at + signal.n]),
                sum((_cost(reply) for reply in replies[at : at + signal.n]), Cost()),
            )
            for at in range(0, len(said), signal.n)
        ]

    def _before(self, signal: AskedBefore, rows: Sequence[int]) -> list[Reading[Leaning]]:
        cases = [question_case(self.questions[row].text) for row in rows]
        return self._leanings(signal.inquiry, cases)

    def _after(self, signal: AskedAfter, rows: Sequence[int]) -> list[Reading[Leaning]]:
        answers = self.read(ClosedBookAnswer(signal.max_new_tokens), rows)
        cases = [
            answer_case(self.questions[row].text, first_line(answer.text))
            for row, answer in zip(rows, answers, strict=True)
        ]
        return self._leanings(signal.inquiry, cases)

    def _leanings(self, inquiry: Inquiry, cases: Sequence[Sequence[str]]) -> list[Reading[Leaning]]:
        chats = [
            Chat(messages=inquiry_messages(self.style, inquiry, case), max_tokens=_REPLY_TOKENS)
            for case in cases
        ]
        return [Reading(_leaning(inquiry, reply), _cost(reply)) for reply in self.talk(chats)]

    def _closed(self, row: int) -> Messages:
        return question_messages(self.model, self.style, self.questions[row].text)[0]


def drawn(chat: Chat, sampling: Sampling | None) -> Chat:
    """Return a chat whose reply is drawn as a row of a local model would be."""
    if sampling is None:
        return chat
    seed = int(sampling.draw(0) * 2**31)
    return replace(chat, temperature=sampling.temperature, top_p=sampling.top_p, seed=seed)


def generation_of(reply: RemoteReply, name: str, stop: Sequence[str] = ()) -> Generation:
    """Return what an endpoint said as an answer: its first line, as of any other model.

    Args:
        reply: What it said.
        name: Of the expert, for notes.
        stop: Strings that end the answer, besides the end of the line.
    """
    ends = [reply.text.find(one) for one in ("\n", *stop)]
    text = reply.text[: min((at for at in ends if at >= 0), default=None)].strip()
    notes = list(reply.notes)
    if not reply.counted:
        notes.append(f"{name} does not tell how many tokens it read and said: they are estimated")
    whole = "".join(token.text for token in reply.tokens)
    room = len(whole) - len(whole.lstrip()) + len(text)
    tokens = []
    for token in reply.tokens:
        if room <= 0:
            break
        tokens.append(replace(token, text=token.text[:room]))
        room -= len(token.text)
    if text and not tokens:
        notes.append(f"{name} does not tell how sure it is of its words")
    return Generation(
        text=text,
        tokens=tuple(tokens),
        finish="length" if reply.cut and len(text) == len(reply.text) else "end",
        forward_rows=reply.completion_tokens,
        notes=tuple(notes),
    )


def _leaning(inquiry: Inquiry, reply: RemoteReply) -> Leaning:
    first = normalise(first_line(reply.text)).partition(" ")[0]
    sure = math.exp(reply.tokens[0].logprob) if reply.tokens else _ONE_VOTE
    if first and first in {normalise(one).partition(" ")[0] for one in inquiry.yes}:
        return Leaning(yes=sure, heard=1.0)
    if first and first in {normalise(one).partition(" ")[0] for one in inquiry.no}:
        return Leaning(yes=1 - sure, heard=1.0)
    return _UNHEARD


def _cost(reply: RemoteReply) -> Cost:
    """Each chat is a prompt that is read, and tokens that are said."""
    return Cost(
        prefill_tokens=reply.prompt_tokens,
        decode_steps=reply.completion_tokens,
        forward_rows=1 + reply.completion_tokens,
    )
