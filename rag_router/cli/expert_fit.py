"""`rag-router expert fit`: an adapter that makes a local model an expert of a field."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag_router.cli.fitting import say_too_long
from rag_router.cli.options import (
    as_json,
    config_option,
    fetch_announced,
    print_json,
    progress,
    settings_from,
)
from rag_router.models.adapter_settings import AdapterTraining

if TYPE_CHECKING:
    from rag_router.eval.adapter_lessons import AdapterLessons
    from rag_router.experts import Expert
    from rag_router.models.adapter_training import TrainedAdapter
    from rag_router.settings import Settings
    from rag_router.types import Question

__all__ = ["fit"]

_USUAL = AdapterTraining()


@click.command()
@click.argument("name")
@click.option(
    "--data",
    "paths",
    multiple=True,
    required=True,
    metavar="FILE",
    help="Questions with answers of the expert's field: a file or folder in any layout that is "
    "known, or hf:org/name; may be given several times.",
)
@click.option(
    "--base", metavar="MODEL", help="Model to adapt; the settings' generator where left out."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder to write the adapter to.",
)
@click.option("--passages", is_flag=True, help="Also learn from passages, good and bad ones.")
@click.option("--limit", type=click.IntRange(min=1), help="Most questions of each set.")
@click.option(
    "--held-limit",
    type=click.IntRange(min=1),
    default=400,
    show_default=True,
    help="Most held-out questions that are answered before and after.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=_USUAL.minutes,
    show_default=True,
    help="Most minutes of training.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Most times all questions are seen.")
@click.option("--rank", type=click.IntRange(1, 256), help="Rank of the adapter's matrices.")
@click.option(
    "--learning-rate", type=click.FloatRange(min=0, min_open=True), help="Highest learning rate."
)
@click.option("--batch-size", type=click.IntRange(min=1), help="Questions in a step.")
@click.option(
    "--layers",
    type=click.Choice(["all", "attention", "queries_and_values"]),
    help="Which linear layers get matrices.",
)
@click.option("--answer-tokens", type=click.IntRange(min=1), help="Most tokens of an answer.")
@click.option(
    "--seed", default=0, show_default=True, help="Of the held-out split, and of all else."
)
@click.option("--fresh", is_flag=True, help="Begin anew, whatever was begun before.")
@config_option
@as_json
def fit(
    name: str,
    paths: tuple[str, ...],
    base: str | None,
    out: Path,
    passages: bool,
    limit: int | None,
    held_limit: int,
    minutes: float,
    epochs: int | None,
    rank: int | None,
    learning_rate: float | None,
    batch_size: int | None,
    layers: str | None,
    answer_tokens: int | None,
    seed: int,
    fresh: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Train an adapter for the expert NAME (LoRA) on questions with answers.

    One half of the questions is learned from, the other one tells what it brings: the card says
    how often the model is right without and with the adapter. A training that was stopped goes on
    where it was when the same command is given again.
    """
    from rag_router.cli.fitting import read_labelled
    from rag_router.models.adapter_checkpoints import checkpoint_lock
    from rag_router.models.adapter_folders import require_empty
    from rag_router.models.query_adapters import require_peft

    settings = settings_from(config, expert=base)
    require_empty(out)
    require_peft()
    questions = read_labelled(paths, limit=limit, answers=False).questions
    given: dict[str, Any] = {
        "epochs": epochs,
        "rank": rank,
        "alpha": None if rank is None else 2 * rank,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "layers": layers,
        "answer_tokens": answer_tokens,
    }
    training = AdapterTraining(
        **{key: value for key, value in given.items() if value is not None},
        minutes=minutes,
        seed=seed,
    )
    work = out.parent / f".{out.name}-training"
    with checkpoint_lock(work):
        if fresh:
            for left in work.glob("step-*"):
                shutil.rmtree(left)
        card = _fit(
            name, settings, questions, training, out, work, passages=passages, limit=held_limit
        )
    shutil.rmtree(work, ignore_errors=True)
    _tell(card, out, as_json=as_json)


def _fit(
    name: str,
    settings: Settings,
    questions: list[Question],
    training: AdapterTraining,
    out: Path,
    work: Path,
    *,
    passages: bool,
    limit: int,
) -> Any:
    from rag_router.assembly import load_expert
    from rag_router.eval.adapter_fitting import adapter_card, adapter_gain
    from rag_router.eval.adapter_lessons import adapter_lessons
    from rag_router.eval.answers import without_passages
    from rag_router.models.adapter_folders import write_adapter
    from rag_router.outcomes import OutcomeCache

    expert = load_expert(settings, fetch=fetch_announced)
    lessons = adapter_lessons(
        expert,
        questions,
        answer_tokens=training.answer_tokens,
        passages=passages,
        held_limit=limit,
        seed=training.seed,
    )
    say_too_long(lessons.too_long)
    trained = _train(expert, lessons, training, work, questions, passages=passages)
    if trained.best == 0:
        click.echo(
            "No adapter was better than none on questions kept apart: this one changes nothing.",
            err=True,
        )
    cache = OutcomeCache(settings.home / "outcomes.sqlite")
    size = settings.generator.batch_size
    adapted = _adapted(expert, trained)
    figures = []
    for what, who in (("without the adapter", expert), ("with the adapter", adapted)):
        bar, move = progress(what)
        with bar:
            figures.append(
                without_passages(who, lessons.held, cache=cache, batch_size=size, on_progress=move)
            )
    card = adapter_card(
        name,
        expert,
        questions,
        lessons=lessons,
        trained=trained,
        metrics=adapter_gain(*figures),
        training=training,
        passages=passages,
    )
    return write_adapter(out, card, trained.weights, trained.config)


def _train(
    expert: Expert,
    lessons: AdapterLessons,
    training: AdapterTraining,
    work: Path,
    questions: list[Question],
    *,
    passages: bool,
) -> TrainedAdapter:
    from rag_router.eval.adapter_fitting import training_identity
    from rag_router.models.adapter_training import train_generator_adapter

    bar, move = progress("training")
    with bar:
        return train_generator_adapter(
            expert.model,
            lessons.rows,
            lessons.judged,
            training,
            identity=training_identity(expert, questions, passages=passages),
            checkpoints=work,
            on_progress=move,
        )


def _adapted(expert: Expert, trained: TrainedAdapter) -> Expert:
    """Lay what was trained over the expert as whoever serves it will."""
    import tempfile

    from rag_router.experts.adapting import adapted_expert
    from rag_router.models.adapter_folders import put_adapter

    with tempfile.TemporaryDirectory() as folder:
        put_adapter(Path(folder), trained.weights, trained.config)
        return adapted_expert(expert, Path(folder), name=expert.name)


def _tell(card: Any, out: Path, *, as_json: bool) -> None:
    from dataclasses import asdict

    described = {"path": str(out), **asdict(card)}
    if as_json:
        print_json(described)
        return
    figures = card.metrics
    click.echo(f"adapter   {out}, over {card.model}")
    click.echo(f"learned   {card.notes['learned_from']} questions, {card.notes['best_step']} steps")
    for name, key in (("without", "accuracy_base"), ("with", "accuracy"), ("gain", "gain")):
        low, high = figures[f"{key}_low"], figures[f"{key}_high"]
        click.echo(f"{name:<10}{figures[key]:.3f} ({low:.3f} to {high:.3f})")
    click.echo(f"of        {figures['n']:.0f} held-out questions")
