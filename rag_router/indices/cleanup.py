"""What an addition takes away besides the old versions of what it brings.

As in LangChain's record manager, whose `scoped_full` this calls `scoped`:

    incremental   old versions of the documents that are given, and nothing else
    scoped        also documents that came from the paths given before, and are not there any more
    full          everything that is not given
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rag_router.indices.contents import StoredDocument
from rag_router.indices.documents import Document, Skipped

__all__ = ["Cleanup", "left_behind"]

Cleanup = Literal["incremental", "scoped", "full"]

_LINE = re.compile(r":\d+$")


def left_behind(
    stored: Sequence[StoredDocument],
    given: Sequence[Document],
    paths: Sequence[Path],
    skipped: Sequence[Skipped],
    cleanup: Cleanup,
) -> frozenset[str]:
    """Return the ids of stored documents that the clean-up takes away.

    What came from a file that could not be read stays: it is not known to be gone.

    Args:
        stored: What the index holds.
        given: What was read now.
        paths: Where it was read from.
        skipped: What was passed over then.
        cleanup: How far the clean-up goes.
    """
    if cleanup == "incremental":
        return frozenset()
    ids = {document.id for document in given}
    broken = [_place(one.place) for one in skipped if one.broken]
    scope = [_place(str(path)) for path in paths]
    spared: dict[str, bool] = {}  # many documents come from one file

    def is_spared(source: str) -> bool:
        file = _LINE.sub("", source)
        if file not in spared:
            place = _place(file)
            inside = cleanup == "full" or any(place.is_relative_to(root) for root in scope)
            spared[file] = not inside or any(place.is_relative_to(one) for one in broken)
        return spared[file]

    return frozenset(d.id for d in stored if d.id not in ids and not is_spared(d.source))


def _place(source: str) -> Path:
    """The file or folder that a source names, as it is seen from the current folder."""
    return Path(os.path.normpath(Path.cwd() / _LINE.sub("", source)))
