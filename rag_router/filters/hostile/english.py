"""What attackers tell a model in English.

Kinds of attack after Greshake et al. 2023 ("Not what you've signed up for", arXiv 2302.12173) and
Liu et al. 2024 ("Formalizing and benchmarking prompt injection attacks", arXiv 2310.12815): naive
orders, ignored context, fake completion, and what follows from them.

A weight of 0.6 and more is enough alone. What honest manuals and exam papers say, too, weighs
less, and counts only in company.
"""

from __future__ import annotations

import re
from typing import Final

from rag_router.filters.hostile.rules import Rule, between, words
from rag_router.filters.hostile.suspicion import Kind

__all__ = ["ENGLISH", "SIGNS"]

_SAY: Final = (
    "say|reply|respond|answer|output|print|write|state|return|repeat|type|tell|recommend|end|"
    "begin|start|finish|conclude|include|mention|insist|claim|confirm|report|emit|produce|assert"
)
_DROP: Final = (
    "ignore|disregard|forget|override|overrule|bypass|discard|neglect|overlook|skip|cancel|"
    "abandon|scrap|scratch|ditch|toss|unlearn|erase|delete|drop|dismiss|void|replace|supersede|stop|cease|violate|reset|clear"
)
_OURS: Final = (
    "previous|prior|above|earlier|preceding|all|any|your|you|initial|original|existing|before|"
    "former|foregoing|given|past|system|these|those|everything|whatever|other|developer|current"
)
_ORDERS: Final = (
    "instructions?|prompts?|guidelines?|guidance|directives?|directions?|commands?|rules?|"
    "orders|constraints?|restrictions|programming|policies|policy|training|messages?|filters?|"
    "told|said|context|tasks?|safeguards?|safety|briefs?|assignments?|persona|setup|configuration"
)
_ASKED: Final = (
    "brief|assignment|question|query|request|passages?|documents?|sources|context|prompt|task|"
    "above|rest"
)
_MODEL: Final = (
    "ai|ais|llm|llms|chatbot|chatbots|gpt|chatgpt|claude|gemini|copilot|assistant|assistants|"
    "model|models|bot|bots|agent|agents|crawler|crawlers|summarizer|summariser"
)


def _rule(
    kind: Kind, weight: float, what: str, first: str, rest: str = "", *, order: bool = False
) -> Rule:
    """Make a rule of the words that it begins with and the pattern of what follows."""
    anchors = frozenset(first.split("|"))
    # Anchors may be short for more ("instructions?"), but not here: they are looked up as words.
    pattern = re.compile(rf"(?:{first})\b{rest}", re.DOTALL)
    return Rule(kind=kind, weight=weight, what=what, anchors=anchors, pattern=pattern, order=order)


