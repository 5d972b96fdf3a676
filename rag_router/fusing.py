"""From settings to several experts of a pool that answer together.

[fusion]
name = "mixture"
experts = ["gemma", "medicine"]
weights = "p_know"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from rag_router.artefacts import Artefact
from rag_router.errors import ArtefactError, SettingsError, UnknownNameError
from rag_router.experts.fusion import FUSIONS, AnswerFusion, TokenFusion
from rag_router.experts.fusion.frugal import FrugalFusion
from rag_router.experts.fusion.weighing import WEIGHINGS, Weighing
from rag_router.registry import first_problem
from rag_router.settings import FusionSettings, Settings

if TYPE_CHECKING:
    from rag_router.experts.routing import ExpertRouter
    from rag_router.orchestrator import PooledOrchestrator

__all__ = ["check_fusion", "fused", "load_fusion"]


def fused(settings: Settings, pooled: PooledOrchestrator) -> PooledOrchestrator:
    """Return a pool whose experts answer together where the settings say so, else as it is.

    Raises:
        UsageError: the settings are wrong.
        ArtefactError: what the fusion learned is broken, or nothing of its own.
    """
    from rag_router.orchestrator.fused_pool import FusingOrchestrator

    component = settings.fusion
    if component is None:
        return pooled
    check_fusion(settings)
    return FusingOrchestrator(
        **{f.name: getattr(pooled, f.name) for f in fields(pooled)},
        fusion=load_fusion(component),
        fusion_name=component.name,
        experts=component.experts,
        weighing=_weighing(component, pooled.router),
    )


def load_fusion(component: FusionSettings) -> TokenFusion | AnswerFusion:
    """Build the fusion that the settings name, with what it recorded where an artefact is named.

    Raises:
        UnknownNameError: there is no such fusion.
        SettingsError: an option is unknown or impossible.
        ArtefactError: the artefact is broken, or not the fusion's own.
    """
    options = dict(component.options)
    folder = options.pop("artefact", None)
    fusion = FUSIONS.build(component.name, **options)
    if folder is None:
        return fusion
    if not isinstance(fusion, FrugalFusion):
        raise SettingsError(
            f"fusion {component.name!r} learns nothing, and artefact = {folder!r} is named.",
            hint="Leave it out; 'frugal' has one.",
        )
    where = Path(str(folder)).expanduser()
    artefact = Artefact.load(where)
    if artefact.card.method != component.name:
        raise ArtefactError(
            f"{where} holds {artefact.card.method}, and not what {component.name!r} recorded."
        )
    try:
        return fusion.with_artefact(artefact)
    except (KeyError, TypeError, ValueError) as exc:
        wrong = first_problem(exc) if isinstance(exc, ValidationError) else f"{exc!r}."
        raise ArtefactError(
            f"{where} does not hold what {component.name!r} records: {wrong}", hint="Record again."
        ) from exc


def check_fusion(settings: Settings) -> None:
    """Find what is wrong with the fusion of the settings, without loading a model.

    Raises:
        UsageError: a name or option is wrong, or experts that show words alone are to be fused
            token by token.
    """
    component = settings.fusion
    if component is None:
        return
    options = {key: value for key, value in component.options.items() if key != "artefact"}
    fusion = FUSIONS.build(component.name, **options)
    there = {one.name: one for one in settings.experts}
    for name in component.experts or ():
        if name not in there:
            raise UnknownNameError("expert", name, there)
    names = component.experts or tuple(there)
    if len(names) < 2:
        raise SettingsError(
            f"fusion {component.name!r} is of several experts; saw {', '.join(names) or 'none'}.",
            hint="Name at least two in [[experts]], or leave [fusion] out.",
        )
    if not isinstance(fusion, TokenFusion):
        return
    fusion.check(names)
    for name in names:
        if there[name].url is not None:
            raise SettingsError(
                f"fusion {component.name!r} puts next-token distributions together, and the "
                f"expert {name!r} shows its words alone.",
                hint="Leave it out of fusion.experts, or fuse answers: 'vote' or 'frugal'.",
            )


def _weighing(component: FusionSettings, router: ExpertRouter) -> Weighing:
    options: Mapping[str, Mapping[str, Any]] = {
        "p_know": {"sharpness": component.sharpness},
        "router": {"sharpness": component.sharpness, "router": router},
    }
    return WEIGHINGS.build(component.weights, **options.get(component.weights, {}))
