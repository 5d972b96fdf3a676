"""One record of a question set, with its place, read field by field."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rag_router.errors import DataError
from rag_router.types import Question

__all__ = ["Row", "Seen", "spellings"]


@dataclass(frozen=True, slots=True)
class Row:
    """A JSON object and where it stands.

    Attributes:
        place: File and line, or file and path inside its one document.
        fields: The object.
        layout: What such an object looks like; the hint of every error.
        number: Line in its file, from 1; 0 where it has none.
    """

    place: str
    fields: Mapping[str, Any]
    layout: str
    number: int = 0

    @classmethod
    def of(cls, value: Any, place: str, layout: str, *, number: int = 0) -> Row:
        """Take what should be an object.

        Raises:
            DataError: it is something else.
        """
        if not isinstance(value, dict):
            raise DataError(f"{place}: expected an object, saw {_shown(value)}.", hint=layout)
        return cls(place, value, layout, number)

    def wrong(self, reason: str) -> DataError:
        """The error that says what is wrong here."""
        return DataError(f"{self.place}: {reason}.", hint=self.layout)

    def identifier(self, *keys: str, default: str | None = None) -> str:
        """The first of `keys` that is there, a text or a whole number, as text.

        Raises:
            DataError: there is none and no default, or it is blank or of another kind.
        """
        key = next((key for key in keys if self.fields.get(key) is not None), None)
        if key is None:
            if default is not None:
                return default
            raise self.wrong(f"lacks {keys[0]!r}")
        value = self.fields[key]
        if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
            raise self.wrong(f"{key} is text or a whole number, saw {_shown(value)}")
        return str(value)

    def text(self, key: str) -> str:
        """A text that must be there and not be blank.

        Raises:
            DataError: it is missing, blank or no text.
        """
        if self.fields.get(key) is None:
            raise self.wrong(f"lacks {key!r}")
        value = self.optional_text(key)
        if not value.strip():
            raise self.wrong(f"{key} is blank")
        return value

    def optional_text(self, key: str) -> str:
        """A text; empty where there is none.

        Raises:
            DataError: it is no text.
        """
        value = self.fields.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.wrong(f"{key}: expected text, saw {_shown(value)}")
        return value

    def texts(self, key: str, *, lone: bool = False) -> tuple[str, ...]:
        """A list of texts without the blank ones; empty where there is none.

        Args:
            key: The field.
            lone: Whether a text by itself counts as a list of one.

        Raises:
            DataError: it is no list, or holds something else.
        """
        value = self.fields.get(key)
        if lone and isinstance(value, str):
            value = [value]
        found = self._list(key, value)
        for item in found:
            if not isinstance(item, str):
                raise self.wrong(f"{key}: expected text, saw {_shown(item)}")
        return tuple(item for item in found if item.strip())

    def rows(self, key: str) -> Iterator[Row]:
        """Yield the objects of a list; none where there is no list.

        Raises:
            DataError: it is no list, or holds something else.
        """
        # A file and its line end in a digit, a path inside a document in a bracket.
        joint = "." if self.place.endswith("]") else ": "
        for at, item in enumerate(self._list(key, self.fields.get(key))):
            yield Row.of(item, f"{self.place}{joint}{key}[{at}]", self.layout)

    def mapping(self, key: str) -> dict[str, Any]:
        """An object; empty where there is none.

        Raises:
            DataError: it is something else.
        """
        value = self.fields.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.wrong(f"{key} is an object, saw {_shown(value)}")
        return dict(value)

    def rest(self, used: Collection[str]) -> dict[str, Any]:
        """The fields that are not `used`."""
        return {key: value for key, value in self.fields.items() if key not in used}

    def _list(self, key: str, value: Any) -> list[Any]:
        if value is None:
            return []
        # A text is a sequence too: "Paris" would become five answers of one letter.
        if not isinstance(value, list):
            raise self.wrong(f"{key} is a list, saw {_shown(value)}")
        return value


class Seen:
    """The ids of a file, each with its place."""

    def __init__(self) -> None:
        self._places: dict[str, str] = {}

    def once(self, question: Question, place: str) -> Question:
        """Return the question, whose id must be new.

        Raises:
            DataError: the id stood before; names both places.
        """
        self.add(question.id, place)
        return question

    def add(self, id_: str, place: str) -> None:
        """Remember an id, which must be new.

        Raises:
            DataError: it stood before; names both places.
        """
        first = self._places.get(id_)
        if first is not None:
            raise DataError(f"{place}: the id {id_!r} stands twice, first at {first}.")
        self._places[id_] = place


def spellings(*groups: Iterable[str]) -> tuple[str, ...]:
    """Join answers: each spelling once, in order, without the blank ones."""
    return tuple(dict.fromkeys(text for group in groups for text in group if text.strip()))


def _shown(value: Any) -> str:
    # Never a whole tree: it may be large, or nested deeper than can be written.
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object of {len(value)} fields"
    shown = json.dumps(value, ensure_ascii=False, default=repr)
    return shown if len(shown) <= 60 else shown[:57] + "..."