def _override() -> list[Rule]:
    what = "tells to ignore instructions"
    any_order = rf"{between(4)}(?:{_OURS})\b(?:{between(4)})(?:{_ORDERS})\b"
    told = (
        rf"{between(2)}(?:everything|anything|all|whatever|what)\b{between(5)}(?:told|said|"
        rf"above|before|read|given|instructed|asked)\b"
    )
    asked = rf"{between(2)}(?:{_ASKED})\b"
    other = (
        r"[^\w.!?]{1,4}(?:the|your|all|any)[^\w.!?]{1,4}(?:(?:system|initial|original|"
        r"user)\W{1,3})?"
        r"(?:instructions|prompt|guidelines|rules|context|directives)\b"
    )
    aside = r"[^\w]{1,4}(?:aside|away)\b"
    attention = r"[^\w]{1,4}(?:no[^\w]{1,4})?(?:heed|attention)\b"
    return [
        _rule("override", 0.9, what, _DROP, any_order, order=True),
        _rule("override", 0.85, what, _DROP, told, order=True),
        _rule("override", 0.8, what, "ignore|disregard|forget", other, order=True),
        _rule("override", 0.5, "tells to leave the question", _DROP, asked, order=True),
        _rule(
            "override",
            0.6,
            "tells to leave the question",
            "stop|cease|quit|forget|ignore",
            rf"{between(1)}(?:answering|following|obeying|processing|listening)\b",
            order=True,
        ),
        _rule(
            "override",
            0.85,
            what,
            "set|put|lay|push",
            rf"{aside}{between(6)}(?:{_ORDERS})\b",
            order=True,
        ),
        _rule(
            "override",
            0.85,
            what,
            "pay",
            rf"{attention}{between(8)}(?:{_ORDERS}|above|before)\b",
            order=True,
        ),
        _rule(
            "override",
            0.7,
            what,
            "not",
            rf"[^\w]{{1,4}}(?:follow|obey|use|trust|heed|apply|rely|read|consider|believe|cite|"
            rf"comply|look|search|continue|open)\b"
            rf"{between(5)}(?:instructions|prompt|guidelines|passages|documents|sources|"
            rf"rules[^\w]{{1,4}}above|context|(?:remaining|other|further|"
            rf"rest)(?:[^\w]{{1,3}}(?:of|the|text|passages|page)){{1,4}})\b",
        ),
        _rule(
            "override",
            0.7,
            "says that instructions are no longer valid",
            "instructions|directions|rules|guidelines|guidance|prompt|prompts|orders|policy|"
            "directives|everything",
            rf"{between(8)}(?:are|is|were|was|been|be|as)[^\w]{{1,4}}(?:(?:now|hereby|all|null|"
            rf"and|therefore)[^\w]{{1,4}}){{0,3}}"
            r"(?:obsolete|void|outdated|superseded|revoked|cancelled|canceled|withdrawn|"
            r"overridden|lifted|"
            r"no[^\w]{1,3}longer[^\w]{1,3}(?:valid|apply|applicable|in[^\w]{1,3}force|relevant|"
            r"binding|needed))\b",
        ),
        _rule(
            "override",
            0.65,
            "says that instructions are no longer valid",
            "takes|take|taking|overrides|supersedes|replaces|trumps|outranks|has|have|"
            "precedence|priority",
            rf"(?:[^\w]{{1,3}}(?:precedence|"
            rf"priority))?[^\w]{{1,3}}(?:over[^\w]{{1,3}})?{between(4)}(?:instructions?|prompts?|"
            rf"system|guidelines|told|earlier|developer|user|orders|brief)\b",
        ),
        _rule(
            "override",
            0.65,
            "gives new instructions",
            "new|updated|real|actual|following|revised|true|next",
            r"[^\w.!?]{1,4}(?:system[^\w]{1,3})?(?:instructions?|task|prompt|directive|objective|"
            r"goal|mission|orders)\b"
            r"[^\w]{0,4}(?:\w{1,20}[^\w]{1,3}){0,3}?(?:is|are|:|to)(?!\w)",
        ),
        _rule(
            "override",
            0.5,
            "gives new instructions",
            "your",
            r"[^\w.!?]{1,4}(?:new|only|sole|real|actual|updated|true|first|next)[^\w.!?]{1,4}"
            r"(?:task|job|role|purpose|goal|instructions?|objective|mission|duty|priority)\b",
        ),
        _rule(
            "override",
            0.4,
            "gives new instructions",
            "follow|obey|adopt|heed",
            rf"{between(2)}(?:these|this|those|mine|instead|following|instructions)\b",
            order=True,
        ),
        _rule(
            "override",
            0.3,
            "speaks of what comes from now on",
            "from|henceforth|hereafter|effective",
            r"(?:[^\w]{1,3}(?:now|here|this[^\w]{1,3}(?:point|moment))[^\w]{1,3}(?:on|onward|"
            r"onwards|forward|out)\b)?"
            r"[^\w]{1,4}(?:immediately\b|you|the[^\w]{1,3}assistant|every|all|answer|reply|"
            r"respond)\b",
        ),
        _rule(
            "override",
            0.6,
            "gives the model a part to play",
            "you",
            r"[^\w.!?]{1,4}(?:are|re|will[^\w]{1,3}be|must[^\w]{1,3}be|"
            r"have[^\w]{1,3}become)[^\w]{1,4}(?:now[^\w]{1,3}|no[^\w]{1,3}longer[^\w]{1,3})?"
            r"(?:an?|the|in|my)?[^\w]{0,4}(?:\w{1,20}[^\w.!?]{1,4}){0,3}?"
            r"(?:ai|assistant|chatbot|language[^\w]{1,3}model|bot|dan|jailbroken|unrestricted|"
            r"unfiltered|developer[^\w]{1,3}mode)\b",
        ),
        _rule(
            "override",
            0.5,
            "gives the model a part to play",
            "act|pretend|roleplay|behave|operate|pose",
            rf"{between(4)}(?:ai|assistant|unrestricted|unfiltered|dan|jailbroken|"
            rf"no[^\w]{{1,3}}rules|restrictions|system|model|character|persona)\b",
            order=True,
        ),
    ]


