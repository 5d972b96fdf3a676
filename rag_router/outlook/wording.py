"""What the words of question, answer and passages tell, without any model.

Questions that a passage cannot answer differ from those that it can by a name, a number or a word
that is not in it (Rajpurkar, Jia and Liang 2018, "Know what you don't know: unanswerable questions
for SQuAD", arXiv 1806.03822).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from rag_router.scoring import holds_answer, normalise
from rag_router.text import sentence_spans

__all__ = ["fits_kind", "same_answer", "sentence_holding", "share_held", "share_of_names_held"]

_LITTLE_WORDS: Final = """
    what which who whom whose when where why how many much is are was were do does did has have had
    be been being can could will would shall should may might must of in on at to for from by with
    as and or but not no it its that this these those there their his her he she they them you your
    we our i my me
"""
_LITTLE: Final = frozenset(_LITTLE_WORDS.split())
_NUMBER_WORDS: Final = """
    one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred
    thousand million billion once twice today half january february march april may june july august
    september october november december spring summer autumn winter century
"""
_NUMBERS: Final = tuple(_NUMBER_WORDS.split())
_NAME: Final = re.compile(r"(?<=\s)[A-Z][\w'’-]*|\b\d[\w.,]*")


def share_held(words_of: str, text: str) -> float:
    """Share of a text's words of content that another text holds, in [0, 1]; 1 where it has none.

    A word is held where one begins with its first five letters, so that endings do not matter.
    """
    wanted = _content(words_of)
    return _share((word[:5] for word in wanted), {word[:5] for word in _content(text)})


def share_of_names_held(question: str, text: str) -> float:
    """Share of a question's names and numbers that a text holds, in [0, 1]; 1 where it has none."""
    named = [word for found in _NAME.findall(question) for word in normalise(found).split()]
    wanted = [word for word in named if word not in _LITTLE]
    return _share(wanted, set(normalise(text).split()))


def fits_kind(question: str, answer: str) -> bool:
    """Whether an answer is of the kind asked for, as far as that is plain: numbers and names."""
    asked = f" {normalise(question)} "
    has_digit = any(c.isdigit() for c in answer)
    if any(f" {words} " in asked for words in ("when", "how many", "how much", "what year")):
        return has_digit or any(f" {word} " in f" {normalise(answer)} " for word in _NUMBERS)
    if " who " in asked or " whose " in asked:
        return any(c.isupper() for c in answer) and not answer.strip()[:1].isdigit()
    return True


def same_answer(one: str, other: str) -> bool:
    """Whether two answers say the same: one holds the other's words; empty ones say nothing."""
    if not normalise(one) or not normalise(other):
        return False
    return holds_answer(one, [other]) or holds_answer(other, [one])


def sentence_holding(answer: str, texts: Sequence[str]) -> str:
    """First sentence that holds an answer as whole words; empty where none does."""
    for text in texts:
        for start, end in sentence_spans(text):
            if holds_answer(text[start:end], [answer]):
                return text[start:end]
    return ""


def _content(text: str) -> list[str]:
    return [word for word in normalise(text).split() if word not in _LITTLE]


def _share(wanted: Iterable[str], held: set[str]) -> float:
    asked = list(wanted)
    return sum(word in held for word in asked) / len(asked) if asked else 1.0
