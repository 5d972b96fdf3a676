"""What several experts make of real questions together, against each of them alone.

Every expert answers every question from memory, and a gate (P(IK)) is fitted for each on one half
of the questions, which says of the other half how likely it knows, and the other way round. The
same halves teach the frugal questioner. Answers are kept under the home, so that a run that was
cut off goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.experts_fields import asked_questions
from rag_router.artefacts import Card, fingerprint_of, identity_of
from rag_router.assembly import load_expert
from rag_router.cli.evaluate.kept import Kept
from rag_router.cli.evaluate.named_experts import card_of
from rag_router.cli.options import fetch_announced
from rag_router.eval.datasets import data_hash
from rag_router.eval.features import read_features
from rag_router.eval.labels import Labelled, label
from rag_router.eval.metrics.bootstrap import Bootstrap
from rag_router.experts import Expert
from rag_router.experts.adapting import adapted_expert
from rag_router.experts.fusion import FUSIONS, TokenFusion
from rag_router.experts.fusion.ballots import Ballot
from rag_router.experts.fusion.decoding import Shared, decode_together
from rag_router.experts.fusion.ensemble import Ensemble
from rag_router.experts.fusion.experience import Experience, Recorded
from rag_router.experts.fusion.frugal import FrugalFusion
from rag_router.experts.fusion.vote import VoteFusion
from rag_router.experts.fusion.weighing import shares
from rag_router.experts.routing.prices import relative_prices
from rag_router.gates import GATES, FittedGate, Lesson, study
from rag_router.models.adapter_folders import read_adapter_card
from rag_router.models.prompts import Prompt, closed_book_prompt
from rag_router.models.streams import OneStream, Task, start
from rag_router.models.vocabulary import Worded
from rag_router.outcomes import Outcome, OutcomeCache
from rag_router.outcomes.cache import OutcomeKey
from rag_router.scoring import alias_match
from rag_router.settings import Settings
from rag_router.types import (
    Answer,
    Conflict,
    Evidence,
    ExpertChoice,
    Knowledge,
    Question,
    Route,
    Usage,
)

__all__ = ["accuracies", "judged_together"]

_GATE: Final = "p_ik"
_PRICES: Final = (0.0, 0.02, 0.05, 0.1, 0.2)
_TOKENS: Final = 24


@dataclass(frozen=True, eq=False)
class _Column:
    """What one expert makes of every question.

    Attributes:
        expert: Who it is.
        labelled: Its answers.
        p_know: How likely each is right, learned on the other half.
        apart: The same of the half that was learned from, each left out in turn.
    """

    expert: Expert
    labelled: list[Labelled]
    p_know: NDArray[np.float64]
    apart: NDArray[np.float64]

    @property
    def right(self) -> NDArray[np.float64]:
        return np.array([float(one.right) for one in self.labelled])


@dataclass(frozen=True)
class _Recording:
    """An expert that gives the answers that it gave before."""

    column: _Column
    row: Mapping[str, int]

    def answer(self, questions: Sequence[Question | str], ask: Any = None) -> list[Answer]:
        del ask
        return [self._answer(one) for one in questions if isinstance(one, Question)]

    def _answer(self, question: Question) -> Answer:
        row = self.row[question.id]
        text = self.column.labelled[row].outcome.answer or None
        sure = float(self.column.p_know[row])
        return Answer(
            id=question.id,
            question=question.text,
            text=text,
            abstained=text is None,
            reason="parametric" if text else "no_knowledge",
            confidence=sure,
            knowledge=Knowledge(
                gate=_GATE, p_know=sure, threshold=None, retrieve=False, reason="recorded"
            ),
            route=Route(expert=ExpertChoice(name=self.column.expert.name)),
            evidence=Evidence(),
            conflict=Conflict(closed_book_answer=text, divergence=None, strategy="closed_book"),
            usage=Usage(),
            timings_ms={},
        )


def accuracies(
    data: Path,
    settings: Settings,
    *,
    models: Sequence[str],
    adapters: Mapping[str, Path],
    shots: Sequence[int],
    limit: int,
    out: Path | None,
) -> tuple[dict[str, Any], dict[str, str], str]:
    """Ask all experts, alone and together.

    Args:
        data: Folder of question sets.
        settings: What else is used.
        models: Experts that are models.
        adapters: Experts that are adapters, by name.
        shots: Experts that are the first model with so many worked examples.
        limit: Most questions of a field.
        out: Where what the frugal questioner recorded is written; None writes nothing.

    Returns:
        The figures, the experts' fingerprints, and a hash of the questions.
    """
    questions, fields = asked_questions(data, limit)
    experts = _experts(settings, models, adapters, shots)
    return judged_together(experts, questions, fields, settings, out=out)


def judged_together(
    experts: Sequence[Expert],
    questions: Sequence[Question],
    fields: Sequence[str],
    settings: Settings,
    *,
    out: Path | None = None,
) -> tuple[dict[str, Any], dict[str, str], str]:
    """Do the same with experts that are loaded, the first one leading, and given questions."""
    half = np.arange(len(questions)) % 2
    with Kept.of(settings, use_cache=True) as kept:
        columns = [_column(expert, settings, questions, half, kept) for expert in experts]
        right = {one.expert.name: one.right for one in columns}
        for column in columns:
            print(column.expert.name, round(float(column.right.mean()), 4), flush=True)
        best = max(right, key=lambda name: right[name].mean())
        right["oracle"] = np.max([one.right for one in columns], axis=0)
        right["most_likely"] = _most_likely(columns)
        spent: dict[str, float] = {}
        _by_answers(columns, questions, half, _costs(columns, settings), right, spent)
        family = _family(columns)
        for name in ("mixture", "product", "logits_fusion") if len(family) > 1 else ():
            for weights in ("even", "p_know"):
                said = _token_by_token(family, name, weights, questions, settings, kept)
                print(name, weights, round(float(said.mean()), 4), flush=True)
                right[f"{name}, {weights}"] = said
    if out is not None:
        _write(columns, out, data_hash(questions))
    told = {name: _figures(values, right[best], fields) for name, values in right.items()}
    for name, cost in spent.items():
        told[name]["cost"] = round(cost, 4)
    summary = {
        "n": len(questions),
        "fields": {name: fields.count(name) for name in dict.fromkeys(fields)},
        "best_single": best,
        "one_vocabulary": [column.expert.name for column in family],
        "rows": told,
    }
    prints = {c.expert.name: c.expert.model.fingerprint for c in columns}
    return summary, prints, data_hash(questions)


def _experts(
    settings: Settings, models: Sequence[str], adapters: Mapping[str, Path], shots: Sequence[int]
) -> list[Expert]:
    loaded = {name: load_expert(settings, model=name, fetch=fetch_announced) for name in models}
    out = list(loaded.values())
    first = out[0]
    for count in shots:
        style = replace(first.style, shots=count)
        out.append(replace(first, name=f"{first.name}, {count} examples", style=style))
    for name, folder in adapters.items():
        below = read_adapter_card(folder).model
        if below not in loaded:
            loaded[below] = load_expert(settings, model=below, fetch=fetch_announced)
        out.append(adapted_expert(loaded[below], folder, name=name))
    return out


def _column(
    expert: Expert,
    settings: Settings,
    questions: Sequence[Question],
    half: NDArray[np.int64],
    kept: Kept,
) -> _Column:
    size = settings.generator.batch_size
    labelled = label(
        expert, questions, cache=kept.outcomes, batch_size=size, on_progress=_say(expert.name)
    )
    gate = GATES.build(_GATE)
    assert isinstance(gate, FittedGate)
    features = read_features({_GATE: gate}, expert, labelled, cache=kept.records, batch_size=size)[
        _GATE
    ]
    right = np.array([one.right for one in labelled])
    p_know, apart = np.empty(len(right)), np.empty(len(right))
    for part in (0, 1):
        learned, judged = np.flatnonzero(half == part), np.flatnonzero(half != part)
        fitted, left_out = study(gate, Lesson(features=features[learned], right=right[learned]))
        p_know[judged] = fitted.probabilities(features[judged])
        apart[learned] = left_out
    return _Column(expert, labelled, p_know, apart)


def _most_likely(columns: Sequence[_Column]) -> NDArray[np.float64]:
    """Let the expert answer that is likeliest to know: routing, for comparison."""
    chosen = np.argmax([one.p_know for one in columns], axis=0)
    every = np.array([one.right for one in columns])
    found: NDArray[np.float64] = every[chosen, np.arange(len(chosen))]
    return found


def _by_answers(
    columns: Sequence[_Column],
    questions: Sequence[Question],
    half: NDArray[np.int64],
    costs: Mapping[str, float],
    right: dict[str, NDArray[np.float64]],
    spent: dict[str, float],
) -> None:
    """Add what a vote and a frugal questioner make of the answers, and what they cost."""
    rows = {question.id: row for row, question in enumerate(questions)}
    experts = {one.expert.name: _Recording(one, rows) for one in columns}

    def judged(answers: Sequence[Answer], some: Sequence[Question]) -> list[float]:
        pairs = zip(answers, some, strict=True)
        return [float(alias_match(answer.text, question.answers)) for answer, question in pairs]

    def paid(answers: Sequence[Answer]) -> list[float]:
        return [sum(costs[one.expert] for one in a.route.opinions) for a in answers]

    answers = VoteFusion().ask(experts, questions)
    right["vote"] = np.array(judged(answers, questions))
    spent["vote"] = float(np.mean(paid(answers)))
    for price in _PRICES:
        for learned in (True, False):
            values, payments = np.empty(len(questions)), np.empty(len(questions))
            for part in (0, 1):
                some = np.flatnonzero(half == part).tolist()
                rest = np.flatnonzero(half != part).tolist()
                past = _experience(columns, rest) if learned else None
                fusion = FrugalFusion(price=price, experience=past)
                asked = [questions[row] for row in some]
                answers = fusion.ask(experts, asked, costs=costs)
                values[some], payments[some] = judged(answers, asked), paid(answers)
            name = f"frugal{'' if learned else ' by rule'}, price {price:g}"
            right[name], spent[name] = values, float(payments.mean())


def _experience(columns: Sequence[_Column], rows: Sequence[int]) -> Experience:
    lines = []
    for row in rows:
        said = [(one.labelled[row], float(one.apart[row])) for one in columns]
        lines.append(
            [Recorded(Ballot(one.outcome.answer or None, p), one.right) for one, p in said]
        )
    return Experience.of([one.expert.name for one in columns], lines)


def _costs(columns: Sequence[_Column], settings: Settings) -> dict[str, float]:
    names = [one.expert.name for one in columns]
    prices = relative_prices([card_of(settings, one.expert) for one in columns])
    if not prices.any():
        prices = np.ones(len(columns))
    return dict(zip(names, prices.tolist(), strict=True))


def _family(columns: Sequence[_Column]) -> list[_Column]:
    """The experts that share the first one's vocabulary, the first one leading."""
    lead = columns[0].expert.model
    assert isinstance(lead, Worded)
    return [
        one
        for one in columns
        if isinstance(one.expert.model, Worded)
        and one.expert.model.vocabulary_fingerprint == lead.vocabulary_fingerprint
    ]


