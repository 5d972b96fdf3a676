"""Build a router among experts from settings, and bring what it learned to it.

A fitted router is bound to the embedder whose vectors it reads: loading it for another one is an
error that names both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from rag_router.artefacts import Artefact
from rag_router.errors import ArtefactError
from rag_router.experts.routing import EXPERT_ROUTERS
from rag_router.experts.routing.base import ExpertRouter
from rag_router.experts.routing.learned import LearnedExpertRouter
from rag_router.registry import first_problem

__all__ = ["METHOD", "expert_router", "load_expert_router"]

METHOD: Final = "expert_router/"
"""How the method of a router's artefact begins."""


def expert_router(
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    fingerprint: str | None = None,
) -> ExpertRouter:
    """Build the router called `name`, with what it learned where an artefact is named.

    Args:
        name: One of the registry.
        options: Its fields as settings give them; those that change what was learned are the
            artefact's own. `artefact` is the folder that fitting wrote; without it nothing has
            been learned.
        fingerprint: Of the embedder in use; None does not check.

    Raises:
        UnknownNameError: there is no such router.
        SettingsError: an option is unknown or impossible.
        ArtefactError: the artefact is broken, another router's, or of another embedder.
    """
    fields = dict(options or {})
    folder = fields.pop("artefact", None)
    router = EXPERT_ROUTERS.build(name, **fields)
    if folder is None:
        return router
    return load_expert_router(Path(folder), fingerprint, given=router)


def load_expert_router(
    folder: Path, fingerprint: str | None, *, given: ExpertRouter | None = None
) -> LearnedExpertRouter:
    """Read a fitted router back.

    Args:
        folder: Its artefact.
        fingerprint: Of the embedder in use; None does not check.
        given: The router that settings name, with its options; None takes the artefact's.

    Raises:
        ArtefactError: it is broken, no such router's, or of another embedder.
    """
    folder = folder.expanduser()
    artefact = Artefact.load(folder)
    method = artefact.card.method
    name = method.removeprefix(METHOD)
    if not method.startswith(METHOD) or name not in EXPERT_ROUTERS:
        raise ArtefactError(
            f"{folder} holds {method}, which is no router among experts.",
            hint="Fit one: rag-router route fit-generators neighbours.",
        )
    router = EXPERT_ROUTERS.build(name) if given is None else given
    if not isinstance(router, LearnedExpertRouter) or router.called != name:
        raise ArtefactError(
            f"{folder} was fitted for the router {name!r}, and the settings name another one.",
            hint=f"Set name = {name!r}.",
        )
    if "embeddings" in router.needs:
        artefact.card.require(folder, model_fingerprint=fingerprint)
    try:
        return router.with_artefact(artefact)
    except (KeyError, TypeError, ValueError) as exc:  # pydantic's errors are ValueErrors
        wrong = first_problem(exc) if isinstance(exc, ValidationError) else f"{exc!r}."
        raise ArtefactError(
            f"{folder} does not hold what the router {name!r} learns: {wrong}", hint="Fit it again."
        ) from exc
