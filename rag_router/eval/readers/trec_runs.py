"""Rankings as `trec_eval` reads them: `query Q0 document rank score tag`.

The scores decide; the ranks are written for people. Equal scores keep the order of the file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from rag_router.errors import DataError
from rag_router.eval.readers.lines import read_lines
from rag_router.eval.readers.writing import write_lines

__all__ = ["check_run", "read_run", "write_run"]

_LAYOUT: Final = "Each line is 'query Q0 document rank score tag'."
_BLANKS: Final = " \t\r\n\f\v"
# A mark at the very start of a file would be taken for its byte order mark.
_WORD: Final = re.compile(rf"[^{_BLANKS}\ufeff][^{_BLANKS}]*")
_SPACE: Final = re.compile(f"[{_BLANKS}]+")


def read_run(path: Path) -> dict[str, dict[str, float]]:
    """Read a ranking: query -> document -> score, higher is better, in the order of the file.

    Raises:
        DataError: a line is broken, or a document stands twice for a query.
    """
    run: dict[str, dict[str, float]] = {}
    for place, query, document, score in _rows(path):
        found = run.setdefault(query, {})
        if document in found:
            first = next(at for at, *pair, _ in _rows(path) if pair == [query, document])
            raise DataError(
                f"{place}: document {document!r} stands twice for query {query!r}, "
                f"first at {first}."
            )
        found[document] = score
    return run


def write_run(path: Path, run: Mapping[str, Mapping[str, float]], *, tag: str) -> None:
    """Write a ranking, best first for each query; the file appears whole or not at all.

    Args:
        path: The file.
        run: Query -> document -> score. A query without documents leaves no trace.
        tag: What the ranking is called, one word.

    Raises:
        DataError: an id or the tag is blank or holds white space, or a score is not finite.
    """
    write_lines(path, _lines(run, tag))


def check_run(
    run: Mapping[str, Collection[str]],
    qrels: Mapping[str, Mapping[str, int]],
    *,
    complete: bool = False,
) -> tuple[str, ...]:
    """Check that a ranking belongs to these judgements.

    Args:
        run: Query -> documents, with scores or without.
        qrels: Query -> document -> relevance.
        complete: Whether every judged query must have results.

    Returns:
        The judged queries without results, in the order of `qrels`; each counts as 0.

    Raises:
        DataError: a query of the run is not judged, or one has no results and `complete` is asked.
    """
    unknown = [query for query in run if query not in qrels]
    if unknown:
        raise DataError(
            f"{len(unknown)} of {len(run)} queries of the run are not judged: {_few(unknown)}.",
            hint=f"The judged queries are called like {_few(list(qrels))}.",
        )
    empty = tuple(query for query in qrels if not run.get(query))
    if empty and complete:
        raise DataError(
            f"{len(empty)} of {len(qrels)} judged queries have no results: {_few(empty)}."
        )
    return empty


def _rows(path: Path) -> Iterator[tuple[str, str, str, float]]:
    for number, line in read_lines(path):
        place = f"{path}:{number}"
        cells = _SPACE.split(line.strip(_BLANKS))
        if len(cells) != 6:
            raise DataError(f"{place}: {len(cells)} columns instead of 6.", hint=_LAYOUT)
        query, _, document, _, written, _ = cells
        try:
            score = float(written)
        except ValueError as exc:
            raise DataError(f"{place}: the score is {written!r}.", hint=_LAYOUT) from exc
        if not math.isfinite(score):
            raise DataError(f"{place}: the score is {written}.", hint="Scores are finite numbers.")
        yield place, query, document, score


def _lines(run: Mapping[str, Mapping[str, float]], tag: str) -> Iterator[str]:
    _check_word("tag", tag)
    for query, scores in run.items():
        _check_word("query id", query)
        best_first = sorted(scores.items(), key=lambda pair: -pair[1])
        for rank, (document, score) in enumerate(best_first, start=1):
            _check_word("document id", document)
            if not math.isfinite(score):
                raise DataError(f"query {query!r}: the score of {document!r} is {score}.")
            yield f"{query} Q0 {document} {rank} {float(score)!r} {tag}"


def _check_word(kind: str, word: str) -> None:
    if not _WORD.fullmatch(word):
        raise DataError(
            f"the {kind} {word!r} cannot stand in a TREC run.",
            hint="Columns are parted by white space: use an id that is not blank and has none.",
        )


def _few(ids: Collection[str]) -> str:
    shown = ", ".join(repr(one) for one in list(ids)[:5])
    return shown + (", …" if len(ids) > 5 else "")
