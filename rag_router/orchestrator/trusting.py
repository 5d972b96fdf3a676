"""How far sources are trusted, by what whoever asks calls them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["TrustWithin"]


class TrustWithin(Mapping[str, float]):
    """Trust of the indexes that a request may look in.

    Two tenants may call two indexes the same, and each is trusted for itself.

    Args:
        trust: By the indexes' own names.
        within: These names, by what the indexes are called in the request.
    """

    def __init__(self, trust: Mapping[str, float], within: Mapping[str, str]) -> None:
        self._trust = trust
        self._within = within

    def __getitem__(self, name: str) -> float:
        return self._trust[self._within.get(name, name)]

    def __iter__(self) -> Iterator[str]:
        own = (called for called, name in self._within.items() if name in self._trust)
        beside = (name for name in self._trust if name not in self._within.values())
        yield from dict.fromkeys([*own, *beside])

    def __len__(self) -> int:
        return sum(1 for _ in self)
