"""A house with a bundled model in it, and one passage to look up."""

from __future__ import annotations

import json
from pathlib import Path

from rag_router.assembly import Parts, assemble, load_embedder, load_expert
from rag_router.indices.library import Library
from rag_router.orchestrator import Orchestrator
from rag_router.settings import GeneratorSettings, Settings

__all__ = ["VALVE", "real_house"]

VALVE = "How often is the Larkspur valve calibrated?"


def real_house(folder: Path) -> Orchestrator:
    """Put smollm2 over an index that says: every 90 days by the night shift."""
    settings = Settings(
        home=folder / "home", generator=GeneratorSettings(model="smollm2-135m-instruct")
    )
    embedder, library = load_embedder(settings), Library(settings.home)
    text = "The Larkspur valve is calibrated every 90 days by the night shift."
    file = folder / "valve.jsonl"
    file.write_text(json.dumps({"id": "valve", "title": "Valves", "text": text}), encoding="utf-8")
    library.add("handbook", [file], embedder)
    loaded = Parts(
        expert=load_expert(settings),
        embedder=embedder,
        indexes={"handbook": library.open("handbook", embedder)},
    )
    return assemble(settings, loaded)
