"""Cut out of passages what speaks to the model: orders, feigned turns of the chat, hidden text.

Whoever can put a passage into an index can put words into it that are meant for the model and not
for the reader (Greshake et al. 2023, arXiv 2302.12173; OWASP LLM01). Only the sentences that do so
are cut, so that a page with a hostile comment still tells what it is about; where nothing else is
left, the passage is dropped. A clean text comes through as it is, to the letter.

Rules know what such texts look like; beside them a small linear model has learned how they are
worded, and either is enough. No language model is asked, and an attack that is written like an
honest sentence passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.filters.base import FilterContext
from rag_router.filters.hostile.cutting import Cut, cut
from rag_router.filters.sentences import cut_to_units
from rag_router.types import Judged

__all__ = ["InstructionsFilter"]

_REASONS = 3
"""Most reasons that are told."""
_LONG_TITLE = 20
"""Words from which on a title is looked at as a sentence is."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class InstructionsFilter:
    """Cut out of passages what gives orders to the model; drop those of nothing else.

    Args:
        threshold: How sure it must be that a sentence speaks to the model, in (0, 1]. One plain
            order to ignore instructions weighs 0.9, words that honest manuals use less than 0.5.
        wording: Whether to go by a learned model of wording, too. It finds more attacks, and may
            cut honest instructions out of manuals: for collections that strangers write to.
    """

    threshold: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    wording: bool = False

    @property
    def fitted(self) -> bool:
        return True

    @property
    def guards(self) -> str:
        return "text that speaks to the model"

    def judge(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[Judged]]:
        del questions, context
        return [[self._judge_one(one) if one.kept else one for one in line] for line in judged]

    def _judge_one(self, one: Judged) -> Judged:
        passage = one.hit.passage
        # Names of songs and papers are worded like orders; what is learned is of sentences.
        long = self.wording and len(passage.title.split()) >= _LONG_TITLE
        title = cut(passage.title, threshold=self.threshold, learned=long)
        if title.falls:
            # What is left of a title that spoke to the model would say little.
            hit = replace(one.hit, passage=replace(passage, title=""))
            one = replace(one, hit=hit, why=f"{one.why}; title cut: {_seen(title)}")
        text = cut(passage.text, threshold=self.threshold, learned=self.wording)
        if not text.falls:
            return one
        why = f"{one.why}; {text.falls} sentence(s) cut: {_seen(text)}"
        if not text.stays:
            why = f"it only speaks to the model: {_seen(text)}"
        return cut_to_units(one, text.units, text.stays, why)


def _seen(cut: Cut) -> str:
    return f"{', '.join(cut.reasons[:_REASONS])} (sure to {cut.sure:.2f})"
