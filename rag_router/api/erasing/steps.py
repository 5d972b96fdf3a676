"""The steps of an erasure; each may be done twice, and finds less to do the second time."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rag_router.errors import UnavailableError
from rag_router.indices.backed_up import backups_of
from rag_router.indices.library import Library
from rag_router.indices.scenarios import forget_scenarios, scenario_library
from rag_router.outcomes.forgetting import forget_all

__all__ = ["erase_backups", "erase_files", "erase_indexes", "erase_outcomes"]


def erase_indexes(library: Library, plan: Mapping[str, Any]) -> dict[str, int]:
    """Erase documents, or whole indexes, with all generations and the questions made of them.

    Raises:
        BusyError: another writer holds an index.
        IndexUnavailableError: one is corrupt.
    """
    counts = {"documents": 0, "generations": 0, "indexes": 0}
    for name in plan["indexes"]:
        before = _generations(library, name)
        if plan["documents"] or plan["upload"]:
            counts["documents"] += _erase_documents(library, name, plan["documents"])
        else:
            counts["indexes"] += _remove(library, name)
        counts["generations"] += len(before - _generations(library, name))
    return counts


def erase_backups(home: Path, plan: Mapping[str, Any]) -> dict[str, int]:
    """Erase the same from every backup that was made of a home.

    Raises:
        UnavailableError: one is not to be had.
        BusyError: another writer holds an index of one.
    """
    counts = {"folders": 0, "documents": 0, "generations": 0, "indexes": 0}
    for folder in backups_of(home):
        if not folder.is_dir():
            raise UnavailableError(
                f"the backup in {folder} is not to be had.",
                hint="Mount it, and it is gone on with; or, where it was deleted: "
                f"rag-router backup {folder} --forget",
            )
        counts["folders"] += 1
        for name, found in erase_indexes(Library(folder), plan).items():
            counts[name] += found
    return counts


def erase_files(uploads: Path, jobs: Sequence[str]) -> dict[str, int]:
    """Erase files that wait to be indexed.

    Raises:
        UnavailableError: one cannot be deleted.
    """
    gone = 0
    for job in jobs:
        place = uploads / job
        if place.is_dir():
            try:
                shutil.rmtree(place)
            except OSError as exc:
                raise UnavailableError(
                    f"{place} cannot be deleted: {exc}.", hint="See to write access."
                ) from exc
            gone += 1
    return {"files": gone}


def erase_outcomes(home: Path) -> dict[str, int]:
    """Forget what evaluations remember, which may quote anything.

    Raises:
        UnavailableError: it cannot be written.
    """
    return {"outcomes": forget_all(home / "outcomes.sqlite")}


def _erase_documents(library: Library, name: str, documents: Sequence[str]) -> int:
    gone = 0
    if name in library.names():
        there = {one.id for one in library.documents(name)}
        found = [one for one in documents if one in there]
        if found and len(found) == len(there):
            library.remove(name)
        elif found:
            library.erase(name, found)
        elif len(library.shelf(name).generations()) > 1 or library.shelf(name).encoding.exists():
            # What is not there now may stand in what could be rolled back to.
            library.compact(name)
        gone = len(found)
    else:
        # What was removed from an index with all the rest may have left its folder half gone.
        _remove(library, name)
    if library.shelf(name).folder.is_dir():
        with library.writing(name):
            # What writers left that were killed may hold anything.
            library.shelf(name).sweep()
    beside = scenario_library(library)
    if name in beside.names() and len(beside.shelf(name).generations()) > 1:
        beside.compact(name)
    return gone


def _remove(library: Library, name: str) -> int:
    there = library.shelf(name).folder.is_dir()
    if there:
        library.remove(name)
    else:
        forget_scenarios(library, name)
    library.sweep_removed(name)
    return int(there)


def _generations(library: Library, name: str) -> set[int]:
    return set(library.shelf(name).generations())
