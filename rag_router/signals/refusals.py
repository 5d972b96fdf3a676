"""Answers that say nothing, or that they do not know.

Such answers agree with each other in words, and mean the opposite of knowledge. They are told by
the phrases that they are made of; SelfAware (Yin et al. 2023, arXiv 2305.18153) does so first,
before it compares sentences. What says "unknown" in words of its own is taken for an answer.
"""

from __future__ import annotations

import re
from typing import Final

from rag_router.scoring import first_line, normalise

__all__ = ["REFERENCES", "is_refusal"]

REFERENCES: Final = (
    "The answer is not known.",
    "Nobody knows.",
    "I do not know the answer.",
    "I am not sure about that.",
    "That cannot be answered.",
    "It is impossible to say.",
    "There is no answer to this question.",
    "There is no agreement about this.",
    "There is no evidence for this.",
    "It is hard to predict.",
    "No information about it is available.",
    "It depends on the person.",
    "The question rests on a false assumption.",
    "No such thing exists.",
)
"""Sentences that say in several ways that a question has no answer; written for this project."""

_WHOLE: Final = re.compile(
    r"(it is |its |answer is |this is )?(not known|unknown|unclear|uncertain|unspecified|"
    r"not sure|no idea|no answer|nobody knows|no one knows|not available)"
)
"""Of a normalised line: these are refusals where nothing else is said."""

_WITHIN: Final = re.compile(
    r"\b(i (really )?(do not|dont) know|(do not|dont) know answer|i am not sure|im not sure|"
    r"i have no idea|(can not|cannot|cant) (be answered|answer|say|tell)|impossible to (say|know)|"
    r"i am unable to answer)\b"
)


def is_refusal(answer: str) -> bool:
    """Whether the first line of an answer says nothing, or that the answer is not known."""
    said = normalise(first_line(answer))
    return not said or bool(_WHOLE.fullmatch(said) or _WITHIN.search(said))
