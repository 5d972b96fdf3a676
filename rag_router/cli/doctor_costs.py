"""`rag-router doctor --costs`: what answering will cost here, and how often it will be right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from rag_router.cli.options import fetch_announced

if TYPE_CHECKING:
    from rag_router.costs import Cost, Stages
    from rag_router.eval.cost_measuring import Measured
    from rag_router.eval.kept_evaluations import Evaluated
    from rag_router.experts import Card
    from rag_router.experts.base import Answering
    from rag_router.settings import Settings
    from rag_router.types import Question

__all__ = ["costs_of", "tell_costs"]

_WATCHED: Final = 6
_ASKED: Final = (
    "What is the capital of France?",
    "Who wrote the novel Moby-Dick?",
    "In which year did the First World War end?",
    "What is the largest planet of the solar system?",
    "Which river flows through Vienna?",
    "Who painted The Night Watch?",
)
"""Watched where no questions are given: what they cost depends on their length, not on them."""


def costs_of(
    settings: Settings,
    *,
    mix: str | None,
    paths: tuple[str, ...],
    report: Path | None,
    worth_s: float | None,
    limit: int,
) -> dict[str, Any]:
    """Measure times, take accuracies from an evaluation, and work out what is to be expected.

    Args:
        settings: Who answers, and with what.
        mix: Shares of known and unknown questions; None takes those of the evaluation.
        paths: Questions that are answered without and with looking them up.
        report: Folder of an evaluation's report.
        worth_s: Seconds that a right answer is worth; None chooses no threshold.
        limit: Most questions of `paths`.

    Raises:
        DataError: questions or report cannot be read, or the mix holds what was not measured.
        SettingsError: the mix is none, or the report is not of one expert.
        UnavailableError: a model is not to be had.
    """
    from rag_router.costs import read_mix
    from rag_router.errors import SettingsError
    from rag_router.eval.cost_measuring import measure_costs
    from rag_router.eval.kept_evaluations import kept_evaluation, reported
    from rag_router.pooling import cards

    shares = None if mix is None else read_mix(mix)
    if settings.experts and (paths or report is not None):
        raise SettingsError(
            "questions and reports tell of one model, and the settings name several experts.",
            hint="Evaluate each: rag-router eval answers --data FILE --expert NAME.",
        )
    found = None if report is None else reported(report)
    questions: Sequence[Question] = ()
    if paths:
        questions, found = _evaluated(settings, paths, limit)
    experts: dict[str, Any] = {}
    for card, who, opened in _experts(settings, cards(settings)):
        known = found or kept_evaluation(settings.home, card.name)
        if known is None and card.kind != "adapter":
            known = kept_evaluation(settings.home, card.model)
        with opened() as service:
            measured = measure_costs(service, _watched(questions), read=_bare(service))
            other = known is not None and known.of not in ("", service.expert.model.fingerprint)
        named = "--expert" if settings.experts else "--model"
        how = f"rag-router eval answers --data FILE {named} {who}"
        lacking = ""
        if other:
            known, lacking = None, f"the one that is kept is of other weights; run `{how}` again"
        elif known is None:
            lacking = f"no evaluation of it is kept; run `{how}`"
            lacking += "" if settings.experts else ", or give --report"
        if settings.experts and known is not None and (unseen := _unseen(known, shares)):
            # One expert of which too little is known keeps nobody from hearing of the others.
            known, lacking = None, f"no {unseen} questions were among those of `{how}`"
        experts[who] = _expert(card, measured, known, shares, worth_s, lacking=lacking)
    return {"watched": _WATCHED - 1, "experts": experts}


def _unseen(known: Evaluated, shares: Mapping[str, float] | None) -> str:
    """Kinds of a mix of which an evaluation had no question; empty where there are none."""
    from rag_router.costs import kinds_of

    kinds = kinds_of(known.never, known.always, known.retrieved)
    return " or ".join(
        kind for kind, share in (shares or {}).items() if share and kind not in kinds
    )


def _evaluated(
    settings: Settings, paths: tuple[str, ...], limit: int
) -> tuple[list[Question], Evaluated]:
    """Answer questions without and with looking them up; what is kept is not asked again."""
    from rag_router.cli.evaluate.answers import run_policies
    from rag_router.cli.evaluate.common import read_data
    from rag_router.eval.kept_evaluations import evaluated

    data = read_data(paths, limit=limit, held_out=False)
    run, _ = run_policies(settings, data)
    return data.questions, evaluated(run, source=f"{len(data.questions)} questions given")


def _watched(questions: Sequence[Question]) -> list[Question]:
    from rag_router.types import Question as Asked

    fixed = [Asked(id=str(n), text=text) for n, text in enumerate(_ASKED, start=1)]
    return [*questions[:_WATCHED], *fixed][:_WATCHED]


def _experts(
    settings: Settings, cards: Sequence[Card]
) -> Iterator[tuple[Card, str, Callable[[], Any]]]:
    """Tell of each expert what it is, and how to open it."""
    from functools import partial

    from rag_router.orchestrator import PooledOrchestrator
    from rag_router.pooling import load_service

    # Costs are those of each expert alone, however they are put together afterwards.
    alone = settings.model_copy(update={"fusion": None})
    service = load_service(alone, fetch=fetch_announced)
    for card in cards:
        if isinstance(service, PooledOrchestrator):
            yield card, card.name, partial(service.pool.using, card.name)
        else:
            yield card, card.name, partial(_given, service)


@contextmanager
def _given(service: Answering) -> Iterator[Answering]:
    yield service


def _bare(service: Answering) -> Callable[[str], object] | None:
    """Return what reads a question and does nothing else, where the model can be watched."""
    from rag_router.models.prompts import closed_book_prompt
    from rag_router.orchestrator import Orchestrator

    if not isinstance(service, Orchestrator) or "logits" not in service.expert.model.abilities:
        return None
    expert = service.expert

    def read(text: str) -> object:
        prompt = closed_book_prompt(expert.model, expert.style, text)
        return expert.model.prefill([prompt.ids], shared=[prompt.shared], hidden=True)

    return read


def _expert(
    card: Card,
    measured: Measured,
    known: Evaluated | None,
    shares: Mapping[str, float] | None,
    worth_s: float | None,
    *,
    lacking: str,
) -> dict[str, Any]:
    from rag_router.costs import best_threshold, break_even_rate, expectation, kinds_of

    stages, missing = measured.stages, []
    told: dict[str, Any] = {
        "measured": {
            **{stage: _plain(cost) for stage, cost in _by_name(stages).items()},
            **({} if measured.read_ms is None else {"read_ms": round(measured.read_ms, 2)}),
            "token_ms": round(measured.token_ms, 2),
        }
    }
    even = break_even_rate(stages)
    if even is not None:
        told["break_even_rate"] = round(even, 4)
    if not measured.looked_up:
        missing.append("lookups: there is nothing to look in; add documents: rag-router index add")
    if known is None:
        missing.append(f"accuracy and rates: {lacking}")
        told["policies"] = _policies(stages, card, None)
    else:
        kinds = kinds_of(known.never, known.always, known.retrieved)
        natural = sum(known.never) / known.n
        mix = shares or {
            kind: share for kind, share in (("known", natural), ("unknown", 1 - natural)) if share
        }
        told |= {
            "evaluation": {"source": known.source, "gate": known.gate, "n": known.n},
            "mix": {name: round(share, 4) for name, share in mix.items()},
            "kinds": {
                name: {key: round(value, 4) for key, value in asdict(kind).items()}
                for name, kind in kinds.items()
            },
            "policies": _policies(stages, card, expectation(kinds, mix)),
        }
        if worth_s is not None:
            chosen = best_threshold(
                known.p_know,
                known.never,
                known.always,
                lookup=stages.lookup.ms / 1000,
                worth=worth_s,
            )
            told["best_threshold"] = {
                "worth_s": worth_s,
                **{key: round(value, 4) for key, value in asdict(chosen).items()},
            }
    if missing:
        told["missing"] = missing
    return told


def _policies(stages: Stages, card: Card, expected: Any) -> dict[str, Any]:
    """Costs of never, always and gated retrieval, with accuracies where they are known."""
    from rag_router.costs import expected_cost, expected_saving

    costs = {
        "never": expected_cost(stages, 0.0, gated=False),
        "always": expected_cost(stages, 1.0, gated=False),
    }
    if expected is not None:
        costs["gated"] = expected_cost(stages, expected.rate)
    rows: dict[str, Any] = {}
    for name, cost in costs.items():
        row = _plain(cost)
        row["price"] = round(cost.price(card.price_prompt, card.price_completion), 8)
        if expected is not None:
            row["accuracy"] = round(getattr(expected, name), 4)
        rows[name] = row
    if expected is not None:
        rows["gated"] |= {
            "retrieval_rate": round(expected.rate, 4),
            "saving_ms": round(expected_saving(stages, expected.rate).ms, 2),
        }
    return rows


def _by_name(stages: Stages) -> dict[str, Cost]:
    return {name: getattr(stages, name) for name in ("gate", "answer", "retrieve", "context")}


def _plain(cost: Cost) -> dict[str, float]:
    return {
        "ms": round(cost.ms, 2),
        "lm_forward_passes": round(cost.passes, 2),
        "prompt_tokens": round(cost.prompt_tokens, 1),
        "completion_tokens": round(cost.completion_tokens, 1),
    }


def tell_costs(costs: Mapping[str, Any]) -> None:
    """Show people what `costs_of` found."""
    from rich.console import Console
    from rich.table import Table

    console = Console(emoji=False)
    for name, told in costs["experts"].items():
        table = Table("", "accuracy", "ms", "passes", "tokens read", "price", box=None)
        for policy, row in told["policies"].items():
            accuracy = f"{row['accuracy']:.3f}" if "accuracy" in row else ""
            price = f"{row['price']:.3g}" if row["price"] else ""
            table.add_row(
                policy,
                accuracy,
                f"{row['ms']:.0f}",
                f"{row['lm_forward_passes']:.1f}",
                f"{row['prompt_tokens']:.0f}",
                price,
            )
        click.echo(name)
        console.print(table)
        for line in _lines(told):
            click.echo(f"  {line}")


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    if (found := told.get("evaluation")) is not None:
        shares = ", ".join(f"{share:.0%} {kind}" for kind, share in told["mix"].items())
        yield f"questions: {shares}; figures of {found['n']} questions ({found['source']})"
        gated = told["policies"]["gated"]
        yield (
            f"the gate looks up {gated['retrieval_rate']:.0%} and saves "
            f"{gated['saving_ms']:.0f} ms a question against looking everything up"
        )
    if "break_even_rate" in told:
        yield f"a gate pays where it looks up less than {told['break_even_rate']:.0%}"
    if (best := told.get("best_threshold")) is not None:
        yield (
            f"where a right answer is worth {best['worth_s']:g} s, look up below p_know "
            f"{best['threshold']:.2f}: {best['accuracy']:.3f} right, {best['rate']:.0%} looked up"
        )
    yield from (f"missing {one}" for one in told.get("missing", ()))
