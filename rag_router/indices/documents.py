"""What readers make of files: documents with their sections, and what was passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Document", "Section", "Skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A stretch of a document that passages never cross.

    Attributes:
        title: Title of the document and the headings that lead here, joined by " > ".
        text: The text under the last of these headings, without the heading itself.
        start: Character offset of `text` in the document.
    """

    title: str
    text: str
    start: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document as it was read.

    Attributes:
        id: Unique within its index.
        title: As the document itself says, or the name of its file.
        source: The file, and for JSON Lines the line (`corpus.jsonl:12`).
        sections: In the order of the text.
        meta: Whatever else its source said.
    """

    id: str
    title: str
    source: str
    sections: tuple[Section, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)

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
    """

    place: str
    reason: str
    count: int = 1
