"""What "right" means, once.

Normalisation is SQuAD's (Rajpurkar et al. 2016, arXiv 1606.05250): lower case, no punctuation,
no English articles, single spaces. The default measure of correctness is *alias match*: a gold
alias occurs, as whole words, in the first line of the answer, cut at 12 words, so that an answer
which lists everything wins nothing.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterable

__all__ = [
    "alias_match",
    "exact_match",
    "first_line",
    "first_words",
    "holds_answer",
    "normalise",
    "token_f1",
]

WORDS_READ = 12
"""Words of an answer that count for `alias_match`."""

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation + "‘’“”„«»–—…")


def normalise(text: str) -> str:
    """Lower-case, drop punctuation and English articles, squeeze spaces.

    Unicode is brought to NFKC first, so that full-width digits and ligatures compare equal.
    Accents are kept: "Röntgen" and "Rontgen" are different spellings, and aliases list both.
    """
    text = unicodedata.normalize("NFKC", text).lower()
    text = _ARTICLES.sub(" ", text.translate(_PUNCTUATION))
    return " ".join(text.split())


def first_line(text: str | None) -> str:
    """First line of `text` that says anything, as it stands; empty where none does."""
    return next((line for line in (text or "").splitlines() if line.strip()), "")


def first_words(text: str, words: int = WORDS_READ) -> str:
    """First non-empty line of `text`, normalised and cut at `words` words."""
    return " ".join(normalise(first_line(text)).split()[:words])


def alias_match(answer: str | None, aliases: Iterable[str]) -> bool:
    """Whether a gold alias occurs as whole words at the start of the answer.

    Aliases that normalise to nothing ("The", "?") never match.
    """
    if not answer:
        return False
    return _says(first_words(answer), aliases)


def holds_answer(text: str, aliases: Iterable[str]) -> bool:
    """Whether an alias occurs as whole words anywhere in a text, such as a passage."""
    return _says(normalise(text), aliases)


def _says(normalised: str, aliases: Iterable[str]) -> bool:
    said = f" {normalised} "
    return any(f" {alias} " in said for alias in map(normalise, aliases) if alias)


def exact_match(answer: str | None, aliases: Iterable[str]) -> bool:
    """Whether the first line of the answer is a gold alias and nothing else."""
    said = normalise(first_line(answer))
    return bool(said) and any(said == normalise(alias) for alias in aliases)


def token_f1(answer: str | None, aliases: Iterable[str]) -> float:
    """Best harmonic mean of token precision and recall over the aliases, in [0, 1]."""
    said = normalise(answer or "").split()
    return max((_f1(said, normalise(alias).split()) for alias in aliases), default=0.0)


def _f1(said: list[str], gold: list[str]) -> float:
    common = sum((Counter(said) & Counter(gold)).values())
    if not common:
        return 0.0
    precision, recall = common / len(said), common / len(gold)
    return 2 * precision * recall / (precision + recall)
