"""What in a question refers to something said before, and the names it could refer to."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["is_fragment", "names_in", "pronouns_in", "refers_back", "with_name"]

_PERSONAL: Final = "it its itself he him his himself she her hers herself they them their theirs"
_PRONOUNS: Final = frozenset(_PERSONAL.split())
_POSSESSIVE: Final = frozenset({"its", "his", "their", "her"})
# "that" before a noun or a clause is no pronoun; behind these words, or at the end, it is one.
_DEMONSTRATIVE: Final = re.compile(
    r"\b(?:is|are|was|were|does|did|do|about|of|than|like|after|before|since|for|why|how|call)\s+"
    r"(?:that|this|these|those)\b|\b(?:that|this|these|those)\s*[?.!]?$|^(?:that|this|these|those)\b"
    r"|\b(?:live|lives|lived|there|happen|happened|stay|go|went|born|died|work|works)\s+there\b"
    r"|(?<!is )(?<!are )(?<!was )(?<!were )\bthere\s*[?.!]?$",
    re.IGNORECASE,
)
_ELSEWHERE: Final = re.compile(
    r"\b(?:the (?:same|former|latter|first one|second one|last one|other one|other)|that one|"
    r"this one|the ones|above|aforementioned|you (?:said|mentioned|just))\b",
    re.IGNORECASE,
)
_OPENINGS: Final = re.compile(
    r"^(?:and|or|but|also|so|then|(?:and |but )?(?:what|how) about|why not|tell me more|go on|"
    r"continue|more)\b",
    re.IGNORECASE,
)
_FRAGMENTS: Final = frozenset(
    [
        "why",
        "when",
        "where",
        "who",
        "how",
        "whom",
        "which",
        "what",
        "really",
        "since",
        "until",
        "because",
    ]
)
_ENOUGH_WORDS: Final = 3
# It rains, it is true that: nobody is meant.
_NOBODY: Final = re.compile(
    r"\b(?:is|was) it (?:true|possible|raining|snowing|safe|legal|common|necessary|important)\b|"
    r"\bwhat time (?:is|was) it\b|\bhow (?:far|long) (?:is|does) it (?:take|to)\b|\bit takes\b",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SMALL: Final = frozenset(
    ["of", "the", "de", "da", "di", "del", "la", "le", "van", "von", "der", "den", "and", "y", "e"]
)
_NAME: Final = re.compile(
    r"[^\W\d_a-zß-öø-ÿ][\w'’.-]*(?:\s+(?:(?:of|the|de|da|di|del|la|le|van|von|der|den)\s+)*"
    r"[^\W\d_a-zß-öø-ÿ][\w'’.-]*)*"
)


def refers_back(question: str) -> bool:
    """Whether it cannot be understood without what was said before."""
    if _OPENINGS.match(question) or _ELSEWHERE.search(question):
        return True
    if _DEMONSTRATIVE.search(question):
        return True
    return bool(pronouns_in(question))


def is_fragment(question: str) -> bool:
    """Whether it is less than a question: a word or two that ask more of what was said."""
    words = [word.lower() for word in _WORD.findall(question)]
    if not words or _OPENINGS.match(question):
        return True
    asking = words[0] in _FRAGMENTS or words[0] in {"by", "in", "from", "for", "with", "at"}
    return len(words) < _ENOUGH_WORDS and asking


def pronouns_in(question: str) -> list[str]:
    """Return the pronouns that nothing before them in the question can be meant by."""
    out: list[str] = []
    if _NOBODY.search(question):
        return out
    named = False
    for number, found in enumerate(_WORD.finditer(question)):
        word = found.group()
        if word.lower() in _PRONOUNS:
            if not named:
                out.append(word.lower())
        elif number and ((word[0].isupper() and word != "I") or word.isdigit()):
            named = True
    return out


def names_in(question: str, *, everywhere: bool = False) -> list[str]:
    """Return the runs of capitalised words, without the one that begins the sentence.

    Args:
        question: What is asked.
        everywhere: Whether the first words count, too.
    """
    found = []
    for one in _NAME.finditer(question):
        name = one.group().rstrip(".'’-")
        if one.start() == 0 and not everywhere:
            # The first word of a sentence is capitalised whatever it is.
            _, _, name = name.partition(" ")
        name = name.removesuffix("'s").removesuffix("’s")
        if name and name != "I" and name.lower() not in _SMALL and name not in found:
            found.append(name)
    return found


def with_name(question: str, pronoun: str, name: str) -> str:
    """Put a name in the place of a pronoun: "its" becomes "the name's"."""
    own = name + ("'" if name.endswith("s") else "'s")
    words = re.compile(rf"\b{pronoun}\b", re.IGNORECASE)

    def put(found: re.Match[str]) -> str:
        after = question[found.end() :].lstrip()
        # "her" is both: before a word it is what she has, at the end it is she.
        possessive = pronoun in _POSSESSIVE and (pronoun != "her" or after[:1].isalpha())
        return own if possessive else name

    return words.sub(put, question)
