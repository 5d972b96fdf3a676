"""Several indices, of which only what meets conditions is searched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar, runtime_checkable

from rag_router.errors import SettingsError, UnknownNameError
from rag_router.indices.view import IndexView
from rag_router.indices.where import Where

__all__ = ["Narrowable", "narrowed"]

T = TypeVar("T")


@runtime_checkable
class Narrowable(Protocol):
    """An index that knows the fields of its documents."""

    @property
    def fields(self) -> frozenset[str]:
        """Names of the fields that conditions can be about."""

    def where(self, where: Where, *, strict: bool = True) -> IndexView:
        """Return what of this index meets conditions."""


def narrowed(indices: Mapping[str, T], where: Where | None) -> Mapping[str, T | IndexView]:
    """Return what of some indices meets conditions; one that lacks a field holds nothing then.

    Raises:
        UnknownNameError: none of them has a field of that name.
        SettingsError: one of them cannot be asked for conditions.
    """
    if not where or not indices:
        return indices
    asked: dict[str, Narrowable] = {}
    for name, index in indices.items():
        if not isinstance(index, Narrowable):
            raise SettingsError(
                f"index {name!r} knows no fields, so that no conditions can be put to it.",
                hint="Leave it out, or ask without conditions.",
            )
        asked[name] = index
    known = {field for index in asked.values() for field in index.fields}
    for field in where.fields:
        if field not in known:
            raise UnknownNameError("field", field, known)
    return {name: index.where(where, strict=False) for name, index in asked.items()}
