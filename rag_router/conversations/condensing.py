"""A question of a conversation, made into one that stands by itself.

Rules come first, since they are right where they apply and cost nothing: a question that refers to
nothing outside of itself is left as it is; "and Italy?" puts another name into the question
before; a pronoun gives way to the name it can only stand for. What no rule covers is written anew
by the generator, and what it writes is taken only if it keeps to the words of the conversation.
Where that fails, too, the question stays, and what was asked before it is searched for with it.

A question with several aspects is searched for once for each of them. English only: in other
languages questions stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rag_router.conversations.aspects import aspects_of
from rag_router.conversations.referring import (
    is_fragment,
    names_in,
    pronouns_in,
    refers_back,
    with_name,
)
from rag_router.conversations.turns import Turn
from rag_router.models.prompts import Inquiry

__all__ = ["STANDALONE", "Standalone", "condense"]

Write = Callable[[Inquiry, Sequence[str]], str]
"""Writes a line; empty where nothing could be written."""

STANDALONE: Final = Inquiry(
    name="standalone_question",
    instruction="Write the last question so that it can be understood without what came before.",
    cue="Standalone question:",
    examples=(
        (
            (
                "User: Who painted the Mona Lisa?",
                "Assistant: Leonardo da Vinci",
                "User: In which town did he die?",
            ),
            "In which town did Leonardo da Vinci die?",
        ),
        (
            (
                "User: How long is the river Rhine?",
                "Assistant: 1,230 km",
                "User: Is that longer than the Elbe?",
            ),
            "Is the river Rhine longer than the Elbe?",
        ),
        (
            (
                "User: When was the telephone invented?",
                "Assistant: 1876",
                "User: By whom?",
            ),
            "By whom was the telephone invented?",
        ),
    ),
)

_SHOWN_TURNS: Final = 4
_SHOWN_CHARACTERS: Final = 300
_LONGEST_NAME: Final = 6
_INSTEAD: Final = re.compile(
    r"^(?:and|or|but|so)?\s*,?\s*(?:what|how)\s+about\s+|^(?:and|or)\s+", re.IGNORECASE
)
_LEADS: Final = re.compile(r"^(?:in|for|of|with|at|on|from|to|by|the)\s+", re.IGNORECASE)
_PERSONS: Final = frozenset({"he", "him", "his", "she", "her", "hers"})
_SEVERAL: Final = frozenset({"they", "them", "their", "theirs"})
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Standalone:
    """A question that stands by itself.

    Attributes:
        question: The question.
        queries: What to search for; empty where the question itself is enough.
        how: Whether it is as it was asked, put together by a rule, or written by the generator.
    """

    question: str
    queries: tuple[str, ...] = ()
    how: Literal["asked", "rule", "written"] = "asked"


def condense(asked: str, before: Sequence[Turn], write: Write) -> Standalone:
    """Make the last question of a conversation one that stands by itself.

    Args:
        asked: The question.
        before: What was said before, the oldest first.
        write: Asked where no rule applies.
    """
    asked = " ".join(asked.split())
    questions = [turn.text for turn in before if turn.who == "user" and turn.text.strip()]
    if not questions or not (refers_back(asked) or is_fragment(asked)):
        return Standalone(asked, aspects_of(asked))
    if ruled := _by_rule(asked, before):
        return Standalone(ruled, aspects_of(ruled), "rule")
    written = _cleaned(write(STANDALONE, _shown(asked, before)))
    if written and _keeps_to(written, asked, before):
        return Standalone(written, aspects_of(written), "written")
    return Standalone(asked, (asked, f"{' '.join(questions[-1].split())} {asked}"))


def _by_rule(asked: str, before: Sequence[Turn]) -> str:
    """Put a name where the question before, or this one, needs it; empty where it is not plain."""
    question = next(turn.text for turn in reversed(before) if turn.who == "user")
    question = " ".join(question.split())
    answer = before[-1].text if before[-1].who == "assistant" else ""
    if instead := _named_instead(asked):
        names = names_in(question)
        if len(names) != 1 or refers_back(question):
            return ""
        return question.replace(names[0], instead, 1)
    pronouns = pronouns_in(asked)
    if is_fragment(asked) or len(set(pronouns)) != 1:
        return ""
    name = _meant(pronouns[0], question, answer)
    return with_name(asked, pronouns[0], name) if name else ""


def _named_instead(asked: str) -> str:
    """What "what about X?" names; empty where it is no name alone."""
    found = _INSTEAD.match(asked)
    if found is None:
        return ""
    rest = _LEADS.sub("", asked[found.end() :].strip(" ?.!"))
    names = names_in(f". {rest}", everywhere=True)
    return rest if names == [rest] and len(rest.split()) <= _LONGEST_NAME else ""


def _meant(pronoun: str, question: str, answer: str) -> str:
    """Whom a pronoun can only stand for; empty where there is a choice."""
    in_question = names_in(question)
    said = answer.strip().rstrip(".")
    # An answer that is a name and no more has just brought somebody up.
    in_answer = said if names_in(f". {said}", everywhere=True) == [said] else ""
    first = question.split(maxsplit=1)[0].lower()
    asks_who = first in {"who", "whom", "whose"}
    if pronoun in _PERSONS:
        if asks_who and in_answer:
            return in_answer
        # Where and when somebody is asked for, the answer is nobody.
        nobody = not in_answer or first in {"where", "when"}
        return in_question[0] if len(in_question) == 1 and nobody else ""
    if asks_who and pronoun in _SEVERAL:
        return ""
    if asks_who or not in_answer:
        # What is not a person is what was asked about.
        return in_question[0] if len(in_question) == 1 else ""
    return in_answer if not in_question else ""


def _shown(asked: str, before: Sequence[Turn]) -> list[str]:
    lines = [
        f"{turn.who.capitalize()}: {turn.text[:_SHOWN_CHARACTERS]}"
        for turn in before[-_SHOWN_TURNS:]
    ]
    return [*lines, f"User: {asked[:_SHOWN_CHARACTERS]}"]


def _cleaned(written: str) -> str:
    line = written.strip().splitlines()[0].strip(" \"'") if written.strip() else ""
    return line.split("?")[0].strip() + "?" if "?" in line else ""


def _keeps_to(written: str, asked: str, before: Sequence[Turn]) -> bool:
    """Whether it brings up nothing new, says more than was asked, and refers to nothing more."""
    known = _words(" ".join([asked, *(turn.text for turn in before)]))
    glue = _words(
        "a an the of in on at to by for with from is are was were do does did and or who "
        "what when where which how why whom whose it be been has have had than as"
    )
    words = _words(written)
    return words <= known | glue and words != _words(asked) and not refers_back(written)


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}
