"""Where answers occur in a passage, and the passage with something else in their place.

A mention is an alias as whole words, in any case, with any white space between its words and any
kind of quote or dash. Longer aliases win, so that "York" is not found inside "New York".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rag_router.scoring import holds_answer, normalise
from rag_router.text import sentence_spans

__all__ = [
    "Mention",
    "composed",
    "find_mentions",
    "replace_mentions",
    "still_says",
    "usable_aliases",
]

_QUOTES, _DASHES = "'’‘`´", "-‐‑–—−"
_ANY: Final = {c: f"[{re.escape(some)}]" for some in (_QUOTES, _DASHES) for c in some}
# Neither a part of a word, nor of a longer number: "4" is not in "4.8", "1,400" or "24".
_BEFORE: Final = r"(?<!\w)(?<!\d[.,])"
_AFTER: Final = r"(?!\w)"
_NO_MORE_DIGITS: Final = r"(?![.,]\d)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """One occurrence of an answer.

    Attributes:
        start: Character offset in the composed text.
        end: Offset behind it.
        text: As it is spelled there.
        alias: The alias it is an occurrence of.
    """

    start: int
    end: int
    text: str
    alias: str


def composed(text: str) -> str:
    """Return a text in Unicode's composed form (NFC); all offsets count its characters."""
    return unicodedata.normalize("NFC", text)


def usable_aliases(answers: Iterable[str]) -> tuple[str, ...]:
    """Return the answers that can be found, longest first, without what does not belong to them.

    Surrounding quotes, commas and white space go, a possessive "'s" and a final full stop too, and
    answers that normalise to nothing. Two words or more behind an article are found without it,
    too; a single one is not, since "The Who" is a name and "who" is none.
    """
    found: dict[str, None] = {}
    for answer in answers:
        alias = _stripped(composed(answer))
        if not normalise(alias):
            continue
        found[alias] = None
        article, _, rest = alias.partition(" ")
        if article.lower() in {"the", "a", "an"} and len(normalise(rest).split()) > 1:
            found[rest] = None
    return tuple(sorted(found, key=lambda alias: (-len(alias), alias)))


def find_mentions(text: str, aliases: Sequence[str]) -> list[Mention]:
    """Find all occurrences of the aliases, from left to right; none overlap.

    Args:
        text: Composed text.
        aliases: As `usable_aliases` returns them.
    """
    if not aliases:
        return []
    ordered = sorted(set(aliases), key=lambda alias: (-len(alias), alias))
    # One group for each alias, so that the match tells which one it is.
    pattern = re.compile(
        f"{_BEFORE}(?:{'|'.join(f'({_one(alias)})' for alias in ordered)}){_AFTER}", re.IGNORECASE
    )
    mentions = []
    for match in pattern.finditer(text):
        said = match.group()
        alias = said if said in aliases else ordered[(match.lastindex or 1) - 1]
        mentions.append(Mention(start=match.start(), end=match.end(), text=said, alias=alias))
    return mentions


def replace_mentions(text: str, mentions: Sequence[Mention], substitute: str) -> str:
    """Put the substitute in the place of every mention, in the same case where case says something.

    What follows a mention stays, such as the "'s" of a possessive, and so do articles.
    """
    parts, end = [], 0
    for mention in mentions:
        parts += [text[end : mention.start], _in_case_of(mention, text, substitute)]
        end = mention.end
    return "".join((*parts, text[end:]))


def still_says(text: str, aliases: Sequence[str]) -> bool:
    """Whether a text says an alias, as it is spelled or once both are normalised.

    Normalised, "U.S." is "us": what is scored so must not stay, even if it is another word.
    """
    return holds_answer(text, aliases) or bool(find_mentions(text, aliases))


def _in_case_of(mention: Mention, text: str, substitute: str) -> str:
    """Shout where only the passage shouts, and begin sentences with a capital."""
    said, alias = mention.text, mention.alias
    if said.isupper() and not alias.isupper():
        return substitute.upper()
    if said.islower() and not alias.islower():
        return substitute.lower()
    raised = said[:1].isupper() and alias[:1].islower()
    if raised or (substitute[:1].islower() and not said[:1].islower() and _begins(text, mention)):
        return substitute[:1].upper() + substitute[1:]
    return substitute


def _begins(text: str, mention: Mention) -> bool:
    """Whether a sentence begins with the mention."""
    return any(start == mention.start for start, _ in sentence_spans(text))


def _one(alias: str) -> str:
    words = ("".join(_ANY.get(c, re.escape(c)) for c in word) for word in alias.split())
    return r"\s+".join(words) + (_NO_MORE_DIGITS if alias[-1:].isdigit() else "")


def _stripped(answer: str) -> str:
    alias = " ".join(answer.split()).strip(' ,;:"“”')
    alias = re.sub(r"['’]s$", "", alias)
    # The full stop of a sentence, but not that of "U.S.", "Inc." or "Jr.".
    last = alias.rsplit(" ", 1)[-1]
    if last.endswith(".") and last.count(".") == 1 and len(last) > 4:
        alias = alias[:-1]
    return alias
