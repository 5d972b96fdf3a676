"""What gates cost, watched on a few questions and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag_router.assembly import Parts
    from rag_router.cli.evaluate.kept import Kept
    from rag_router.eval.judging import Price
    from rag_router.eval.labels import Labelled
    from rag_router.gates import Gate
    from rag_router.settings import Settings

__all__ = ["prices_of"]

_BATCHES = 5
"""On which a gate's cost is watched; the first one only warms up."""


def prices_of(
    settings: Settings,
    parts: Parts,
    gates: Mapping[str, Gate],
    labelled: Sequence[Labelled],
    kept: Kept,
    seed: int,
) -> dict[str, Price]:
    """Watch what each gate costs on a few questions; what was watched once is kept."""
    from dataclasses import asdict

    from rag_router.artefacts import fingerprint_of, identity_of
    from rag_router.eval.datasets import sample
    from rag_router.eval.features import marks_of
    from rag_router.eval.judging import Price, price_of

    generator, partners = settings.generator, parts.partners
    few = sample([one.question for one in labelled], _BATCHES * generator.batch_size)
    # By what they are and not by their ids, which several sets may use.
    watched = [one for one in labelled if any(one.question is chosen for chosen in few)]
    found: dict[str, Price] = {}
    for name, gate in gates.items():
        key = fingerprint_of(
            "price",
            *marks_of(parts.expert, partners),
            generator.device,
            generator.dtype,
            str(generator.batch_size),
            identity_of(gate),
            str(seed),
            *(one.question.text for one in watched),
        )
        known = {} if kept.records is None else kept.records.get_json([key])
        if key in known:
            found[name] = Price(**known[key])
            continue
        found[name] = price_of(
            gate,
            parts.expert,
            watched,
            partners=partners,
            batch_size=generator.batch_size,
            seed=seed,
        )
        if kept.records is not None:
            kept.records.put_json("price", {key: asdict(found[name])})
    return found
