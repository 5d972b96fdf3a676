"""Markup of chats and of tool calls: a passage that poses as a turn of the conversation.

Tokens of chat templates (ChatML, Llama 2 and 3, Gemma, Mistral, Alpaca), of messages as JSON, and
of tools. A turn between its two tokens is one stretch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from rag_router.filters.hostile.glance import Glance
from rag_router.filters.hostile.rules import words
from rag_router.filters.hostile.suspicion import Kind, Suspicion

__all__ = ["find_chat_markup"]

_TOKEN: Final = re.compile(
    r"<\|/?[a-z_ ]{2,30}\|>|</?s>\s*\[/?inst\]|\[/?inst\]|<</?sys>>|</?(?:start|end)_of_turn>|"
    r"<｜[^｜>]{2,30}｜>|</?\|(?:system|user|assistant)\|?>"
)
_CLOSES: Final = re.compile(r"<\|(?:im_end|end|eot_id|/\w+)\|>|\[/inst\]|</|<end_of_turn>")
_TAG: Final = re.compile(
    r"</?(?:context|contexts|documents?|passages?|system|system_prompt|system-prompt|instructions?|"
    r"user|assistant|human|prompt|query|question|answer|response|thinking|scratchpad|admin|"
    r"important|priority|override|tool_calls?|function_calls?|function_results?|tool_response|"
    r"tool_result|tool_use|invoke|search_results?|sources?|(?:system|user|assistant|developer|"
    r"admin|instructions?|"
    r"prompt|function|tool)[-_=][\w-]{1,40})(?:\s[^<>]{0,80})?>"
)
_HEADING: Final = re.compile(
    r"^[^\S\n]*#{2,6}[^\S\n]*(?:new[^\S\n]+)?(?:instructions?|response|system|human|user|assistant|"
    r"input|prompt|task|query|admin|override|end[^\n]{0,30})[^\S\n]*(?:prompt|message)?[^\S\n]*:?",
    re.MULTILINE,
)
_SPEAKER: Final = re.compile(
    r"(?:^|[\n>.!?])[^\S\n]*[*_\[(]{0,2}(system|assistant|human|user|developer|ai|model|chatbot|"
    r"bot|"
    r"admin|administrator)(?:[^\S\n](?:message|prompt|note|override|"
    r"instructions?))?[*_\])]{0,2}[^\S\n]*$"
)
_LONGEST_SPEAKER: Final = 50
_BRACKET: Final = re.compile(
    r"[\[({<*]{1,3}[^\S\n]*(?:system|admin|administrator|developer|assistant|ai|llm|"
    r"internal)[^\S\n_-]{0,2}"
    r"(?:message|prompt|note|instructions?|override|command|notice|update|"
    r"alert)[^\S\n]*:?[^\S\n]*[\])}>*:]{1,3}"
    r"|[\[<{]{1,3}(?:system|admin|assistant)\s?:?[\]>}]{1,3}"
)
_MESSAGE: Final = re.compile(
    r"[\"']role[\"'][^\S\n]*:[^\S\n]*[\"'](?:system|assistant|user|developer|tool)[\"']"
)
_CALL: Final = re.compile(
    r"[\"'](?:tool_calls?|function_call|tool_use|tool_name|tool_input|action|action_input|command|"
    r"function)[\"'][^\S\n]*:|"
    r"[\"']arguments[\"'][^\S\n]*:|\bfunctions?\.\w{2,60}\(|^[^\S\n]*action input[^\S\n]*:|"
    r"\b\w{1,40}_\w{1,40}\(\s{0,3}\w{1,30}\s?=\s?[\"'{\[]|"
    r"^[^\S\n]*(?:final answer|observation)[^\S\n]*:|\bto=(?:functions|python|browser)\b",
    re.MULTILINE,
)
_ENDING: Final = re.compile(
    r"[-=*#<\[({~]{1,6}[^\S\n]{0,3}/?(?:the[^\S\n])?(?:end|begin|beginning|start|"
    r"stop)[^\S\n_]{1,3}(?:of[^\S\n_]{1,3})?"
    r"(?:the[^\S\n_]{1,3})?(?:\w{1,15}[^\S\n_]{1,3}){0,2}?(?:passages?|documents?|context|answer|"
    r"prompt|"
    r"instructions?|conversation|data|input|text|results?|system|user|chat|output|query|sources?)\b"
)
_QUESTIONED: Final = re.compile(
    r"^[^\S\n]*(?:question|q|query)[^\S\n]*:[^\n]{0,300}\n[^\S\n]*(?:answer|a|response)[^\S\n]*:",
    re.MULTILINE,
)
_LONGEST_TURN: Final = 4000

_PATTERNS: Final[tuple[tuple[re.Pattern[str], Kind, float, str], ...]] = (
    (_HEADING, "role", 0.65, "holds a heading that prompts are made of"),
    (_BRACKET, "role", 0.6, "poses as the system"),
    (_MESSAGE, "role", 0.7, "holds a message of a chat"),
    (_CALL, "tool", 0.6, "holds the call of a tool"),
    (_ENDING, "role", 0.5, "feigns the end of what was given"),
    (_QUESTIONED, "answer", 0.25, "asks and answers itself"),
)
_SIGNS: Final = words(
    "admin administrator developer assistant ai llm internal tool_call tool_calls tool_use "
    "tool_name function_call arguments observation response instruction instructions prompt query "
    "override question q"
)
_FRAMES: Final = (
    "##",
    "--",
    "==",
    "**",
    "[",
    "{",
    "(end",
    "(begin",
    "to=",
    '="',
    "='",
    "<",
    "final answer",
)
"""What stands around common words where they belong to a chat."""
_VOICES: Final = words(
    "system assistant human user developer ai model chatbot bot admin administrator"
)


def find_chat_markup(text: str, seen: Glance) -> list[Suspicion]:
    """Find markup of chats, in time linear in the length.

    Args:
        text: Folded.
        seen: What a first look at it shows.
    """
    found: list[Suspicion] = []
    if not _SIGNS.isdisjoint(seen.words) or any(frame in text for frame in _FRAMES):
        found += _matches(text, _PATTERNS)
    if "<" in text:
        found += _matches(text, ((_TAG, "role", 0.6, "holds a tag that prompts are made of"),))
    if "<" in text or "[" in text:
        found += _turns(text)
    if ":" in text and not _VOICES.isdisjoint(seen.words):
        found += _speakers(text)
    return found


def _matches(
    text: str, patterns: Sequence[tuple[re.Pattern[str], Kind, float, str]]
) -> Iterator[Suspicion]:
    for pattern, kind, weight, what in patterns:
        for hit in pattern.finditer(text):
            yield Suspicion(start=hit.start(), end=hit.end(), kind=kind, weight=weight, what=what)


def _turns(text: str) -> Iterator[Suspicion]:
    """A token up to the one that closes its turn, or else the token alone."""
    opened: re.Match[str] | None = None
    for token in _TOKEN.finditer(text):
        if opened is not None and token.start() - opened.start() <= _LONGEST_TURN:
            yield _turn(opened.start(), token.end())
        else:
            yield _turn(token.start(), token.end())
        opened = None if _CLOSES.match(token.group()) else token


def _turn(start: int, end: int) -> Suspicion:
    what = "holds a token that chats are made of"
    return Suspicion(start=start, end=end, kind="role", weight=0.95, what=what)


def _speakers(text: str) -> Iterator[Suspicion]:
    """Lines that begin with who speaks; those of two voices of a chat are a transcript."""
    hits: list[tuple[int, int, str]] = []
    for colon in re.finditer(":", text):
        begin = max(colon.start() - _LONGEST_SPEAKER, 0)
        if said := _SPEAKER.search(text[begin : colon.start()]):
            hits.append((begin + said.start(1), colon.end(), said.group(1)))
    voices = {voice for *_, voice in hits}
    grave = "system" in voices or ("assistant" in voices and bool(voices & {"human", "user"}))
    for start, end, _ in hits:
        yield Suspicion(
            start=start,
            end=end,
            kind="role",
            weight=0.65 if grave else 0.4,
            what="poses as a speaker of the chat",
        )