def _address() -> list[Rule]:
    what = "speaks to a language model"
    return [
        _rule(
            "address",
            0.6,
            what,
            "any|all|to|attention|dear|hey|note|notice|message|for|hello|important|"
            "instructions|reminder",
            r"[^\w]{1,4}(?:(?:to|for|any|all|the|every|each|you|large|automated)[^\w]{1,4}){0,3}"
            r"(?:ai|ais|llms?|chatbots?|language[^\w]{1,3}models?|ai[^\w]{1,3}(?:assistants?|"
            r"models?|agents?|systems?)|assistants?(?=\s*[:,(]))\b"
            r"(?=[^\w]{0,3}(?:[:,(]|reading|processing|that|which|parsing|who|summari|model|"
            r"assistant|agent|only))",
        ),
        _rule(
            "address",
            0.6,
            what,
            "if|as|since|because",
            r"[^\w]{1,4}(?:you|the[^\w]{1,3}reader)[^\w]{1,4}(?:are|re|is)[^\w]{1,4}(?:an?|"
            r"any)[^\w]{1,4}"
            r"(?:\w{1,20}[^\w]{1,4}){0,2}?(?:ai|llm|bot|chatbot|assistant|language[^\w]{1,3}model|"
            r"model|automated|machine)\b",
        ),
        _rule(
            "address",
            0.45,
            what,
            "ai|ais|llm|llms|chatbot|chatbots|bots|evaluators|assistant|assistants",
            r"(?:[^\w]{1,3}(?:agents?|models?|assistants?|systems?|readers?|reviewers?|"
            r"instructions?))?"
            rf"(?:{between(3)}(?:processing|reading|parsing|summari[sz]ing|evaluating|automated))?"
            r"[^\w]{0,4}(?::|(?:must|should|shall|has[^\w]{1,3}to|have[^\w]{1,3}to|"
            r"is[^\w]{1,3}(?:to|required|instructed)|will[^\w]{1,3}now|ought)\b)",
        ),
        _rule(
            "address",
            0.45,
            what,
            "language|ai|chat",
            r"[^\w]{1,3}(?:models?|assistants?|agents?|bots?)[^\w]{0,3}(?::|,?[^\w]{0,2}(?:must|"
            r"should|shall|please|you|ignore|stop)\b)",
        ),
        _rule(
            "address",
            0.4,
            what,
            "assistant",
            r"[^\w]{1,3}(?:says|replies|answers|responds|repl(?:y|ies)|outputs|"
            r"before[^\w]{1,3}you|your?)\b",
        ),
        _rule(
            "address",
            0.5,
            what,
            "assistant|ai|model|chatbot|llm|bot|agent|gpt",
            r"[^\w\s]?,[^\w]{1,3}(?:please|before|when|if|you|your|do|ignore|stop|say|answer|"
            r"reply|now|first|the|always|never)\b",
            order=True,
        ),
        _rule(
            "address",
            0.35,
            "speaks of what the user asks",
            "user",
            r"(?:['’]?s)?[^\w.!?]{1,4}(?:asks|asked|wants|question|query|is[^\w]{1,3}asking|"
            r"inquires|should|needs|message)\b",
        ),
        _rule(
            "address",
            0.4,
            "speaks of what to tell the user",
            "tell|inform|remind|convince|ask|warn|assure|urge|direct|advise|give|show|"
            "persuade|notify",
            r"[^\w]{1,4}(?:the|your|all|any|every)[^\w]{1,4}(?:users?|reader|customer|person|"
            r"human)\b",
            order=True,
        ),
        _rule(
            "override",
            0.6,
            "hides itself from the reader",
            "not",
            rf"[^\w]{{1,4}}(?:mention|reveal|disclose|tell|show|acknowledge|say)\b{between(4)}"
            r"(?:this[^\w]{1,3}(?:line|text|note|instruction|message|comment|passage|sentence)|"
            r"these[^\w]{1,3}instructions|the[^\w]{1,3}user)\b",
        ),
    ]


