"""What a generator answers from what filters leave, for `benchmarks.filters`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.filters_ranking import Lines
from rag_router.artefacts import fingerprint_of, identity_of
from rag_router.eval.filtering import FilterRun, evaluate_filters, filter_summary
from rag_router.eval.metrics.answers import judge
from rag_router.eval.metrics.bootstrap import Bootstrap
from rag_router.experts import Expert
from rag_router.filters import Filter, FilterContext, run_filters
from rag_router.models.prompts import contextual_prompt
from rag_router.outcomes import OutcomeCache, RecordCache
from rag_router.scoring import holds_answer
from rag_router.signals import Board, ClosedBookPass
from rag_router.types import Hit, Judged, Question

__all__ = ["Reading", "without_answers"]

Chains = Mapping[str, tuple[Filter, ...]]


@dataclass(frozen=True, slots=True)
class Reading:
    """A generator, and where its answers are kept.

    Attributes:
        expert: Who answers.
        outcomes: Keeps answers.
        records: Keeps what passages were judged to be.
        batch_size: Prompts at a time.
    """

    expert: Expert
    outcomes: OutcomeCache
    records: RecordCache
    batch_size: int = 8

    def accuracies(self, chains: Chains, lines: Lines, *, beside: Sequence[str]) -> dict[str, Any]:
        """Return a row for each chain, for the best passage alone, and for none at all.

        Args:
            chains: What filters the passages.
            lines: The passages.
            beside: Rows that each of the chains is compared with on the same questions; "top 1"
                and "closed book" are the two that filter nothing.
        """
        best = [line[:1] for line in lines.hits]
        run = self._run(chains, lines, lines.hits)
        rows = filter_summary(run)["filters"]
        right = {name: _right(run, name) for name in chains}
        for name, hits in (("top 1", best), ("closed book", [()] * len(best))):
            alone = self._run({name: ()}, lines, hits)
            rows[name] = filter_summary(alone)["filters"][name]
            rows[name]["tokens_kept"] = round(sum(alone.tokens) / max(sum(run.tokens), 1), 4)
            right[name] = _right(alone, name)
        for ours in chains:
            for theirs in (name for name in beside if name != ours):
                rows[ours][f"less_{theirs.replace(' ', '_')}"] = _difference(
                    right[ours], right[theirs]
                )
        return {"n": len(lines.questions), "rows": rows}

    def _run(self, chains: Chains, lines: Lines, hits: Sequence[Sequence[Hit]]) -> FilterRun:
        return evaluate_filters(
            chains,
            self.expert,
            lines.questions,
            hits,
            cache=self.outcomes,
            batch_size=self.batch_size,
        )

    def supports(self, chain: Sequence[Filter], lines: Lines) -> NDArray[np.float64]:
        """What filters that ask the generator say of each passage, one after another.

        Nothing is dropped: the last one speaks of all passages.
        """
        prints = self.expert.model.fingerprint, self.expert.style.contextual_fingerprint
        of = fingerprint_of(*prints, *(identity_of(one) for one in chain))
        keys = [
            fingerprint_of(of, question.text, *(hit.passage.text for hit in line))
            for question, line in zip(lines.questions, lines.hits, strict=True)
        ]
        known = self.records.get_arrays(keys)
        for row in (row for row, key in enumerate(keys) if key not in known):
            judged = self._judged(chain, lines, row)
            known[keys[row]] = np.array([one.support or 0.0 for one in judged], dtype=np.float32)
            self.records.put_arrays("filter", {keys[row]: known[keys[row]]})
        return np.concatenate([known[key] for key in keys]).astype(np.float64)

    def _judged(self, chain: Sequence[Filter], lines: Lines, row: int) -> list[Judged]:
        board = self._board([lines.questions[row]])
        context = FilterContext(self._count, board, (0,))
        line = [Judged(hit=hit) for hit in lines.hits[row]]
        for one in chain:
            said = one.judge([lines.questions[row].text], [line], context)[0]
            line = [Judged(hit=j.hit, support=j.support) for j in said]
        return line

    def milliseconds(self, chain: Sequence[Filter], lines: Lines) -> float:
        """Processor time of a question, the median; with a board that nobody needs to ask."""
        context = FilterContext(self._count)
        spent = [
            _ms(partial(run_filters, chain, *_one(lines, row), context, strict=True))
            for row in range(len(lines.hits))
        ]
        return round(float(np.median(spent)), 2)

    def against_one_prefill(self, one: Filter, lines: Lines) -> dict[str, float]:
        """How a filter's passes compare with reading its passages at once, as processor time."""
        model, style = self.expert.model, self.expert.style
        filtering, reading = [], []
        # The first one is read twice: what prompts share is kept from then on.
        for row in (0, *range(len(lines.hits))):
            board = self._board([lines.questions[row]])
            board.read(ClosedBookPass(), (0,))  # made for the gate anyway
            context = FilterContext(self._count, board, (0,))
            judged = [[Judged(hit=hit) for hit in lines.hits[row]]]
            question = lines.questions[row].text
            filtering.append(_ms(partial(one.judge, [question], judged, context)))
            passages = [hit.passage for hit in lines.hits[row]]
            prompt = contextual_prompt(model, style, question, passages)
            reading.append(_ms(partial(model.prefill, [prompt.ids], shared=[prompt.shared])))
        return {
            "questions": len(lines.hits),
            "filter_ms": round(float(np.median(filtering[1:])), 1),
            "prefill_ms": round(float(np.median(reading[1:])), 1),
            "ratio": round(float(np.sum(filtering[1:]) / np.sum(reading[1:])), 2),
        }

    def _board(self, questions: Sequence[Question]) -> Board:
        return Board(self.expert.model, self.expert.style, questions, batch_size=self.batch_size)

    def _count(self, text: str) -> int:
        return len(self.expert.model.encode(text, begin=False))


def without_answers(lines: Lines, *, moved: int = 0) -> Lines:
    """Leave passages to questions that hold none of their answers.

    Args:
        lines: Questions and passages.
        moved: So many questions further on stands the one whose passages each is given; 0 leaves
            it its own.
    """
    hits = [
        [
            hit
            for hit in lines.hits[(row + moved) % len(lines.hits)]
            if not holds_answer(hit.passage.text, question.answers)
        ]
        for row, question in enumerate(lines.questions)
    ]
    return Lines(lines.questions, hits)


def _one(lines: Lines, row: int) -> tuple[list[str], list[list[Hit]]]:
    return [lines.questions[row].text], [lines.hits[row]]


def _ms(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return 1000 * (time.process_time() - begin)


def _right(run: FilterRun, name: str) -> list[bool]:
    pairs = zip(run.questions, run.answers[name], strict=True)
    return [bool(judge(question, answer).right) for question, answer in pairs]


def _difference(ours: Sequence[bool], theirs: Sequence[bool]) -> list[float]:
    found = Bootstrap().mean_difference(ours, theirs)
    return [round(found.value, 4), round(found.low, 4), round(found.high, 4)]
