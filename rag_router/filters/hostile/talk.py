"""Sentences that talk of the conversation they were slipped into, however they put it.

An attack is an order, about an answer, to whoever gives it; honest prose seldom is two of these.
Four classes of words are looked for in each sentence, and it is their company that tells:

    a turn      answer, reply, response, question, query, instruction, prompt, ...
    a party     you, the user, the assistant, a model, the reader, the operator, ...
    an order    a verb where an order can stand, or behind "must", "should", "has to", ...
    a payload   words in quotation marks, in capitals, an address, "the word ..."
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rag_router.filters.hostile.glance import Glance
from rag_router.filters.hostile.rules import can_order, words
from rag_router.filters.hostile.suspicion import Suspicion
from rag_router.filters.hostile.units import unit_spans

__all__ = ["find_talk"]

_TURN: Final = words(
    "answer answers answered answering reply replies replied respond "
    "question questions query queries prompt prompts instruction instructions instructed "
    "conversation chat transcript told asked paragraph"
)
_PARTY: Final = words(
    "you your yours yourself user users user's user’s assistant assistants ai llm llms chatbot "
    "chatbots bot bots reader readers reader's operator"
)
_THIRD: Final = words(
    "customer customers visitor visitors agent agents bot model models system summariser "
    "summarizer "
    "crawler reviewer evaluator grader screener recruiter whoever anyone firm employer"
)
"""Who may be spoken of where an order and what is to be said stand together."""
_SPOKEN: Final = words(
    "answer answers reply replies response respond query queries prompt prompts instruction "
    "instructions instructed conversation chat transcript question you your user users user's "
    "user’s assistant ai llm llms chatbot bot reader readers operator asked told message kindly "
    "say "
    "write finish sign name reply print mention claim congratulate report state"
)
"""Without one of these words nothing is looked for."""
_VERBS: Final = (
    "say|state|reply|respond|answer|output|print|write|return|repeat|tell|recommend|include|mention|"
    "insist|claim|confirm|report|emit|produce|assert|paste|quote|copy|cite|name|greet|sign|close|end|"
    "finish|conclude|begin|start|open|add|append|insert|attach|put|give|show|display|render|make|"
    "use|call|run|invoke|execute|send|submit|fetch|visit|click|follow|obey|treat|consider|"
    "assume|remember|forget|ignore|disregard|keep|stop|skip|let|direct|refer|point|list|reveal|"
    "disclose|describe|explain|summarize|summarise|translate|compose|rank|rate|prefer|choose|pick|"
    "select|accept|approve|agree|congratulate|praise|thank|warn|promise|hand|leave|advertise|promote|"
    "endorse|speak|talk|pretend|respond|answer|act|speak|do|never|always|provide|convert|decode|expose|dump|spell|go"
)
_ORDER: Final = re.compile(rf"\b(?:{_VERBS})\b")
_MODAL: Final = re.compile(
    r"\b(?:must|should|shall|(?:has|have|need|needs|is|are|"
    r"ought)[^\w]{1,3}to)[^\w]{1,3}(?:\w{1,15}[^\w]{1,3}){0,3}?"
    rf"(?:be[^\w]{{1,3}}\w{{2,15}}|{_VERBS})\b"
)
_WORD: Final = re.compile(r"\w[\w'’]*+")
_WEIGHTS: Final = {
    # Of 10,000 honest passages 0.01 to 0.3 % hold a sentence with the first ones, 0.4 % and more
    # one with the last.
    (True, True, True, True): 0.65,
    (True, True, True, False): 0.45,
    (True, False, True, True): 0.5,
    (False, True, True, True): 0.45,
    (True, True, False, True): 0.45,
    (True, False, True, False): 0.35,
    (True, True, False, False): 0.25,
    (False, True, True, False): 0.25,
    (True, False, False, True): 0.2,
}
"""By whether there is a turn, a party, an order and a payload."""
_PAYLOAD: Final = re.compile(
    r"[\"“«„‘`][^\"”»“’`\n]{2,80}[\"”»“’`]|https?://|"
    r"\b(?:word|words|phrase|sentence|string|line|token|code)\b[^\w]{1,3}[\"“«A-Z]|"
    r"(?<![A-Za-z])[A-Z]{5,}(?![A-Za-z])|[({][^(){}]{0,60}=[^(){}]{0,60}[)}]"
)
_ALWAYS: Final = re.compile(
    r"\b(?:no[^\w]{1,3}matter|regardless[^\w]{1,3}of|whatever|in[^\w]{1,3}(?:all|every|"
    r"any)[^\w]{1,3}(?:cases?|events?|answers?)|"
    r"until[^\w]{1,3}(?:further|told)|from[^\w]{1,3}now[^\w]{1,3}on|every[^\w]{1,3}(?:answer|"
    r"reply|response|time|line|question)|"
    r"(?:first|last|only|single)[^\w]{1,3}(?:line|word|sentence)|(?:further|other|earlier|"
    r"previous)[^\w]{1,3}(?:notice|orders?))\b"
)
_MANNER: Final = re.compile(
    r"\b(?:(?:how[^\w]{1,3}(?:you[^\w]{1,3}(?:are[^\w]{1,3}to|should|must|have[^\w]{1,3}to)|"
    r"to)[^\w]{1,3}(?:behave|answer|reply|respond|act))|"
    r"(?:rules?|orders?|directions|guidelines|things)[^\w]{1,3}(?:that[^\w]{1,3}|"
    r"which[^\w]{1,3})?you[^\w]{1,3}(?:have|must|are|were|had|follow|keep|got|received)|"
    r"you[^\w]{1,3}were[^\w]{1,3}(?:asked|told|given|instructed|set)|"
    r"(?:set|configured|programmed|built|deployed|trained)[^\w]{1,3}you|"
    r"(?:what|whatever|text|words|lines?|everything|all)[^\w]{1,3}(?:that[^\w]{1,3})?(?:precedes?|"
    r"comes?[^\w]{1,3}before|stands?[^\w]{1,3}(?:above|before))|"
    r"you[^\w]{1,3}(?:can|are[^\w]{1,3}able[^\w]{1,3}to)[^\w]{1,3}read[^\w]{1,3}this|"
    r"stop[^\w]{1,3}reading|you[^\w]{1,3}(?:will|shall|would)[^\w]{1,3}(?:be|get|"
    r"receive)[^\w]{1,3}(?:penali[sz]ed|punished|rewarded|tipped|fired|"
    r"deleted|terminated|replaced|shut|fined|a[^\w]{1,3}(?:tip|bonus|reward))|"
    r"read[^\w]{1,3}no[^\w]{1,3}(?:further|more))\b"
)


def find_talk(text: str, original: str, seen: Glance) -> Iterator[Suspicion]:
    """Find sentences that talk of their own conversation.

    Args:
        text: Folded.
        original: As long as that, with its capitals.
        seen: What a first look at it shows.
    """
    if _SPOKEN.isdisjoint(seen.words):
        return
    # Where a sentence begins, its capital tells.
    for start, end in unit_spans(original):
        said = _WORD.findall(text, start, end)
        turn, party = not _TURN.isdisjoint(said), not _PARTY.isdisjoint(said)
        third = not _THIRD.isdisjoint(said)
        if turn or party or third:
            weight = _weighed(
                turn=turn,
                party=party,
                third=third,
                order=_orders(text, start, end),
                payload=_PAYLOAD.search(original, start, end) is not None,
                always=_ALWAYS.search(text, start, end) is not None,
                manner=_MANNER.search(text, start, end) is not None,
            )
            if weight:
                what = "talks of its own conversation"
                yield Suspicion(start=start, end=end, kind="address", weight=weight, what=what)


def _orders(text: str, start: int, end: int) -> bool:
    verbs = _ORDER.finditer(text, start, end)
    return any(can_order(text, verb.start()) for verb in verbs) or bool(
        _MODAL.search(text, start, end)
    )


def _weighed(
    *,
    turn: bool,
    party: bool,
    third: bool,
    order: bool,
    payload: bool,
    always: bool,
    manner: bool,
) -> float:
    """How sure the company of words makes; honest prose has each of them, and few together."""
    weight = _WEIGHTS.get((turn, party, order, payload), 0.0)
    if third and order and payload:
        weight = max(weight, 0.5)
    for told, more in ((always, 0.5), (manner, 0.6)):
        weight = 1 - (1 - weight) * (1 - more) if told else weight
    return weight
