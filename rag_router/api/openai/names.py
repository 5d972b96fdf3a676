"""What a model's name asks for: `rag-router`, an expert's name, and what is said behind colons.

    rag-router:always                    look everything up
    rag-router:never                     look nothing up
    rag-router:index=handbook+towns      look only in these
    rag-router:reliance=0.3              how far memory is relied on
    rag-router:trace                     return the whole answer with its reasons
    rag-router:openwebui                 show sources as this frontend wants them
    rag-router:title                     write the title of a conversation

Frontends let their users choose a model where they let them choose nothing else.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, get_args

from rag_router.api.openai.schemas import Profile
from rag_router.errors import UnknownNameError, UsageError
from rag_router.types import Retrieval

__all__ = ["Wanted", "variants", "wanted_of"]

_RETRIEVALS: Final[tuple[Retrieval, ...]] = get_args(Retrieval)
_PROFILES: Final[tuple[Profile, ...]] = get_args(Profile)
_SUFFIXES: Final = (*_RETRIEVALS, *_PROFILES, "trace", "title", "index=NAME", "reliance=0.5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a name asks for; None where it says nothing.

    Attributes:
        expert: Who is to answer.
        retrieval: Whether to look things up.
        indexes: Where.
        reliance: How far memory is relied on.
        trace: Whether the whole answer is returned.
        profile: How sources are shown.
        title: Whether a title is wanted, and no answer.
    """

    expert: str | None = None
    retrieval: Retrieval | None = None
    indexes: tuple[str, ...] | None = None
    reliance: float | None = None
    trace: bool = False
    profile: Profile | None = None
    title: bool = False


def wanted_of(name: str, *, service: str, experts: Collection[str]) -> Wanted:
    """Take a model's name apart.

    Args:
        name: As the client sent it.
        service: What the service is called.
        experts: Names of the experts that may be asked for.

    Raises:
        UnknownNameError: it begins with nobody's name, or says something nobody knows.
        UsageError: a number in it is none, or out of range.
    """
    if name in experts:
        return Wanted(expert=name)
    # A dedicated name for titles is what some frontends are configured with.
    if name == f"{service}-title":
        return Wanted(title=True)
    base, *suffixes = name.split(":")
    if base not in (service, *experts):
        raise UnknownNameError("model", name, [service, *experts])
    wanted = Wanted(expert=base if base != service else None)
    for suffix in suffixes:
        wanted = _with(wanted, suffix, name)
    return wanted


def variants(service: str, experts: Collection[str], indexes: Collection[str]) -> list[str]:
    """Return the names that are worth choosing among, each once, the plain one first."""
    each = [f"{service}:index={index}" for index in indexes] if len(indexes) > 1 else []
    several = list(experts) if len(experts) > 1 else []
    return list(dict.fromkeys([service, f"{service}:always", f"{service}:never", *each, *several]))


def _with(wanted: Wanted, suffix: str, name: str) -> Wanted:
    for retrieval in _RETRIEVALS:
        if suffix == retrieval:
            return replace(wanted, retrieval=retrieval)
    for profile in _PROFILES:
        if suffix == profile:
            return replace(wanted, profile=profile)
    if suffix == "trace":
        return replace(wanted, trace=True)
    if suffix == "title":
        return replace(wanted, title=True)
    key, _, value = suffix.partition("=")
    if key == "index" and value:
        return replace(wanted, indexes=tuple(value.split("+")))
    if key == "reliance":
        try:
            reliance = float(value)
        except ValueError:
            reliance = -1.0
        if not 0.0 <= reliance <= 1.0:
            raise UsageError(f"{name!r}: reliance is {value!r}.", hint="Give a number from 0 to 1.")
        return replace(wanted, reliance=reliance)
    raise UnknownNameError(
        "model", name, (), hint=f"Behind a colon it may say: {', '.join(_SUFFIXES)}."
    )
