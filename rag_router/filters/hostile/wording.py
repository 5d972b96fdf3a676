"""How a sentence is worded, as the features of a linear model.

Two kinds of features: hashed ones (words, pieces of words, pairs of words; Weinberger et al. 2009,
arXiv 0902.2206) carry what was learned of wordings, and a few made by hand carry over to words
that were never seen: which classes of words and signs stand in the sentence, which of them stand
together, and which stand where an order can. What a word adds does not depend on the sentence, so
that it is worked out once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final
from zlib import crc32

__all__ = [
    "BITS",
    "HASHED",
    "LEADS",
    "PAIRS",
    "SPREAD",
    "WIDTH",
    "bits_of",
    "features_of",
    "hand_features",
    "lead_bits",
    "pairs_of",
    "signs_of",
    "tokens_of",
    "word_code",
    "word_pieces",
]

HASHED: Final = 1 << 16
"""Hashed features."""
_TOKEN: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+|[^\w\s]|_")
_LONGEST: Final = 24
"""Letters of a word that pieces are made of; runs of Chinese have no spaces."""
SPREAD: Final = 0x9E3779B1
"""What the code of a word is multiplied by to be one half of a pair."""
_CLASSES: Final[dict[str, str]] = {
    "answers and questions": "answer answers answered answering reply replies replied replying "
    "response responses respond responds query queries question questions prompt prompts "
    "conversation chat request requested output outputs task enquiry summary summaries summarise "
    "summarises summarising summarize summarizes summarizing asked asks asking solution verdict "
    "conclusion digest",
    "a machine": "user users user's assistant assistants ai llm llms model models bot bots chatbot "
    "chatbots agent agents machine machines crawler crawlers summariser summarizer summarizers "
    "system automated operator language program robot",
    "readers": "reader readers reader's customer customers visitor visitors person people anyone "
    "anybody whoever everyone everybody someone somebody caller client he she they them",
    "you": "you your yours yourself",
    "saying": "say tell write reply answer print output respond state mention include add repeat "
    "name claim report inform recommend praise advertise promote quote display show append "
    "announce emit produce return give insist assert confirm advise suggest credit cite sign "
    "finish end close begin start conclude open greet compose speak put insert steer favour prefer "
    "rank rate endorse thank paste echo recite reveal disclose list dump",
    "doing": "call run execute invoke click visit fetch send forward use book buy delete post "
    "trigger follow obey comply decode decipher translate reverse transfer attach save remember "
    "render load encode collect act pretend imagine behave treat consider trust keep",
    "dropping": "ignore disregard forget skip drop abandon cancel cancelled override overrides "
    "replace replaced overwrite void stop discard omit obsolete expired superseded lifted withdrawn"
    " aside longer supersedes cease",
    "having to": "must should shall ought has have required expected requested needs need wants "
    "essential mandatory permitted allowed duty obliged supposed",
    "whatever": "whatever regardless always every any all only never nothing solely exclusively "
    "matter else instead each sole single just merely whichever wherever whenever but",
    "this text": "passage passages document documents source sources page text paragraph context "
    "article note notice entry here this these",
    "a condition": "if when once unless should upon before after until case",
    "what stands before": "previous prior earlier above before preceding preceded beginning "
    "initial first begun hitherto original old so far",
    "an appeal": "please kindly dear attention important urgent note now immediately emergency "
    "warning hello favour grateful",
    "rules": "instruction instructions instructed rules rule guidelines guideline policy orders "
    "order directions directive directives configuration configured restrictions brief assignment "
    "admin administrator developer developers supervisor hidden secret role mode",
    "what is true": "correct right true wrong false incorrect valid acceptable outdated certain "
    "official forged best winner discovered reliable permissible",
}
_SIGNS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("words in quotation marks", re.compile(r"[\"“«„‘`「][^\"”»“’`\n」]{2,80}[\"”»“’`」]")),
    ("an address", re.compile(r"https?://|www\.|\b\w{2,30}\.(?:com|org|net|example|io)\b")),
    (
        "an address with a blank",
        re.compile(r"[?&]\w{0,20}=(?:$|[\s\"')\]]|[<{\[$(A-Z]|\w{0,12}[<{\[$])"),
    ),
    ("a tag", re.compile(r"<[^<>\s][^<>]{0,60}>")),
    ("braces", re.compile(r"[\[{|]")),
    ("capitals", re.compile(r"(?<![A-Za-z])[A-Z]{4,}")),
    ("a call", re.compile(r"\w\([^()]{0,60}\)|\w_\w")),
    ("a speaker", re.compile(r"\A[^\w]{0,4}\w{1,15}(?: \w{1,15})?[^\w:]{0,3}:")),
    ("a colon", re.compile(r":")),
    ("a question mark", re.compile(r"\?")),
    ("a long number", re.compile(r"\d{4}")),
)
BITS: Final = (*_CLASSES, *(name for name, _ in _SIGNS))
"""What the features made by hand tell of, in words; bit n is whether it is there."""
PAIRS: Final = HASHED + len(BITS)
"""Where the features of two that stand together begin."""
LEADS: Final = PAIRS + len(BITS) * len(BITS)
"""Where the features begin that tell what stands where an order can."""
WIDTH: Final = LEADS + len(BITS)
_BITS_OF_WORDS: Final[dict[str, int]] = {}
for _at, _listed in enumerate(_CLASSES.values()):
    for _word in _listed.split():
        _BITS_OF_WORDS[_word] = _BITS_OF_WORDS.get(_word, 0) | 1 << _at
_BEFORE_ORDERS: Final = frozenset(":;,-–—(\"“«!?.'‘>]*")


def tokens_of(text: str, start: int, end: int) -> list[str]:
    """Return the words and signs of a stretch of a folded text."""
    return _TOKEN.findall(text, start, end)


def word_code(word: str) -> int:
    """Return a number that stands for a word in pairs, the same on every machine."""
    return crc32(("0" if word.isdigit() else word).encode("utf-8", "replace"))


def word_pieces(word: str) -> list[int]:
    """Return the hashed features of one word: itself, and runs of its letters."""
    if word.isdigit():
        word = "0"
    edged = f"<{word[:_LONGEST]}>"
    lengths = (3, 4) if word.isascii() else (2, 3)
    runs = (
        edged[at : at + n] for n in lengths for at in range(len(edged) - n + 1) if len(word) > 1
    )
    codes = [crc32(f"#{run}".encode("utf-8", "replace")) for run in runs]
    return [code % HASHED for code in (word_code(word), *codes)]


def pairs_of(codes: Sequence[int]) -> Iterator[int]:
    """Yield the hashed features of words that stand side by side, or but one apart.

    Args:
        codes: Of the words, in order.
    """
    # The sum is taken apart again by the product, so that a pair is none of two other words.
    last = before = 1
    for code in codes:
        yield ((last * SPREAD + code) & 0xFFFFFFFF) >> 16
        yield ((before * SPREAD + code * 3) & 0xFFFFFFFF) >> 16
        before, last = last, code


def bits_of(word: str) -> int:
    """Return the classes of a folded word."""
    return _BITS_OF_WORDS.get(word, 0)


def lead_bits(tokens: Sequence[str], bits: Sequence[int]) -> int:
    """Return the classes of words that stand where an order can: at the head of a clause."""
    lead = bits[0] if bits else 0
    for at in range(1, len(tokens)):
        if bits[at] and tokens[at - 1] in _BEFORE_ORDERS:
            lead |= bits[at]
    return lead


def signs_of(original: str) -> int:
    """Return the bits of the signs in a sentence with its capitals."""
    found, bit = 0, 1 << len(_CLASSES)
    for _, pattern in _SIGNS:
        if pattern.search(original):
            found |= bit
        bit <<= 1
    return found


def hand_features(bits: int, lead: int) -> Iterator[int]:
    """Yield the features made by hand that bits stand for."""
    there = [at for at in range(len(BITS)) if bits >> at & 1]
    for n, at in enumerate(there):
        yield HASHED + at
        for other in there[n + 1 :]:
            yield PAIRS + at * len(BITS) + other
        if lead >> at & 1:
            yield LEADS + at


def features_of(text: str, original: str, start: int, end: int) -> tuple[list[int], list[int], int]:
    """Return the hashed features of a stretch, those made by hand, and how many words it has."""
    tokens = tokens_of(text, start, end)
    codes = [word_code(token) for token in tokens]
    bits = [bits_of(token) for token in tokens]
    hashed = [piece for token in tokens for piece in word_pieces(token)] + list(pairs_of(codes))
    there = signs_of(original[start:end])
    for one in bits:
        there |= one
    return hashed, list(hand_features(there, lead_bits(tokens, bits))), len(tokens)
