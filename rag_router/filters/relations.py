"""How two passages relate, as far as their words show: cheap evidence, no model asked.

The relations are those of COrg (Lee et al. 2025, "Generating answers from complex, interrelated
contexts", arXiv 2505.00023), where a language model finds a surface name and a descriptor in
every passage. Here the name is the document's title, the descriptor what stands in parentheses
behind it, or the years behind the name that the text begins with; and two passages contradict
each other where sentences that are otherwise alike hold another number or name in the same place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from rag_router.scoring import normalise
from rag_router.text import sentence_spans
from rag_router.types import Passage

__all__ = ["Bearer", "Filling", "bearer", "content_words", "other_filling"]

_DESCRIBED: Final = re.compile(r"(?P<name>[^()]+?)\s*\((?P<what>[^()]+)\)\s*")
_LEAD: Final = re.compile(r"\W{0,3}(?P<name>[^().]{2,80}?)\s*\((?P<what>[^()]{4,80})\)")
_YEAR: Final = re.compile(r"\b(?:1\d{3}|20\d{2})\b")
_ALIKE: Final = 0.6
_LONGEST_FILLING: Final = 6
_LONGEST_MIDDLE: Final = 60
_SENTENCES: Final = 12
_SENTENCE_WORDS: Final = 400
_WORDS: Final = """
    about after all also and are as at be been before but by can come did do does for from had has
    have he her his how i if in into is it its last many me most much my name of on one or our out
    she since so some than that their them there they this time to up us was we were what when
    where which who whom whose why will with would year you your
"""
_FUNCTION_WORDS: Final = frozenset(_WORDS.split())


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a passage speaks of: a name that others may bear too, and what tells them apart.

    Attributes:
        name: Normalised.
        what: Words of the title's descriptor, or years of the text's first name; empty if none.
        titled: Whether the title says so.
        shown: As it is written.
    """

    name: str
    what: frozenset[str]
    titled: bool
    shown: str

    def differs_from(self, other: Bearer) -> bool:
        """Whether both bear the same name and cannot be the same."""
        if self.name != other.name or self.titled != other.titled:
            return False
        if self.titled and bool(self.what) != bool(other.what):
            # Of two documents with one name, one needed a word more to be told from the other.
            return True
        return bool(self.what and other.what) and not self.what & other.what


def bearer(passage: Passage) -> Bearer | None:
    """Tell whom a passage speaks of; None where neither title nor first words say."""
    document = passage.title.split(" > ")[0].strip()
    lead = _LEAD.match(passage.text[:200])
    years = frozenset(_YEAR.findall(lead["what"])) if lead else frozenset[str]()
    if found := _DESCRIBED.fullmatch(document):
        what = frozenset(normalise(found["what"]).split())
        return Bearer(normalise(found["name"]), what, True, document)
    if lead and years and (not document or normalise(document) == normalise(lead["name"])):
        return Bearer(normalise(lead["name"]), years, False, f"{lead['name']} ({lead['what']})")
    return Bearer(normalise(document), frozenset(), True, document) if document else None


@dataclass(frozen=True, slots=True)
class Filling:
    """What two sentences that are otherwise alike hold in the same place."""

    left: str
    right: str


def other_filling(left: str, right: str, *, asked: frozenset[str]) -> Filling | None:
    """Find the first place where two texts say the same sentence of another number or name.

    Args:
        left: A text.
        right: Another.
        asked: Content words of the question; a sentence that holds none of them does not answer.
    """
    ours, theirs = list(_sentences(left)), list(_sentences(right))
    for one in ours:
        for other in theirs:
            if one.words == other.words or not one.alike(other) or not asked & one.bag.keys():
                continue
            for found in one.differences(other):
                # What stands elsewhere in the other text is not denied there.
                if not _holds(right, found.left) and not _holds(left, found.right):
                    return found
    return None


def content_words(text: str) -> frozenset[str]:
    """The words of a text that are not function words, normalised."""
    return frozenset(normalise(text).split()) - _FUNCTION_WORDS


@dataclass(frozen=True, slots=True)
class _Sentence:
    raw: tuple[str, ...]
    words: tuple[str, ...]
    bag: Counter[str]

    def alike(self, other: _Sentence) -> bool:
        shared = sum((self.bag & other.bag).values())
        return shared >= _ALIKE * max(len(self.words), len(other.words))

    def differences(self, other: _Sentence) -> Iterator[Filling]:
        """Other words in the same place, where they are numbers or names."""
        start, ends = 0, (len(self.words), len(other.words))
        while start < min(ends) and self.words[start] == other.words[start]:
            start += 1
        while start < min(ends) and self.words[ends[0] - 1] == other.words[ends[1] - 1]:
            ends = (ends[0] - 1, ends[1] - 1)
        # Aligning takes the square of what is aligned.
        if max(ends) - start > _LONGEST_MIDDLE:
            return
        ours, theirs = self.words[start : ends[0]], other.words[start : ends[1]]
        aligned = SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
        for kind, a, b, c, d in aligned:
            sizes = (b - a, d - c)
            if kind != "replace" or max(sizes) > _LONGEST_FILLING:
                continue
            left = self.raw[start + a : start + b]
            right = other.raw[start + c : start + d]
            if _is_filling(left, at=start + a) and _is_filling(right, at=start + c):
                yield Filling(_plain(left), _plain(right))


def _sentences(text: str) -> Iterator[_Sentence]:
    for start, end in sentence_spans(text)[:_SENTENCES]:
        pairs = [(raw, normalise(raw)) for raw in text[start:end].split()[:_SENTENCE_WORDS]]
        pairs = [(raw, word) for raw, word in pairs if word]
        words = tuple(word for _, word in pairs)
        yield _Sentence(tuple(raw for raw, _ in pairs), words, Counter(words))


def _is_filling(raw: tuple[str, ...], *, at: int) -> bool:
    """Whether the words are a number or a name; any word that begins a sentence is upper case."""
    return any(
        any(c.isdigit() for c in word) or (at + n > 0 and word.lstrip("\"'“‘(")[:1].isupper())
        for n, word in enumerate(raw)
    )


def _plain(raw: tuple[str, ...]) -> str:
    return " ".join(raw).strip(" .,;:!?\"'“”‘’()")


def _holds(text: str, words: str) -> bool:
    return f" {normalise(words)} " in f" {normalise(text)} "
