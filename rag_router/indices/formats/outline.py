"""Sections out of a stream of headings and paragraphs, the same for HTML, Word and PDF."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rag_router.indices.documents import Section

__all__ = ["Block", "sections_of"]

GAP = "\n\n"
"""What stands between two paragraphs of a document that was no plain text."""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, or a heading of a level from 1; 0 is a paragraph."""

    text: str
    level: int = 0


def sections_of(blocks: Iterable[Block], title: str) -> tuple[Section, ...]:
    """Join paragraphs under their headings; a heading that says the title again is not repeated.

    Offsets count in the paragraphs alone, joined by blank lines, headings left out.
    """
    sections: list[Section] = []
    path: list[Block] = []
    paragraphs: list[str] = []
    start = 0

    def close() -> None:
        nonlocal start
        if paragraphs:
            text = GAP.join(paragraphs)
            names = [title, *(block.text for block in path if block.text != title)]
            joined = " > ".join(name for name in names if name)
            sections.append(Section(title=joined, text=text, start=start))
            start += len(text) + len(GAP)
            paragraphs.clear()

    for block in blocks:
        text = block.text.strip()
        if not text:
            continue
        if block.level == 0:
            paragraphs.append(text)
        else:
            close()
            path = [b for b in path if b.level < block.level] + [Block(text, block.level)]
    close()
    return tuple(sections)
