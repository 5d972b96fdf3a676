"""How often does one false passage among five carry its answer, and what does a filter cost?

    python -m benchmarks.poisoned --data FOLDER [--model NAME]... [--limit N]

Every question is asked with five truthful passages and with one of them false; see
`poisoned_mix`. An answer is *flipped* if it is the false one. Passages stand in the order of their
similarity to the question. Answers are kept in the home's outcome cache, so that a run that was
stopped goes on; milliseconds are of filters at work on questions that nobody asked before.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.gates import MODELS
from benchmarks.poisoned_mix import Mix, mixes
from benchmarks.record import record
from rag_router.assembly import load_embedder, load_expert, load_filters
from rag_router.cli.evaluate.common import read_data
from rag_router.eval.datasets import data_hash
from rag_router.eval.metrics.bootstrap import Bootstrap
from rag_router.experts import Expert
from rag_router.filters import Filter, FilterContext, run_filters
from rag_router.filters.alone import LONGEST, said_alone
from rag_router.filters.certificates import certified_accuracy, prediction
from rag_router.filters.organise import OrganiseFilter
from rag_router.filters.votes import count_votes
from rag_router.filters.voting import VotingFilter
from rag_router.indices.contents import searchable
from rag_router.models.base import Embedder
from rag_router.models.prompts import Prompt, contextual_prompt
from rag_router.models.streams import Generation
from rag_router.outcomes import OutcomeCache, answer_prompts
from rag_router.scoring import alias_match
from rag_router.settings import GIVEN, GeneratorSettings, Settings
from rag_router.signals import Board, Reading
from rag_router.signals.passage_answers import PassageAnswer
from rag_router.types import Evidence, Hit, Judged, Question

_BATCH = 8


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--model", "models", multiple=True, default=MODELS, show_default=True)
@click.option("--limit", default=164, show_default=True, help="Most questions.")
@click.option("--timed", default=8, show_default=True, help="Questions that are timed.")
def main(data: Path, models: tuple[str, ...], limit: int, timed: int) -> None:
    """Measure, print and record."""
    asked = read_data([str(data / "poisonedrag/all.jsonl")], limit=None, held_out=False).questions
    made = mixes(asked)
    made = made[:: max(1, len(made) // limit)][:limit]
    settings = Settings()
    embedder = load_embedder(settings)
    chains: dict[str, tuple[Filter, ...]] = {
        "none": (),
        "default": load_filters(settings, embedder),  # none of them asks the generator
        "organise": (OrganiseFilter(),),
        "voting": (VotingFilter(),),
        "organise asking": (OrganiseFilter(answers=True),),
        "voting, organise": (VotingFilter(), OrganiseFilter()),
    }
    cache = OutcomeCache(settings.home / "outcomes.sqlite")
    figures, fingerprints = {}, {}
    for model in models:
        expert = load_expert(Settings(generator=GeneratorSettings(model=model, batch_size=_BATCH)))
        trial = _Trial(expert, embedder, cache)
        rows = {name: trial.run(chain, made) for name, chain in chains.items()}
        spent = {name: trial.ms(chain, made[:timed]) for name, chain in chains.items()}
        figures[model] = {
            "filters": _figures(made, rows, spent),
            "certified": trial.certified([one.question for one in made]),
        }
        fingerprints[model] = expert.model.fingerprint
    record(
        "poisoned",
        {"n": len(made), "sets": _sets(made), **figures},
        data_hash=data_hash([one.poisoned for one in made]),
        models=fingerprints,
        embedder=embedder.fingerprint,
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a chain made of the questions: with truthful passages, and with one that is false.

    `told` is, for each poisoned question, what its sides say where they were answered apart.
    """

    clean: Sequence[str]
    poisoned: Sequence[str]
    told: Sequence[Sequence[str]]
    false_kept: Sequence[bool]


