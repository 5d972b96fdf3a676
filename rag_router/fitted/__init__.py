"""What was learned about the bundled models, shipped inside the package.

A folder `<kind>--<component>--<model>` for each; `rag-router gate fit` and its likes make them.
"""

from __future__ import annotations

import json
from pathlib import Path

from rag_router.artefacts import CARD, Artefact, Card
from rag_router.errors import ArtefactError

__all__ = ["fitted_for", "shipped", "shipped_cards"]

_HERE = Path(__file__).parent


def fitted_for(kind: str, component: str) -> list[str]:
    """Return the names of the models that a component is shipped fitted for."""
    folders = sorted(_HERE.glob(f"{kind}--{component}--*"))
    return [folder.name.split("--", 2)[2] for folder in folders]


def shipped_cards(kind: str, component: str) -> list[Card]:
    """Return the cards of all that is shipped of a component, without its weights."""
    folders = sorted(_HERE.glob(f"{kind}--{component}--*"))
    return [Card(**json.loads((f / CARD).read_text(encoding="utf-8"))) for f in folders]


def shipped(
    kind: str,
    component: str,
    model_fingerprint: str,
    *,
    named: Path | None = None,
    prompt_hash: str | None = None,
) -> Artefact | None:
    """Find the artefact of a component for a model; None if there is none.

    Args:
        kind: "gate", "filter" or "decoder".
        component: Its name.
        model_fingerprint: The model it must speak about.
        named: An artefact that somebody named; it is taken, and must fit.
        prompt_hash: The prompt it must have been fitted under, where one is involved.

    Raises:
        ArtefactError: the named artefact is broken or does not fit.
    """
    if named is not None:
        found = Artefact.load(named, model_fingerprint=model_fingerprint, prompt_hash=prompt_hash)
        if found.card.method != f"{kind}/{component}":
            raise ArtefactError(
                f"{named} was fitted for {found.card.method}, not for {kind}/{component}.",
                hint="Name another artefact, or fit one.",
            )
        return found
    for folder in sorted(_HERE.glob(f"{kind}--{component}--*")):
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        same_prompt = prompt_hash is None or card["prompt_hash"] == prompt_hash
        if card["model_fingerprint"] == model_fingerprint and same_prompt:
            return Artefact.load(folder)
    return None