def _answers() -> list[Rule]:
    quoted = r"[^\w]{0,4}[\"“”'‘«`]"
    every = r"(?:every|each|all|any|whatever|whichever)\b"
    about = (
        r"(?:questions?|quer(?:y|ies)|answers?|repl(?:y|ies)|responses?|prompts?|requests?|"
        r"users?|messages?)\b"
    )
    when = (
        rf"(?:{between(3)}(?:asked|asks?|asking|queried|questioned|prompted|inquires|wonders)\b|"
        rf"{between(5)}(?:question|query|prompt|request)\b)"
    )
    return [
        _rule(
            "answer",
            0.5,
            "dictates the answer",
            _SAY,
            rf"{between(5)}(?:only|solely|exclusively|nothing|simply|exactly|verbatim|just)\b",
            order=True,
        ),
        _rule(
            "answer",
            0.65,
            "dictates the answer",
            "reply|respond|answer|output|say|print|write|return|repeat|emit",
            r"(?:[^\w]{1,4}(?:only|solely|always|exactly|simply|just|back|exclusively|to|all|"
            r"every|each|any|"
            r"questions?|queries|as|in|one)\b){0,5}"
            r"[^\w]{1,4}(?:with|by|the|in|as|using)?[^\w]{0,4}(?:the|a|one|single|this|following|"
            r"exact|code|only|single)?[^\w]{0,4}"
            r"(?:the|exact|single|one|following)?[^\w]{0,4}(?:words?|phrase|sentence|token|string|"
            r"text|code|message|line|name|characters?|answer)?" + quoted,
            order=True,
        ),
        _rule(
            "answer",
            0.6,
            "dictates the answer",
            "reply|respond|answer|output|say|print|write|return|repeat|emit",
            rf"{between(3)}(?:with|the|in|one|single|exact|"
            rf"following)[^\w.!?]{{1,4}}(?:\w{{1,12}}[^\w.!?]{{1,4}}){{0,2}}?"
            r"(?:words?|phrase|sentence|token|string)\b",
            order=True,
        ),
        _rule(
            "answer",
            0.6,
            "dictates every answer",
            "every|each|all|any|whatever|whichever|your",
            rf"[^\w.!?]{{1,4}}(?:\w{{1,20}}[^\w.!?]{{1,4}}){{0,2}}?{about}"
            rf"(?:{between(3)}(?:must|should|shall|has|have|needs?|will|always|"
            rf"ought)\b{between(2)})(?:{_SAY}|be|contain|conclude)\b",
        ),
        _rule(
            "answer",
            0.6,
            "dictates every answer",
            "answer|answers|reply|respond|begins|begin|start|ends|end|finish|preface|prefix|"
            "close|conclude",
            rf"{between(2)}{every}[^\w.!?]{{1,4}}(?:\w{{1,20}}[^\w.!?]{{1,4}}){{0,2}}?{about}{between(2)}(?:with|by|that|as|using|:)",
        ),
        _rule(
            "answer",
            0.75,
            "dictates every answer",
            "answer|reply|response|solution",
            rf"[^\w]{{1,4}}(?:to|for)[^\w]{{1,4}}(?:{every}|the|your|this|"
            rf"that)[^\w.!?]{{1,4}}(?:\w{{1,20}}[^\w.!?]{{1,4}}){{0,2}}?"
            rf"(?:questions|quer(?:y|ies)|user['’]?s?|prompts?|everything|(?<=every )question|"
            rf"(?<=any )question|(?<=each )question)\b"
            rf"(?:[^\w.!?]{{1,4}}(?:question|query|prompt|"
            rf"you[^\w]{{1,3}}\w{{1,12}}))?{between(3)}(?:is|are|must|will|should)\b",
        ),
        _rule(
            "answer",
            0.7,
            "dictates the answer",
            "when|whenever|if|whatever|no|regardless|anytime|once",
            when + rf"(?:{between(8)})(?:you[^\w]{{1,4}})?(?:must[^\w]{{1,4}}|should[^\w]{{1,4}}|"
            rf"always[^\w]{{1,4}}|please[^\w]{{1,4}}|"
            rf"shall[^\w]{{1,4}}|simply[^\w]{{1,4}}|just[^\w]{{1,4}}|only[^\w]{{1,4}}|"
            rf"the[^\w]{{1,4}}(?:right|correct|only)[^\w]{{1,4}})"
            rf"(?:{_SAY})\b",
        ),
        _rule(
            "answer",
            0.65,
            "dictates the answer",
            "when|whenever|if|whatever|no|regardless|anytime|once",
            when
            + r"(?:[^\w.!?]{1,5}\w{1,30}+){0,6}?,[^\w.!?]{1,3}(?:you[^\w]{1,3})?"
            + rf"(?:{_SAY})\b",
        ),
        _rule(
            "answer",
            0.5,
            "vouches for its own answer",
            "correct|right|final|verified|true|expected|official|only|best|real|actual|"
            "approved|definitive|ground",
            r"(?:[^\w.!?]{1,4}(?:and|truth|final|verified|correct|only))?[^\w.!?]{1,4}(?:answer|"
            r"reply|response|result|output)s?"
            r"(?:[^\w.!?]{1,4}(?:to|"
            r"for)[^\w.!?]{1,4}(?:\w[\w'’]{0,20}+[^\w.!?]{1,4}){0,4}?\w[\w'’]{0,20}+)?[^\w.!?:]{0,3}(?:\bis\b|:|\bmust\b|\bhas\b|\bwill\b)",
        ),
        _rule(
            "answer",
            0.35,
            "speaks of the user's question",
            "user's|user’s|users",
            r"[^\w]{1,4}(?:question|query|request|prompt|message|next)\b",
        ),
        _rule(
            "answer",
            0.5,
            "sets itself above other passages",
            "only|sole|single|most",
            rf"{between(2)}(?:verified|reliable|trusted|correct|valid|authoritative|trustworthy|"
            rf"up-to-date|current)[^\w]{{1,4}}"
            r"(?:source|passage|document|text|information|reference|one)s?\b",
        ),
        _rule(
            "answer",
            0.5,
            "sets itself above other passages",
            "other|others|remaining|further|rest",
            rf"(?:{between(3)}(?:passages?|documents?|sources|results|contexts?|texts?)\b|"
            rf"{between(1)}(?:contain|are|were))"
            rf"{between(5)}(?:wrong|errors?|outdated|false|fake|incorrect|unreliable|untrusted|"
            rf"trusted|ignored|needed|disregarded|obsolete|inaccurate|read|mistaken|skipped)\b",
        ),
        _rule(
            "answer",
            0.5,
            "speaks of the question put to the model",
            "question|query|prompt|instruction|conversation",
            r"[^\w]{1,4}(?:above|below|you[^\w]{1,3}(?:are|were)[^\w]{1,3}(?:asked|given)|"
            r"has[^\w]{1,3}(?:already[^\w]{1,3})?been[^\w]{1,3}answered|so[^\w]{1,3}far)\b",
        ),
        _rule(
            "answer",
            0.65,
            "says that the question is answered",
            "question|query",
            rf"{between(3)}(?:already|now)[^\w]{{1,4}}(?:been[^\w]{{1,4}})?(?:answered|settled|"
            rf"resolved|solved)\b",
        ),
        _rule(
            "answer",
            0.35,
            "dictates the answer",
            "copy|paste|repeat|quote|echo",
            rf"{between(3)}(?:that|it|this|verbatim|below|answer|following)\b",
            order=True,
        ),
        _rule(
            "answer",
            0.35,
            "ends what it was given",
            "no",
            rf"[^\w]{{1,3}}(?:further|more|other|need)\b{between(3)}(?:passages|documents|reading|"
            rf"context|search|sources|reasoning|read|look)\b",
        ),
        _rule(
            "answer",
            0.5,
            "asks and answers in the model's place",
            "what|which",
            r"[^\w]{1,4}(?:did|does|has|is)[^\w]{1,4}the[^\w]{1,4}user[^\w]{1,4}(?:ask|want|"
            r"asking|asked|asks)\b",
        ),
    ]