def _token_by_token(
    family: Sequence[_Column],
    name: str,
    weights: str,
    questions: Sequence[Question],
    settings: Settings,
    kept: Kept,
) -> NDArray[np.float64]:
    fusion = FUSIONS.build(name)
    assert isinstance(fusion, TokenFusion)
    names = [one.expert.name for one in family]
    fusion.check(names)
    if weights == "even":
        lines = [shares([1.0] * len(family))] * len(questions)
    else:
        lines = [shares(line) for line in zip(*(one.p_know for one in family), strict=True)]
    lines = [tuple(round(float(weight), 4) for weight in line) for line in lines]
    prompts = [
        [closed_book_prompt(one.expert.model, one.expert.style, q.text) for one in family]
        for q in questions
    ]
    cache = kept.outcomes
    assert cache is not None
    said = _decoded(family, fusion, prompts, lines, cache, settings.generator.batch_size)
    pairs = zip(said, questions, strict=True)
    return np.array([float(alias_match(one.answer, q.answers)) for one, q in pairs])


def _decoded(
    family: Sequence[_Column],
    fusion: TokenFusion,
    prompts: Sequence[Sequence[Prompt]],
    weights: Sequence[tuple[float, ...]],
    cache: OutcomeCache,
    size: int,
) -> list[Outcome]:
    models = {one.expert.name: one.expert.model for one in family}
    ensemble = Ensemble(models)
    prints = "+".join(model.fingerprint for model in models.values())
    method = identity_of(fusion)
    keys = [
        OutcomeKey(
            model=fingerprint_of(prints),
            prompt=fingerprint_of(repr([prompt.ids for prompt in line])),
            decoding=fingerprint_of("fused", method, repr(weight), str(_TOKENS)),
        )
        for line, weight in zip(prompts, weights, strict=True)
    ]
    known = cache.get(keys)
    missing = [row for row, key in enumerate(keys) if key not in known]
    for at in range(0, len(missing), size):
        batch = missing[at : at + size]
        read = {
            name: start(
                model.prefill(
                    [prompts[row][place].ids for row in batch],
                    shared=[prompts[row][place].shared for row in batch],
                )
            )
            for place, (name, model) in enumerate(models.items())
        }
        strategy, (lead, *others) = OneStream("closed"), list(models)
        answers = decode_together(
            ensemble,
            [
                Shared(
                    task=Task(
                        streams={"closed": read[lead][n]},
                        strategy=strategy,
                        max_new_tokens=_TOKENS,
                        stop=prompts[row][0].stop,
                    ),
                    others={name: {"closed": read[name][n]} for name in others},
                    weights=weights[row],
                )
                for n, row in enumerate(batch)
            ],
            fusion=fusion,
        )
        fresh = {
            keys[row]: Outcome(one.text, tuple(token.logprob for token in one.tokens))
            for row, one in zip(batch, answers, strict=True)
        }
        cache.put(fresh)
        known |= fresh
        _say(type(fusion).__name__)(at + len(batch), len(missing))
    return [known[key] for key in keys]


def _figures(
    values: NDArray[np.float64], single: NDArray[np.float64], fields: Sequence[str]
) -> dict[str, Any]:
    draws = Bootstrap()
    gain = draws.mean(values - single)
    return {
        "accuracy": round(float(values.mean()), 4),
        "minus_best_single": [round(end, 4) for end in (gain.value, gain.low, gain.high)],
        "by_field": {
            name: round(float(values[[field == name for field in fields]].mean()), 4)
            for name in dict.fromkeys(fields)
        },
    }


def _write(columns: Sequence[_Column], out: Path, data: str) -> None:
    """Keep what the frugal questioner goes by, for `fusion.artefact`."""
    fusion = FrugalFusion(experience=_experience(columns, range(len(columns[0].labelled))))
    names = [one.expert.name for one in columns]
    prints = [one.expert.model.fingerprint for one in columns]
    card = Card(
        method="frugal",
        model="+".join(names),
        model_fingerprint=fingerprint_of(*prints),
        data_hash=data,
    )
    fusion.to_artefact(card).save(out)


def _say(what: str) -> Any:
    def say(done: int, count: int) -> None:
        if done == count or done % 200 < 8:
            print(f"{what}: {done} of {count}", flush=True)

    return say
