"""Question sets out of the optional `datasets` library: `hf:org/name[:config][@split]`.

No code of a set is ever run: from its fourth version on the library cannot.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from rag_router.errors import UnavailableError, UsageError
from rag_router.eval.readers.columns import Columns, question_of
from rag_router.eval.readers.row import Row, Seen
from rag_router.types import Question

__all__ = ["Source", "load_rows", "only_split", "read_huggingface"]

_NAME: Final = re.compile(
    r"hf:(?P<name>[\w.-]+(?:/[\w.-]+)?)(?::(?P<config>[^@:]+))?(?:@(?P<split>[^@:]+))?"
)
_LAYOUT: Final = "Name the columns that hold question, answers and id."

Rows = Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Source:
    """A data set, its configuration and its split; None takes the only one there is."""

    name: str
    config: str | None = None
    split: str | None = None

    @classmethod
    def parse(cls, text: str) -> Source:
        """Take a name such as `hf:org/name:config@test` apart.

        Raises:
            UsageError: it is not of that form.
        """
        found = _NAME.fullmatch(text)
        if found is None:
            raise UsageError(
                f"{text!r} names no data set.", hint="Write hf:org/name[:config][@split]."
            )
        return cls(found["name"], found["config"], found["split"])

    def __str__(self) -> str:
        config = f":{self.config}" if self.config else ""
        return f"hf:{self.name}{config}{f'@{self.split}' if self.split else ''}"


def load_rows(source: Source) -> Rows:
    """Load a set with the `datasets` library, which fetches what it does not have.

    Raises:
        UnavailableError: the library is not installed, or the set is not to be had.
        UsageError: the set has several splits and none is named.
    """
    try:
        library = import_module("datasets")
    except ImportError as exc:
        raise UnavailableError(
            f"{source} is read with the datasets library, which is not installed.",
            hint="Run: pip install 'datasets>=4'.",
        ) from exc
    try:
        found = library.load_dataset(source.name, source.config, split=source.split)
    except (OSError, ValueError, RuntimeError, library.exceptions.DatasetsError) as exc:
        raise UnavailableError(
            f"{source} cannot be loaded: {str(exc).rstrip('.')}.",
            hint="Check the name, configuration and split, and the network.",
        ) from exc
    if source.split:
        rows: Rows = found
        return rows
    return only_split(source, found)


def read_huggingface(
    name: str,
    *,
    columns: Columns | None = None,
    load: Callable[[Source], Rows] = load_rows,
) -> Iterator[Question]:
    """Yield the questions of a set in order.

    A question without an id is called after the set and its row (`hf:org/name@test:17`).

    Args:
        name: `hf:org/name[:config][@split]`.
        columns: Which column holds what; None goes by common names.
        load: Where rows come from.

    Raises:
        UsageError: the name is wrong, or the set has several splits and none is named.
        UnavailableError: the library or the set is not to be had.
        DataError: a row is no question, or an id stands twice.
    """
    source = Source.parse(name)
    seen = Seen()
    for number, record in enumerate(load(source), start=1):
        row = Row(f"{source}: row {number}", record, _LAYOUT, number)
        yield seen.once(question_of(row, columns or Columns(), f"{source}:{number}"), row.place)


def only_split(source: Source, splits: Mapping[str, Rows]) -> Rows:
    """The rows of the one split there is.

    Raises:
        UsageError: there are several, or none.
    """
    if len(splits) != 1:
        raise UsageError(
            f"{source} has {len(splits)} splits: {', '.join(splits)}.",
            hint=f"Name one, such as {source}@{next(iter(splits), 'test')}.",
        )
    return next(iter(splits.values()))
