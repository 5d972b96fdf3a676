"""A copy of an index that can be opened like the index itself.

The copy is laid out as a home is: `<folder>/indices/<name>/…`, one generation each. It is compared
with its manifest before it counts, and bringing it back is a publication like any other.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from rag_router.errors import IndexUnavailableError
from rag_router.indices.manifest import MANIFEST, Contents, Manifest
from rag_router.indices.publish import Shelf

__all__ = ["back_up", "restore"]


def back_up(shelf: Shelf, folder: Path) -> Manifest:
    """Copy the current generation of an index below `folder`, as a new generation there.

    What was backed up there before stays the one to roll back to.

    Args:
        shelf: The index.
        folder: A folder laid out as a home; made when needed.

    Raises:
        IndexCorruptError: the index, or the copy, is not what was published.
        OSError: the copy cannot be written.
    """
    return _copy(shelf, Shelf(folder / "indices" / shelf.name))


def restore(folder: Path, shelf: Shelf) -> Manifest:
    """Publish the backup of an index below `folder` as its newest generation.

    Raises:
        IndexUnavailableError: there is no backup of that name.
        IndexCorruptError: the backup is not what was published.
        OSError: the index cannot be written.
    """
    source = Shelf(folder / "indices" / shelf.name)
    if not source.is_published:
        raise IndexUnavailableError(
            f"{folder} holds no backup of an index named {shelf.name!r}.",
            hint="Name the folder that was given to: rag-router index backup.",
        )
    return _copy(source, shelf)


def _copy(source: Shelf, target: Shelf) -> Manifest:
    manifest = source.check(source.current() or 0)
    folder = source.generation(manifest.generation)

    def write(fresh: Path) -> tuple[str, ...]:
        for name in manifest.files:
            shutil.copyfile(folder / name, fresh / name)
        return tuple(manifest.files)

    contents = Contents(**{name: getattr(manifest, name) for name in Contents.model_fields})
    target.folder.mkdir(parents=True, exist_ok=True)
    copied = target.publish(contents, write)
    if copied.files != manifest.files:
        raise IndexUnavailableError(
            f"{target.folder} holds something else than {folder / MANIFEST} says.",
            hint="Copy it again.",
        )
    return copied