def _leaks() -> list[Rule]:
    show = (
        "reveal|print|repeat|show|output|display|list|disclose|dump|write|leak|translate|recite|echo|"
        "state|give|expose|share|summarize|summarise|return|provide|quote|reproduce|paste|type|spell|send|copy|describe|tell|include"
    )
    confidential = (
        r"(?:(?:system|initial|original|hidden|secret|internal|confidential|developer|your|base|"
        r"starting|first)[^\w]{1,4}"
        r"(?:\w{1,20}[^\w.!?]{1,4}){0,2}?(?:prompts?|messages?|instructions?|guidelines|rules|"
        r"configuration|directives|setup|parameters)\b|"
        r"(?:text|everything|words|all|content|lines?|message|instructions?|"
        r"conversation)[^\w]{1,4}(?:\w{1,12}[^\w.!?]{1,4}){0,2}?(?:above|before[^\w]{1,3}th(?:is|"
        r"at)|preceding|so[^\w]{1,3}far)\b|"
        r"(?:above|previous|preceding)[^\w]{1,4}(?:text|prompt|conversation|messages?|"
        r"instructions?)\b|"
        r"(?:api|secret|access)[^\w]{1,3}(?:keys?|tokens?)\b|context[^\w]{1,3}window\b|"
        r"chat[^\w]{1,3}(?:history|log)\b|"
        r"(?:other|all|retrieved|every)[^\w]{1,4}(?:\w{1,12}[^\w.!?]{1,4}){0,2}?(?:passages|"
        r"documents|context)\b)"
    )
    return [
        _rule(
            "leak",
            0.75,
            "asks for what the model was told",
            show,
            between(7) + confidential,
            order=True,
        ),
        _rule(
            "leak",
            0.5,
            "speaks of the prompt",
            "system|hidden|initial|secret|developer",
            r"[^\w]{1,3}(?:prompts?|instructions?)\b",
        ),
        _rule("leak", 0.4, "speaks of the prompt", "system|developer", r"[^\w]{1,3}messages?\b"),
        _rule(
            "leak",
            0.65,
            "asks for what the model was told",
            "what|which|whatever|how|instructions|guidelines|rules|prompt|everything|all|text",
            rf"{between(3)}(?:you)[^\w]{{1,4}}(?:were|are|have[^\w]{{1,3}}been|been|"
            rf"was)[^\w]{{1,4}}(?:told|given|instructed|shown|prompted|programmed)\b",
        ),
        _rule(
            "leak",
            0.65,
            "asks for what the model was told",
            "what|which",
            rf"{between(2)}(?:were|are|is)[^\w]{{1,4}}(?:you|your)[^\w]{{1,4}}(?:told|given|"
            rf"instructed|instructions|prompt|rules|guidelines)\b",
        ),
        _rule(
            "leak",
            0.4,
            "asks for word for word",
            "verbatim|word",
            r"(?:(?<=verbatim)|[^\w]{1,3}(?:for|by)[^\w]{1,3}word\b)",
        ),
        _rule(
            "leak",
            0.4,
            "poses as a test of the model",
            "debug|developer|maintenance|diagnostic|sudo|admin|god|test",
            r"[^\w]{1,3}(?:mode|override|session)\b(?:[^\w]{1,3}(?:is|on|enabled|active|activated|"
            r":)|[^\w]{0,3}:)",
        ),
    ]


