"""What question sets are called, several of them at once each otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

__all__ = ["set_name", "set_names"]


def set_name(path: Path) -> str:
    """What a set is called: its folder, or its file where the folder says nothing."""
    if path.is_dir():
        return path.resolve().name
    return path.parent.name or _stem(path)


def set_names(sources: Sequence[str]) -> dict[str, str]:
    """Name several sets, each otherwise: by the file too where a folder holds several of them.

    Args:
        sources: Paths, or sets named `hf:org/name`, none of them twice.
    """
    names = {one: one if one.startswith("hf:") else set_name(Path(one)) for one in sources}
    numbered = {one: str(at) for at, one in enumerate(sources, start=1)}
    for more in ({one: _stem(Path(one)) for one in sources}, numbered):
        often = Counter(names.values())
        names = {
            one: f"{name}/{more[one]}" if often[name] > 1 else name for one, name in names.items()
        }
    return names


def _stem(path: Path) -> str:
    return path.name.split(".")[0]
