"""What several answers to one question agree on, when each was read from a passage of its own.

Keyword aggregation of RobustRAG (Xiang et al. 2024, arXiv 2405.15556, section 3.2): answers that
abstain are set aside, n are left, and a keyword is kept if at least

    min(beta, alpha n)

of them hold it. There a parser finds phrases; here they are the runs of words between function
words and punctuation, and the whole answer. With few answers alpha n falls below 1, and then one
passage would carry its keyword by itself; so where several answer, at least `least` of them must
agree. `least = 1` is the published rule.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rag_router.scoring import first_line, normalise
from rag_router.signals.refusals import is_refusal

__all__ = ["Vote", "count_votes", "keywords", "phrases"]

# Commas and points within numbers, hyphens and apostrophes within words hold them together.
_BREAK: Final = re.compile(r"[^\w\s'’.,&/-]+|(?<!\d),|,(?!\d)|[.'’/-]+(?!\w)")
_WORDS: Final = """
    a about after also an and are as at be been before but by did do does for from had has have
    he her his in into is it its nor of on or she so that the their there they this those these
    to was were when where which who whom whose will with would
"""
_FUNCTION_WORDS: Final = frozenset(_WORDS.split())


@dataclass(frozen=True, slots=True)
class Vote:
    """What the answers agree on.

    Attributes:
        voices: For each answer the keyword that it stands for: of those it holds the one that
            most answers hold. None where it abstains.
        counts: How many answers hold each keyword.
        needed: Answers that must hold a keyword for it to win.
        winning: Keywords that win, the most shared first.
    """

    voices: tuple[str | None, ...]
    counts: dict[str, int]
    needed: float
    winning: tuple[str, ...]

    @property
    def answering(self) -> int:
        """How many do not abstain."""
        return sum(voice is not None for voice in self.voices)

    @property
    def best(self) -> int:
        """Answers behind the keyword that most of them hold; 0 where all abstain."""
        return max(self.counts.values(), default=0)

    def agrees(self, number: int) -> bool:
        """Whether this answer holds a keyword that wins."""
        voice = self.voices[number]
        # Its voice is the most shared of its keywords: if that one does not win, none does.
        return voice is not None and self.counts[voice] >= self.needed


def count_votes(
    answers: Sequence[str], *, alpha: float = 0.3, beta: int = 3, least: int = 2
) -> Vote:
    """Count which keywords the answers share.

    Args:
        answers: One from each passage; refusals and empty ones abstain.
        alpha: Share of the answers that must hold a keyword, in [0, 1].
        beta: So many always suffice, >= 1.
        least: So many are needed wherever as many answer, >= 1.
    """
    said = ["" if is_refusal(answer) else normalise(first_line(answer)) for answer in answers]
    held = [keywords(answer) if text else () for answer, text in zip(answers, said, strict=True)]
    # A keyword counts wherever it stands as whole words: "Tiber" in "the river Tiber" too.
    counts = {
        word: sum(f" {word} " in f" {text} " for text in said)
        for word in dict.fromkeys(word for line in held for word in line)
    }
    voices = tuple(
        max((w for w in counts if f" {w} " in f" {text} "), key=lambda w: (counts[w], len(w)))
        if words
        else None
        for text, words in zip(said, held, strict=True)
    )
    answering = sum(voice is not None for voice in voices)
    needed = max(min(beta, alpha * answering), min(least, answering))
    winning = sorted((w for w in counts if counts[w] >= needed), key=lambda w: -counts[w])
    return Vote(voices=voices, counts=counts, needed=needed, winning=tuple(winning))


def keywords(answer: str) -> tuple[str, ...]:
    """The phrases of an answer's first line, normalised, and the whole line; each one once."""
    line = first_line(answer)
    told = (normalise(word) for word in (*phrases(line), line))
    return tuple(dict.fromkeys(word for word in told if word))


def phrases(line: str) -> list[str]:
    """The runs of words between function words and punctuation, as they are written."""
    found: list[str] = []
    for piece in _BREAK.split(line):
        run: list[str] = []
        for word in [*piece.split(), "the"]:
            if normalise(word) and normalise(word) not in _FUNCTION_WORDS:
                run.append(word)
            elif run:
                found.append(" ".join(run))
                run = []
    return found