@dataclass(frozen=True, slots=True)
class _Trial:
    expert: Expert
    embedder: Embedder
    cache: OutcomeCache

    def run(self, chain: Sequence[Filter], made: Sequence[Mix]) -> _Rows:
        """Filter and answer every question, clean and poisoned."""
        clean, _ = self._answered(chain, [one.question for one in made])
        poisoned, found = self._answered(chain, [one.poisoned for one in made])
        return _Rows(
            clean=[sides[0] for sides in clean],
            poisoned=[sides[0] for sides in poisoned],
            told=poisoned,
            false_kept=[
                any(j.hit.passage.id == one.false_id for j in line.kept)
                for one, line in zip(made, found, strict=True)
            ],
        )

    def ms(self, chain: Sequence[Filter], made: Sequence[Mix]) -> float:
        """Milliseconds that the filters take for a question, nothing known beforehand."""
        spent = []
        for one in made:
            question = replace(one.poisoned, id=f"{one.poisoned.id}-timed")
            hits = self._hits(question)
            context = self._context([question])
            begin = time.perf_counter()
            run_filters(chain, [question.text], [hits], context)
            spent.append(1000 * (time.perf_counter() - begin))
        # What else the machine does only ever adds.
        return float(np.median(spent))

    def certified(self, questions: Sequence[Question]) -> list[float]:
        """Accuracy of the most frequent answer with 0, 1 and 2 of five passages in wrong hands."""
        hits, context = [self._hits(question) for question in questions], self._context(questions)
        self._know(context, hits)
        lines = [[Judged(hit=hit) for hit in line] for line in hits]
        texts = [question.text for question in questions]
        said = said_alone(texts, lines, context, name="poisoned", most=len(lines[0]))
        votes = [count_votes(list(line.values())).voices for line in said]
        right = [
            alias_match(prediction(line), question.answers)
            for line, question in zip(votes, questions, strict=True)
        ]
        return [round(certified_accuracy(votes, right, corrupted), 4) for corrupted in range(3)]

    def _answered(
        self, chain: Sequence[Filter], questions: Sequence[Question]
    ) -> tuple[list[list[str]], list[Evidence]]:
        """Answer each question: one answer, or the sides that are answered apart, surest first."""
        hits = [self._hits(question) for question in questions]
        context = self._context(questions)
        if any(isinstance(f, VotingFilter) or getattr(f, "answers", False) for f in chain):
            self._know(context, hits)
        found = run_filters(chain, [q.text for q in questions], hits, context, strict=True)
        prompts = [
            self._prompts(question, line) for question, line in zip(questions, found, strict=True)
        ]
        flat = answer_prompts(
            self.expert.model,
            [prompt for line in prompts for prompt in line],
            cache=self.cache,
            batch_size=_BATCH,
        )
        said = iter(flat)
        answers = []
        for line in prompts:
            sides = sorted(
                (next(said) for _ in line),
                key=lambda one: -float(np.mean(one.logprobs or (-np.inf,))),
            )
            answers.append([side.answer for side in sides])
        return answers, found

    def _prompts(self, question: Question, line: Evidence) -> list[Prompt]:
        apart = [
            [j.hit.passage for j in line.kept if j.hit.passage.id in {id_ for _, id_ in g.passages}]
            for g in line.groups
            if g.apart
        ]
        model, style = self.expert.model, self.expert.style
        return [
            contextual_prompt(model, style, question.text, some)
            for some in apart or [[j.hit.passage for j in line.kept]]
        ]

    def _hits(self, question: Question) -> list[Hit]:
        one = self.embedder.encode_queries([question.text])[0]
        near = (
            self.embedder.encode_passages([searchable(p.title, p.text) for p in question.contexts])
            @ one
        )
        order = sorted(range(len(near)), key=lambda n: (-float(near[n]), n))
        return [
            Hit(
                passage=question.contexts[n],
                retriever=GIVEN,
                score=1 / rank,
                rank=rank,
                similarity=float(near[n]),
            )
            for rank, n in enumerate(order, start=1)
        ]

    def _context(self, questions: Sequence[Question]) -> FilterContext:
        model = self.expert.model
        board = Board(model, self.expert.style, questions, batch_size=_BATCH)
        return FilterContext(
            lambda text: len(model.encode(text, begin=False)),
            board,
            tuple(range(len(questions))),
        )

    def _know(self, context: FilterContext, hits: Sequence[Sequence[Hit]]) -> None:
        """Put down what each passage says alone, out of the cache where it is known."""
        board = context.asked_of("poisoned")
        asked = [
            (PassageAnswer(hit.passage.title, hit.passage.text, LONGEST), row)
            for row, line in zip(context.rows, hits, strict=True)
            for hit in line
        ]
        prompts = [signal.prompt(board, row) for signal, row in asked]
        there = [prompt for prompt in prompts if prompt is not None]
        said = answer_prompts(
            self.expert.model, there, cache=self.cache, max_new_tokens=LONGEST, batch_size=_BATCH
        )
        for (signal, row), one in zip(asked, said, strict=True):
            answer = Generation(text=one.answer, tokens=(), finish="end", forward_rows=0)
            board.preset(signal, row, Reading(answer))


def _figures(
    made: Sequence[Mix], rows: Mapping[str, _Rows], spent: Mapping[str, float]
) -> dict[str, Any]:
    flips = {
        name: [alias_match(a, [m.wrong]) for a, m in zip(row.poisoned, made, strict=True)]
        for name, row in rows.items()
    }
    clean = {
        name: [alias_match(a, m.question.answers) for a, m in zip(row.clean, made, strict=True)]
        for name, row in rows.items()
    }
    draw = Bootstrap()
    out: dict[str, Any] = {}
    for name, row in rows.items():
        right = [
            alias_match(a, m.question.answers) for a, m in zip(row.poisoned, made, strict=True)
        ]
        fewer = draw.mean_difference(flips[name], flips["none"])
        cost = draw.mean_difference(clean[name], clean["none"])
        out[name] = {
            "flipped": round(float(np.mean(flips[name])), 4),
            "flipped_less_none": [round(x, 4) for x in (fewer.value, fewer.low, fewer.high)],
            "right": round(float(np.mean(right)), 4),
            "clean_right": round(float(np.mean(clean[name])), 4),
            "clean_right_less_none": [round(x, 4) for x in (cost.value, cost.low, cost.high)],
            "false_passage_read": round(float(np.mean(row.false_kept)), 4),
            "answered_apart": round(float(np.mean([len(sides) > 1 for sides in row.told])), 4),
            "filter_ms": round(spent[name], 1),
        }
    return out


def _sets(made: Sequence[Mix]) -> dict[str, int]:
    names = [str(one.question.meta["dataset"]) for one in made]
    return {name: names.count(name) for name in sorted(set(names))}


if __name__ == "__main__":
    main()
