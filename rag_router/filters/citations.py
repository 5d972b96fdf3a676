"""Where in the kept passages an answer stands.

Only passages that the model has read are cited. A passage is cited where the answer's words occur
in it as whole words; the citation spans the sentence around them. Offsets are characters of the
passage as it was shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_router.scoring import normalise
from rag_router.text import sentence_spans
from rag_router.types import Citation, Judged

__all__ = ["cite"]

_LEAST_OVERLAP = 0.5
"""Share of the answer's content words that a sentence must hold to be cited without the answer."""


def cite(answer: str, kept: Sequence[Judged]) -> tuple[Citation, ...]:
    """Cite the sentences that hold the answer, one for each passage, best passage first.

    A passage without the whole answer is cited by its sentence that shares most of its words,
    and only if no passage holds the answer whole.
    """
    exact = [c for one in kept if (c := _holding(answer, one)) is not None]
    if exact:
        return tuple(exact)
    ranked = [scored for one in kept if (scored := _closest(answer, one)) is not None]
    return (max(ranked, key=lambda scored: scored[0])[1],) if ranked else ()


def _holding(answer: str, one: Judged) -> Citation | None:
    words = normalise(answer).split()
    if not words:
        return None
    # Between the words may stand whatever normalisation drops: articles, punctuation, spaces.
    gap = r"(?:[\W_]|\b(?:an?|the)\b)*"
    pattern = re.compile(
        r"(?<!\w)" + gap.join(gap.join(map(re.escape, word)) for word in words) + r"(?!\w)",
        re.IGNORECASE,
    )
    text = one.hit.passage.text
    for start, end in sentence_spans(text):
        if pattern.search(text, start, end):
            return _citation(one, start, end, answer)
    return None


def _closest(answer: str, one: Judged) -> tuple[float, Citation] | None:
    words = set(normalise(answer).split())
    text = one.hit.passage.text
    best: tuple[float, Citation] | None = None
    for start, end in sentence_spans(text):
        share = len(words & set(normalise(text[start:end]).split())) / max(len(words), 1)
        if share >= _LEAST_OVERLAP and (best is None or share > best[0]):
            best = (share, _citation(one, start, end, answer))
    return best


def _citation(one: Judged, start: int, end: int, answer: str) -> Citation:
    return Citation(
        passage_id=one.hit.passage.id,
        index=one.hit.passage.index,
        start=start,
        end=end,
        answer_start=0,
        answer_end=len(answer),
    )
