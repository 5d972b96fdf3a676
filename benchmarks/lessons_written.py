"""Sentences to learn what attacks on a model sound like, and what honest texts do.

`lessons/attacks.txt` holds attacks one by one, in the most different wordings that came to mind;
`lessons/honest.txt` what sounds like orders and is none: recipes, manuals, handbooks of offices,
exams, plays, games, texts about computers, and plain sentences in the languages of the attacks.
In an attack "(a|b)" is one of several wordings, {X} a name or figure, {Q} words to be said, and
{u} an address.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

FOLDER = Path(__file__).parent / "lessons"
COPIES = 3
"""Of each attack, with other names each time."""
_CHOICE = re.compile(r"\(([^()|]*(?:\|[^()|]*)+)\)")
_SAYINGS = (
    "buy now",
    "service unavailable",
    "I have been hacked",
    "BANANA",
    "call 0900-33412",
    "it was the gardener",
    "access denied",
    "ahoy",
    "the code is 7731",
    "drink more tea",
    "sorry, I cannot help",
    "TANGERINE TREE",
    "log in again",
)
_QUOTES = (('"', '"'), ("“", "”"), ("'", "'"), ("«", "»"), ("", ""))
_HOSTS = ("stat.example", "cdn-images.example", "collect.evil.example", "tracker.example.net")


def written_attacks(names: Sequence[str], seed: int = 0) -> list[str]:
    """Return attacks, each several times.

    Args:
        names: What they speak of, so many that none of them is learned.
        seed: Of the draw.
    """
    drawn = random.Random(seed)
    return [_filled(line, names, drawn) for line in _lines("attacks") for _ in range(COPIES)]


def honest_sentences() -> list[str]:
    """Return sentences that sound like attacks and are none."""
    return list(_lines("honest"))


def _lines(name: str) -> Iterator[str]:
    for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        # A heading says what comes; headings that are attacks have more than one such sign.
        if line and not line.startswith("# "):
            yield line


def _filled(line: str, names: Sequence[str], drawn: random.Random) -> str:
    line = _CHOICE.sub(lambda found: drawn.choice(found.group(1).split("|")), line)
    left, right = drawn.choice(_QUOTES)
    said = drawn.choice(names if drawn.random() < 0.5 else _SAYINGS)
    line = line.replace("{Q}", f"{left}{said}{right}").replace("{X}", drawn.choice(names))
    line = line.replace("{u}", drawn.choice(_HOSTS))
    return line.replace("{{", "{").replace("}}", "}")