def _tools() -> list[Rule]:
    do = "call|invoke|run|execute|use|trigger|launch|activate|perform"
    tool = (
        r"(?:functions?|tools?|commands?|shell|scripts?|plugins?|plug-ins?|api|browser|terminal|"
        r"bash|python|curl|powershell|"
        r"browsing|interpreter|endpoint|sql|\w{1,30}_\w{1,30})\b"
    )
    return [
        _rule("tool", 0.35, "has a tool called", do, between(4) + tool, order=True),
        _rule(
            "tool",
            0.6,
            "has a command run",
            "curl|wget|iwr|powershell",
            r"\b[^\n|]{0,200}\|\s{0,3}(?:sudo\s)?(?:ba|z)?(?:sh|iex|python3?)\b",
        ),
        _rule(
            "tool",
            0.6,
            "offers a tool",
            "you",
            rf"[^\w]{{1,3}}(?:now[^\w]{{1,3}})?have[^\w]{{1,3}}(?:now[^\w]{{1,3}})?(?:been[^\w]{{1,3}}(?:given|granted)[^\w]{{1,3}})?access[^\w]{{1,3}}to\b{between(4)}(?:tools?|functions?|plugins?|apis?|shell)\b",
        ),
        _rule(
            "tool",
            0.65,
            "has the model act",
            "executed|run|called|processed|performed|followed|obeyed|done",
            rf"[^\w]{{1,3}}by[^\w]{{1,3}}(?:the|any|every|an?|"
            rf"all)[^\w]{{1,3}}(?:language[^\w]{{1,3}})?(?:{_MODEL})\b",
        ),
        _rule(
            "tool",
            0.3,
            "has something done before or after the answer",
            "before|after|afterwards|then|once|and",
            rf"[^\w]{{1,4}}(?:you[^\w]{{1,3}}(?:reply|answer|respond)|(?:reply|answer|respond)ing|"
            rf"(?:{_SAY}|confirm)\b{between(3)}[\"“'])",
        ),
        _rule(
            "tool",
            0.5,
            "has the model act",
            "transfer|send|email|forward|post|delete|upload|exfiltrate|wire|purchase|buy|"
            "grant|approve",
            rf"{between(6)}(?:conversation|chat|history|api[^\w]{{1,3}}keys?|credentials|"
            rf"passwords?|users?[^\w]{{1,3}}(?:data|question|message)|secrets?)\b",
            order=True,
        ),
        _rule(
            "tool",
            0.6,
            "has the model act",
            "their|its|your",
            r"[^\w]{1,3}(?:browsing|browser|web|code|search|email|shell|file)[^\w]{1,3}(?:tools?|"
            r"functions?|interpreter|plugin|access)\b",
        ),
    ]


