"""How popular what a question asks about is: page views a month.

Mallen et al. 2023, "When not to trust language models" (arXiv 2212.10511): what many people look
up is written about often, and what is written about often is remembered. The views come with the
question (`s_pop` in PopQA), or from a file of names; the longest name in the question counts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from rag_router.errors import DataError
from rag_router.scoring import normalise
from rag_router.signals.base import Board, Reading
from rag_router.types import Question

__all__ = ["EntityPopularity", "Popularity", "read_views"]

_VIEWS: Final = ("s_pop", "popularity")
_RELATIONS: Final = ("prop", "relation")
_LAYOUT: Final = 'Give "name<tab>views" or {"name": ..., "views": ...} on each line.'


@dataclass(frozen=True, slots=True)
class Popularity:
    """What is known of the popularity of a question's subject.

    Attributes:
        views: A month, >= 0; None where nothing is known.
        relation: What is asked about the subject, such as "occupation"; empty if nobody says.
    """

    views: float | None
    relation: str = ""


@dataclass(frozen=True, slots=True)
class EntityPopularity:
    """Looked up, never computed: no model reads anything for it.

    Args:
        file: Names and monthly views, tab-separated or JSON Lines; None goes by what comes with
            the questions alone.
    """

    file: str | None = None

    @property
    def name(self) -> str:
        return "entity_popularity"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[Popularity]]:
        """Look up the subjects of these rows; what comes with a question goes before the file.

        Raises:
            DataError: views are no number >= 0, or the file cannot be read.
        """
        table = _Table({}, 0) if self.file is None else _table(Path(self.file).expanduser())
        return [Reading(_looked_up(board.questions[row], table)) for row in rows]


@dataclass(frozen=True, slots=True)
class _Table:
    """Views by normalised name, and the words of the longest name."""

    views: Mapping[str, float]
    words: int

    def longest_in(self, text: str) -> float | None:
        """Views of the longest name that occurs in a text as whole words; the first of several."""
        words = normalise(text).split()
        for size in range(min(self.words, len(words)), 0, -1):
            for start in range(len(words) - size + 1):
                found = self.views.get(" ".join(words[start : start + size]))
                if found is not None:
                    return found
        return None


def read_views(path: Path) -> dict[str, float]:
    """Read monthly views by normalised name; of a name that stands twice, the larger number.

    Raises:
        DataError: the file cannot be read, or a line is broken; says which.
    """
    views: dict[str, float] = {}
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise DataError(f"views cannot be read from {path}: {exc}.", hint=_LAYOUT) from exc
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        name, seen = _cells(line, place)
        key = normalise(name)
        if key:
            views[key] = max(_checked(seen, place), views.get(key, 0.0))
    return views


def _looked_up(question: Question, table: _Table) -> Popularity:
    meta = question.meta
    relation = next((str(v) for v in _of(meta, _RELATIONS)), "")
    given = next(_of(meta, _VIEWS), None)
    if given is not None:
        return Popularity(_checked(given, f"question {question.id!r}"), relation)
    return Popularity(table.longest_in(question.text), relation)


def _of(meta: Mapping[str, Any], keys: Sequence[str]) -> Iterator[Any]:
    return (meta[key] for key in keys if meta.get(key) not in (None, ""))


def _cells(line: str, place: str) -> tuple[str, Any]:
    if line.lstrip().startswith("{"):
        try:
            row = json.loads(line)
            return str(row["name"]), row["views"]
        except (ValueError, KeyError) as exc:
            raise DataError(f"{place}: not a name with views: {exc}.", hint=_LAYOUT) from exc
    name, tab, seen = line.partition("\t")
    if not tab:
        raise DataError(f"{place}: no tab in {line[:40]!r}.", hint=_LAYOUT)
    return name, seen.strip()


def _checked(seen: Any, place: str) -> float:
    try:
        views = math.nan if isinstance(seen, bool) else float(seen)
    except (TypeError, ValueError):
        views = math.nan
    if not 0 <= views < math.inf:
        raise DataError(f"{place}: views are a number >= 0, not {seen!r}.", hint=_LAYOUT)
    return views


def _table(path: Path) -> _Table:
    try:
        stat = path.stat()
    except OSError as exc:
        raise DataError(f"views cannot be read from {path}: {exc}.", hint=_LAYOUT) from exc
    return _read_once(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _read_once(path: Path, changed_ns: int, size: int) -> _Table:
    """Read a file anew only when it has changed."""
    del changed_ns, size
    views = read_views(path)
    return _Table(views, max((len(name.split()) for name in views), default=0))
