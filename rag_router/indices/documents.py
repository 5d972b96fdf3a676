"""What readers make of files: documents with their sections, and what was passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

__all__ = ["Document", "Section", "Skipped", "SourceFile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file to read, and its path below the path that was given, with `/` between the parts."""

    path: Path
    relative: str

    @property
    def stem(self) -> str:
        """The name without folder and ending, for documents that have no title of their own."""
        return PurePosixPath(self.relative).stem


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A stretch of a document that passages never cross.

    Attributes:
        title: Title of the document and the headings that lead here, joined by " > ".
        text: The text under the last of these headings, without the heading itself.
        start: Character offset of `text` in the document.
        pages: Where pages begin: (character offset in `text`, number of the page), ascending,
            the first at 0; empty for what has no pages.
    """

    title: str
    text: str
    start: int = 0
    pages: tuple[tuple[int, int], ...] = ()

    def pages_of(self, start: int, end: int) -> dict[str, int]:
        """Say on which page a piece of `text` begins, and on which it ends if on another.

        Args:
            start: Its first character's offset in `text`.
            end: The offset behind its last character.
        """
        if not self.pages:
            return {}
        first = max(number for offset, number in self.pages if offset <= start)
        last = max(number for offset, number in self.pages if offset < max(end, start + 1))
        return {"page": first} if first == last else {"page": first, "last_page": last}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document as it was read.

    Attributes:
        id: Unique within its index.
        title: As the document itself says, or the name of its file.
        source: The file, and for JSON Lines the line (`corpus.jsonl:12`).
        sections: In the order of the text.
        meta: Whatever else its source said.
        notes: What could not be read of it, in words.
    """

    id: str
    title: str
    source: str
    sections: tuple[Section, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def is_blank(self) -> bool:
        return not any(section.text.strip() for section in self.sections)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Something that was passed over, and why.

    Attributes:
        place: A file, a line of a file, or a folder.
        reason: Why, in words.
        count: How many of that kind stand in that place.
        broken: Whether it should have been read and could not be.
    """

    place: str
    reason: str
    count: int = 1
    broken: bool = False
