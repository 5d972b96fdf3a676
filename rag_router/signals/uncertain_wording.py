"""How far the closed-book answer reads like a sentence that admits not knowing.

SelfAware (Yin et al. 2023, "Do large language models know what they don't know?", arXiv
2305.18153): runs of five words of the answer are compared with reference sentences by an embedder,
and an answer that comes near enough to one (0.75 with theirs) counts as "cannot be answered".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from rag_router.signals.base import Board, Reading, Requirements
from rag_router.signals.closed_book_answer import ClosedBookAnswer
from rag_router.signals.refusals import REFERENCES, is_refusal
from rag_router.text import sentence_spans

__all__ = ["UncertainWording"]

_WINDOW: Final = 5
"""Words that are compared at a time."""


@dataclass(frozen=True, slots=True)
class UncertainWording:
    """Largest cosine of a run of the answer's words with a reference, in [0, 1]; 1 if it refuses.

    Costs nothing beyond the answer but the embedder's time.

    Args:
        max_new_tokens: Longest closed-book answer.
    """

    max_new_tokens: int = 24

    requires: ClassVar[Requirements] = Requirements(partners=frozenset({"embedder"}))

    @property
    def name(self) -> str:
        return "uncertain_wording"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[float]]:
        """Compare the answers of these rows.

        Raises:
            SettingsError: there is no embedder.
        """
        embedder = board.embedder
        references = embedder.encode_passages(REFERENCES)
        found = []
        for answer in board.read(ClosedBookAnswer(self.max_new_tokens), rows):
            if is_refusal(answer.text):
                found.append(Reading(1.0))
                continue
            cosines = embedder.encode_passages(_runs(answer.text)) @ references.T
            found.append(Reading(float(cosines.max().clip(0.0, 1.0))))
        return found


def _runs(text: str) -> list[str]:
    """Runs of so many words of every sentence; a shorter sentence is one run."""
    runs = []
    for begin, end in sentence_spans(text):
        words = text[begin:end].split()
        last = max(len(words) - _WINDOW, 0)
        runs += [" ".join(words[at : at + _WINDOW]) for at in range(last + 1)]
    return runs
