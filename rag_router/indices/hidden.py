"""Documents without what nobody sees: control, bidirectional and other invisible characters.

Such characters carry orders past the eyes of whoever reads a document, or show it in another
order than it stands (Boucher and Anderson 2021, "Trojan Source", arXiv 2111.00169). They are left
out before anything is cut or embedded, so that what is searched, what a model reads and what a
person is shown are one and the same text.
"""

from __future__ import annotations

from dataclasses import replace

from rag_router.indices.documents import Document, Section
from rag_router.text import without_hidden

__all__ = ["unhidden"]


def unhidden(document: Document) -> tuple[Document, int]:
    """Return a document without its hidden characters, and how many there were.

    Offsets of sections and pages count in the text that is left.
    """
    title = without_hidden(document.title)
    gone = len(document.title) - len(title)
    sections: list[Section] = []
    before = 0
    for section in document.sections:
        seen, taken = _unhidden(section, before)
        before += taken
        gone += taken + len(section.title) - len(seen.title)
        sections.append(seen)
    if not gone:
        return document, 0
    return replace(document, title=title, sections=tuple(sections)), gone


def _unhidden(section: Section, before: int) -> tuple[Section, int]:
    text = without_hidden(section.text)
    taken = len(section.text) - len(text)
    pages = section.pages
    if taken:
        # Page by page: nothing that is left out reaches over the blank line between two.
        moved: list[tuple[int, int]] = []
        begin = left = 0
        for at, page in pages:
            left += len(without_hidden(section.text[begin:at]))
            begin = at
            moved.append((left, page))
        pages = tuple(moved)
    start = section.start - before
    return replace(
        section, title=without_hidden(section.title), text=text, start=start, pages=pages
    ), taken
