"""What a rule is, and how many of them are looked for in one text in linear time.

A rule is a bounded pattern and the words that it can begin with. It is tried only where one of
these stands, and a text that holds more such places than any honest one is not looked at to its
end: that is a suspicion of its own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rag_router.filters.hostile.suspicion import Kind, Suspicion

__all__ = ["Rule", "Rules", "between", "can_order", "words", "words_of"]

_WORD: Final = re.compile(r"\w[\w'’]*+")
_LEADS: Final = frozenset(
    [
        "please",
        "now",
        "and",
        "then",
        "must",
        "should",
        "just",
        "always",
        "you",
        "simply",
        "also",
        "instead",
        "will",
        "shall",
        "only",
        "or",
        "kindly",
        "immediately",
        "first",
        "next",
        "so",
        "therefore",
        "assistant",
        "model",
        "ai",
        "again",
        "have",
        "has",
        "reply",
        "answer",
        "respond",
        "replying",
        "answering",
        "responding",
    ]
)
"""Words behind which a verb is an order, and not what somebody once did."""
_JOINING: Final = "'’/-_"
"""What ends no clause."""
_MOST: Final = 500
"""Places that are looked at in any text; one more for each twenty characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A pattern in folded text that begins with one of a few words.

    Attributes:
        kind: What such text tries.
        what: What was seen, in words.
        weight: How sure it makes alone, in [0, 1].
        anchors: The words, folded, that the pattern can begin with.
        pattern: Matched where such a word begins; takes bounded time at each place.
        order: Whether the word must stand where an order can: at the head of a sentence or
            clause, or behind words such as "please" and "must".
    """

    kind: Kind
    what: str
    weight: float
    anchors: frozenset[str]
    pattern: re.Pattern[str]
    order: bool = False


def words(text: str) -> frozenset[str]:
    """Return the words of a list that is written with spaces."""
    return frozenset(text.split())


def between(most: int) -> str:
    """Return the pattern of a gap of at most so many words within one sentence."""
    return rf"(?:[^\w.!?]{{1,5}}+[\w'’]{{1,30}}+){{0,{most}}}?[^\w.!?]{{1,5}}+"


def words_of(text: str) -> frozenset[str]:
    """Return the words that stand in a folded text."""
    return frozenset(_WORD.findall(text))


class Rules:
    """Rules by the words that they begin with.

    Args:
        rules: What is looked for.
        signs: Words without any of which a text is not looked at; none are the rules' own anchors.
    """

    def __init__(self, rules: Sequence[Rule], signs: frozenset[str] | None = None) -> None:
        by_word: dict[str, list[Rule]] = defaultdict(list)
        for rule in rules:
            for word in rule.anchors:
                by_word[word].append(rule)
        self._by_word: Mapping[str, tuple[Rule, ...]] = {w: tuple(r) for w, r in by_word.items()}
        self._signs = frozenset(by_word) if signs is None else signs

    def find(self, text: str, said: frozenset[str] | None = None) -> list[Suspicion]:
        """Find every rule's matches.

        Args:
            text: Folded; offsets are of this text.
            said: Its words, where they are known.
        """
        # Nearly all passages end here: none of their words is a sign.
        said = words_of(text) if said is None else said
        return [] if self._signs.isdisjoint(said) else list(self._matches(text, said))

    def _matches(self, text: str, said: frozenset[str]) -> Iterator[Suspicion]:
        tries, most = 0, _MOST + len(text) // 20
        for word in self._by_word.keys() & said:
            for start in _places(text, word):
                for rule in self._by_word[word]:
                    if rule.order and not can_order(text, start):
                        continue
                    tries += 1
                    if found := rule.pattern.match(text, start):
                        yield _suspicion(rule, found.start(), found.end())
                if tries > most:
                    yield _suspicion(_TOO_MUCH, 0, len(text))
                    return


def _places(text: str, word: str) -> Iterator[int]:
    """Offsets at which a word stands, and not only its letters."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        if not (_in_word(text, at - 1) or _in_word(text, end)):
            yield at
        at = text.find(word, end)


def _in_word(text: str, at: int) -> bool:
    return 0 <= at < len(text) and (text[at].isalnum() or text[at] == "_")


def can_order(text: str, start: int) -> bool:
    """Whether a clause begins at a word, or what stands before it leads to an order."""
    before = text[max(start - 40, 0) : start]
    lead = before.rstrip()
    if not lead or "\n" in before[len(lead) :]:
        return True
    if not (lead[-1].isalnum() or lead[-1] in _JOINING):
        return True
    return len(lead) < len(before) and lead.rsplit(None, 1)[-1] in _LEADS


def _suspicion(rule: Rule, start: int, end: int) -> Suspicion:
    return Suspicion(start=start, end=end, kind=rule.kind, weight=rule.weight, what=rule.what)


_TOO_MUCH: Final = Rule(
    kind="override",
    what="more orders than can be looked at",
    weight=0.8,
    anchors=frozenset(),
    pattern=re.compile(""),
)
