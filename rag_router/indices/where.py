"""Conditions on the metadata of documents, which searches apply while they search.

    topic=space          the field is that, or is a list that holds it
    topic!=space         it is there, and is not
    year>=1969           at least; also >, < and <=; numbers as numbers, text as text
    lang in en,de        one of them

Several conditions must all hold. A passage has the fields of its document and its own, such as
its page; `document`, `title` and `source` are what the document is called and where it came from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from rag_router.errors import SettingsError

__all__ = ["Condition", "Operator", "Scalar", "Where"]

Operator = Literal["=", "!=", ">", ">=", "<", "<=", "in"]
Scalar = str | int | float | bool

_WORDS: Final[Mapping[str, Operator]] = {
    "eq": "=",
    "ne": "!=",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "in": "in",
}
_WRITTEN = re.compile(r"\s*(?P<field>[^=!<>]+?)\s*(?P<operator>!=|>=|<=|=|>|<)(?P<value>.*)", re.S)
_IN = re.compile(r"\s*(?P<field>[^=!<>]+?)\s+in\s+(?P<value>.*)", re.S)
_SHAPE: Final = "Write FIELD=VALUE, FIELD!=VALUE, FIELD>=VALUE (or >, <, <=) or 'FIELD in A,B'."
_MOST: Final = 1000
"""Values in one condition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What one field must be.

    Attributes:
        field: Its name.
        operator: How it is compared.
        values: With what; one, but for "in".
        typed: Whether a value is only equal to one of its own type. What is written as text is
            not: `year=1969` finds the number and the text.
    """

    field: str
    operator: Operator
    values: tuple[Scalar, ...]
    typed: bool = True

    def __post_init__(self) -> None:
        if self.operator not in get_args(Operator):
            raise SettingsError(f"no comparison is called {self.operator!r}.", hint=_SHAPE)
        if '"' in self.field:
            raise SettingsError(
                f"{self.field!r} cannot be asked for.", hint="A field's name holds no quotes."
            )
        if not self.values or len(self.values) > _MOST:
            raise SettingsError(
                f"{self.field!r} is compared with {len(self.values)} values.",
                hint=f"Give 1 to {_MOST} of them.",
            )
        if self.operator in {">", ">=", "<", "<="} and isinstance(self.values[0], bool):
            raise SettingsError(
                f"{self.field!r} cannot be {self.operator} {self.values[0]}.",
                hint="Compare with a number or a text.",
            )

    @property
    def alike(self) -> tuple[Scalar, ...]:
        """The values, and what text among them may have meant."""
        if self.typed:
            return self.values
        meant = [_read(value) for value in self.values if isinstance(value, str)]
        return tuple({(type(v), v): v for v in (*self.values, *meant)}.values())


@dataclass(frozen=True, slots=True)
class Where:
    """Conditions that must all hold; none lets everything pass."""

    conditions: tuple[Condition, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.conditions)

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(condition.field for condition in self.conditions))

    @classmethod
    def written(cls, texts: Sequence[str]) -> Where:
        """Read conditions as people write them.

        Raises:
            SettingsError: one of them is none; says what they look like.
        """
        return cls(tuple(_condition(text) for text in texts))

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Where:
        """Read conditions as JSON has them.

            {"topic": "space", "lang": ["en", "de"], "year": {"gte": 1969, "lt": 1973}}

        Raises:
            SettingsError: a value cannot be compared with.
        """
        conditions: list[Condition] = []
        for field, wanted in fields.items():
            if isinstance(wanted, Mapping):
                if not wanted:
                    raise SettingsError(
                        f"{field!r} says nothing of what it must be.", hint=_words()
                    )
                for word, value in wanted.items():
                    if word not in _WORDS:
                        raise SettingsError(
                            f"{field!r}: no comparison is called {word!r}.", hint=_words()
                        )
                    values = value if word == "in" and isinstance(value, list | tuple) else [value]
                    conditions.append(_given(field, _WORDS[word], values))
            elif isinstance(wanted, list | tuple):
                conditions.append(_given(field, "in", wanted))
            else:
                conditions.append(_given(field, "=", [wanted]))
        return cls(tuple(conditions))


def _condition(text: str) -> Condition:
    if found := _WRITTEN.fullmatch(text):
        operator: Any = found["operator"]
        values: tuple[str, ...] = (found["value"].strip(),)
    elif found := _IN.fullmatch(text):
        operator = "in"
        values = tuple(part.strip() for part in found["value"].split(",") if part.strip())
    else:
        raise SettingsError(f"{text!r} is no condition.", hint=_SHAPE)
    return Condition(field=found["field"], operator=operator, values=values, typed=False)


def _given(field: str, operator: Operator, values: Sequence[Any]) -> Condition:
    for value in values:
        if not isinstance(value, str | int | float):
            raise SettingsError(
                f"{field!r} cannot be compared with {json.dumps(value, default=repr)[:40]}.",
                hint="A value is a text, a number, true or false.",
            )
    return Condition(field=field, operator=operator, values=tuple(values))


def _read(text: str) -> Scalar:
    """Read a number, true or false where a text is one."""
    if text in {"true", "false"}:
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _words() -> str:
    return f"Known: {', '.join(_WORDS)}."
