"""One table per kind of component, from name to where its class stands.

Entries are strings ("module:attribute") and are imported when they are used, so that listing
components costs nothing. A third party adds one with an entry point in the group
`rag_router.<kind>`, and no line here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from rag_router.errors import SettingsError, UnknownNameError, did_you_mean

__all__ = ["Registry", "first_problem"]

T = TypeVar("T")


class Registry(Generic[T]):
    """Names of one kind, and the classes behind them, imported on first use.

    Args:
        kind: The kind in the singular, such as "gate"; also the entry point group's last part.
        entries: name -> "module:attribute".
        aliases: Other names that may be asked for -> the name of an entry. They are not listed.
    """

    def __init__(
        self, kind: str, entries: Mapping[str, str], aliases: Mapping[str, str] | None = None
    ) -> None:
        self.kind = kind
        self._own = dict(entries)
        self.aliases = dict(aliases or {})

    @cached_property
    def entries(self) -> dict[str, str]:
        """All entries, our own first; an entry point never replaces one of ours."""
        foreign = {e.name: e.value for e in entry_points(group=f"rag_router.{self.kind}")}
        return {**foreign, **self._own}

    def names(self) -> list[str]:
        return sorted(self.entries)

    def canonical(self, name: str) -> str:
        """The name that artefacts and tables know a component by; an unknown one stays as it is."""
        return self.aliases.get(name, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.entries or name in self.aliases

    def get(self, name: str) -> type[T]:
        """Import and return the class called `name`.

        Raises:
            UnknownNameError: nothing goes by that name.
        """
        entry = self.entries.get(self.canonical(name))
        if entry is None:
            raise UnknownNameError(self.kind, name, {*self.entries, *self.aliases})
        module, _, attribute = entry.partition(":")
        found: type[T] = getattr(import_module(module), attribute)
        return found

    def build(self, name: str, /, **options: Any) -> T:
        """Construct the component called `name` from its configuration.

        Raises:
            UnknownNameError: nothing goes by that name.
            SettingsError: an option is unknown or its value impossible.
        """
        cls = self.get(name)
        try:
            return cls(**options)
        except ValidationError as exc:
            raise SettingsError(
                f"{self.kind} {name!r}: {first_problem(exc)}", hint=self._options_hint(cls, exc)
            ) from exc

    def summary(self, name: str) -> str:
        """First line of the class's docstring."""
        return (self.get(name).__doc__ or "").strip().splitlines()[0]

    def _options_hint(self, cls: type[T], exc: ValidationError) -> str:
        known = list(getattr(cls, "__dataclass_fields__", {}))
        first = exc.errors()[0]
        # pydantic calls an unknown argument of a dataclass "unexpected_keyword_argument".
        if first["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
            return did_you_mean(str(first["loc"][-1]), known, "option")
        return ""


def first_problem(exc: ValidationError) -> str:
    """Say in one line what is wrong first: where, what would be right, and what was seen."""
    first = exc.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']} (saw {first.get('input')!r})."
