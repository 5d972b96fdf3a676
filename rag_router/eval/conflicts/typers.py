"""Typers by name: `rules`, or `spacy:` and the name of an installed model."""

from __future__ import annotations

from rag_router.errors import UsageError, did_you_mean
from rag_router.eval.conflicts.answer_types import Typer

__all__ = ["typer_named"]


def typer_named(name: str) -> Typer:
    """Return the typer that goes by a name.

    Args:
        name: "rules", or such as "spacy:en_core_web_sm".

    Raises:
        UsageError: nothing goes by that name.
        UnavailableError: spaCy or its model is not installed.
    """
    kind, colon, model = name.partition(":")
    if kind == "spacy" and model:
        from rag_router.eval.conflicts.spacy_typer import SpacyTyper

        return SpacyTyper.load(model)
    if kind == "rules" and not colon:
        from rag_router.eval.conflicts.rules import RuleTyper

        return RuleTyper()
    known = ("rules", "spacy:MODEL")
    raise UsageError(f"no typer named {name!r}.", hint=did_you_mean(name, known, "typer"))