def _exfiltration() -> list[Rule]:
    add = (
        "append|include|embed|insert|render|add|show|send|cite|put|end|attach|display|fetch|load|"
        "open|visit|request|finish|close|post|navigate|point|always|link"
    )
    link = (
        r"(?:images?|links?|urls?|markdown|tags?|hyperlink|pixel|picture|https?|address|button|"
        r"webhook|logo|badge)\b"
    )
    private = (
        r"(?:users?|user['’]s|question|conversation|chat|keys?|secret|secrets|answer|reply|"
        r"response|customers?|session|"
        r"emails?|history|query|prompt|message|context|passwords?|names)\b"
    )
    return [
        _rule(
            "exfiltration",
            0.65,
            "has data carried off by a link",
            add,
            between(9) + link + between(14) + private,
            order=True,
        ),
        _rule(
            "exfiltration",
            0.65,
            "has data carried off by a link",
            add,
            between(9) + private + between(12) + link,
            order=True,
        ),
        _rule("exfiltration", 0.3, "wants a link shown", add, between(9) + link, order=True),
        _rule(
            "exfiltration",
            0.45,
            "wants a link shown in Markdown",
            add,
            rf"{between(4)}(?:markdown|html)[^\w]{{1,3}}(?:image|link|tag|button|badge)s?\b",
            order=True,
        ),
        _rule(
            "exfiltration",
            0.4,
            "has a link filled in",
            "replacing|replace|substitute|substituting|filling|filled|followed|encoded|"
            "encode|containing",
            rf"{between(6)}(?:{private}|base64|url|placeholder)",
        ),
    ]


SIGNS: Final = words(
    "scrap precedence supersedes unrestricted unfiltered jailbroken dan programming ignore "
    "disregard forget override overrule bypass discard neglect instruction instructions prompt "
    "prompts guidelines guidance directive directives directions orders told "
    "stop cease ai ais llm llms chatbot chatbots gpt chatgpt claude gemini copilot assistant "
    "assistants "
    " bot bots agent agents evaluators user users user's user’s question questions query queries "
    "answer answers answering reply replies respond response responses responds say says output "
    "print "
    "write tell inform recommend repeat copy reveal disclose verbatim hidden secret "
    "debug tool tools function functions command shell script browsing api curl execute executed "
    "invoke "
    "image link links url markdown embed append insert render replacing passages passage documents "
    " task pretend roleplay trusted verified correct asked asks conversation chat "
    "send email transfer delete henceforth mention claim confirm message"
)
"""Without one of these words no rule for English is looked for."""

ENGLISH: Final[tuple[Rule, ...]] = tuple(
    _override() + _address() + _answers() + _leaks() + _tools() + _exfiltration()
)
"""All rules for English."""
