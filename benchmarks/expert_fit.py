"""What trained adapters bring: how long each took, and how often it is right without and with it.

    python -m benchmarks.expert_fit --adapter NAME=FOLDER... [--data NAME=FILE...]

An adapter is trained by `rag-router expert fit NAME --data FILE --out FOLDER`. Its card says what
was measured then. Where its FILE is given, its held-out questions are answered again, through the
adapter as it is served, and figures that are not those of the card are an error; answers are kept
in the home, so that this takes seconds after a fit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchmarks.record import record
from rag_router.artefacts import Card
from rag_router.assembly import load_expert
from rag_router.cli.options import fetch_announced, progress
from rag_router.errors import ArtefactError, SettingsError
from rag_router.eval.adapter_fitting import adapter_gain
from rag_router.eval.answers import without_passages
from rag_router.eval.datasets import data_hash, is_held_out, read_questions, sample
from rag_router.experts.adapting import adapted_expert
from rag_router.models.adapter_folders import read_adapter_card
from rag_router.outcomes import OutcomeCache
from rag_router.settings import Settings

_TOLD = ("n", "accuracy_base", "accuracy", "gain", "gain_low", "gain_high", "em_base", "em")


@click.command()
@click.option(
    "--adapter", "adapters", multiple=True, required=True, metavar="NAME=FOLDER", help="Trained."
)
@click.option("--data", multiple=True, metavar="NAME=FILE", help="What it was trained on.")
def main(adapters: tuple[str, ...], data: tuple[str, ...]) -> None:
    """Print and record what the cards say."""
    folders, files = _pairs(adapters), _pairs(data)
    unknown = files.keys() - folders.keys()
    if unknown:
        raise SettingsError(
            f"--data names {', '.join(sorted(unknown))}, which --adapter does not.",
            hint="Give an adapter of that name.",
        )
    figures: dict[str, Any] = {}
    for name, folder in folders.items():
        card = read_adapter_card(folder)
        if name in files:
            _measure_again(name, folder, card, files[name])
        figures[name] = {
            "base": card.model,
            "minutes": round(card.notes["seconds"] / 60, 2),
            "learned_from": card.notes["learned_from"],
            "steps": card.notes["steps"],
            "best_step": card.notes["best_step"],
            **{key: card.metrics[key] for key in _TOLD},
            "measured_again": name in files,
        }
        low, high = card.metrics["gain_low"], card.metrics["gain_high"]
        print(
            f"{name}: {card.metrics['accuracy_base']:.3f} -> {card.metrics['accuracy']:.3f}, "
            f"gain {card.metrics['gain']:+.3f} [{low:+.3f}, {high:+.3f}], "
            f"{figures[name]['minutes']} minutes"
        )
    cards = {name: read_adapter_card(folder) for name, folder in folders.items()}
    record(
        "expert-fit",
        figures,
        models={card.model: card.model_fingerprint for card in cards.values()},
        prompts={card.model: card.prompt_hash for card in cards.values()},
        data={name: card.data_hash for name, card in cards.items()},
        training={name: card.notes["training"] for name, card in cards.items()},
    )


def _measure_again(name: str, folder: Path, card: Card, file: Path) -> None:
    """Answer the held-out questions again.

    Raises:
        ArtefactError: the file is not what it was trained on, or the figures are others.
    """
    questions = read_questions([file])
    if data_hash(questions) != card.data_hash:
        raise ArtefactError(
            f"{folder} was not trained on {file} as it is now.", hint="Give the file it was."
        )
    settings = Settings()
    expert = load_expert(settings, model=card.model, fetch=fetch_announced)
    after = adapted_expert(expert, folder, name=expert.name)
    seed = int(card.notes["training"]["seed"])
    held = [q for q in questions if q.answers and is_held_out(q.id, seed=seed)]
    held = sample(held, int(card.notes["held_out"]))
    cache = OutcomeCache(settings.home / "outcomes.sqlite")
    judged = []
    for what, who in (("without", expert), ("with", after)):
        bar, move = progress(f"{name}: {what} the adapter")
        with bar:
            judged.append(without_passages(who, held, cache=cache, on_progress=move))
    found = adapter_gain(*judged)
    other = [key for key in _TOLD if found[key] != card.metrics[key]]
    if other:
        raise ArtefactError(
            f"{folder}: {', '.join(f'{k} is {found[k]}, not {card.metrics[k]}' for k in other)}.",
            hint="Train it again.",
        )


def _pairs(given: tuple[str, ...]) -> dict[str, Path]:
    pairs = [one.partition("=") for one in given]
    if any(not name or not path for name, _, path in pairs):
        raise SettingsError(f"{', '.join(given)} is not NAME=PATH.", hint="Write law=adapters/law.")
    return {name: Path(path) for name, _, path in pairs}


if __name__ == "__main__":
    main()
