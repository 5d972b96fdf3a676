"""HTML: what a person would read of a page, with the headings that lead to it.

Scripts, styles, navigation, form fields and what is hidden are no text. Where a page marks its
main part (`<main>`), only that is read. Parsed by lexbor, as browsers do, through selectolax;
nothing is ever fetched or run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rag_router.errors import DocumentError
from rag_router.indices.documents import Document, SourceFile
from rag_router.indices.encodings import decode_text
from rag_router.indices.formats.outline import Block, sections_of
from rag_router.settings import DocumentSettings

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

__all__ = ["read_html"]

_NOT_TEXT: Final = """
    applet area audio button canvas datalist embed frame frameset head iframe input map math nav
    noembed noframes noscript object option script select style svg template textarea title video
"""
_UNREAD: Final = frozenset(_NOT_TEXT.split())
_PARAGRAPHS: Final = """
    address article aside blockquote body caption center dd details dialog div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html legend li main ol p pre search
    section summary table tbody tfoot thead tr ul
"""
_BREAKS: Final = frozenset(_PARAGRAPHS.split())
_CELLS: Final = frozenset({"td", "th"})
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
_CHARSET: Final = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_HIDING: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SPACES: Final = re.compile(r"[^\S\n]+")


def read_html(file: SourceFile, limits: DocumentSettings) -> Iterator[Document]:
    """Yield the page.

    Raises:
        DocumentError: it is no text, or elements are nested too deeply.
    """
    from selectolax.lexbor import LexborHTMLParser

    raw = file.path.read_bytes()
    declared = _CHARSET.search(raw[:4096])
    name = declared[1].decode("ascii", "replace") if declared else ""
    text, encoding = decode_text(raw, str(file.path), declared=name)
    tree = LexborHTMLParser(text)
    mains = tree.css("main")
    top = mains[0] if len(mains) == 1 else tree.body
    blocks = list(_blocks(top, file, limits.nesting)) if top is not None else []
    heading = next((block.text for block in blocks if block.level == 1), "")
    named = tree.css_first("title")
    title = " ".join((named.text() if named else "").split()) or heading or file.stem
    yield Document(
        id=file.relative,
        title=title,
        source=str(file.path),
        sections=sections_of(blocks, title),
        meta={} if encoding == "utf-8" else {"encoding": encoding},
    )


def _blocks(top: LexborNode, file: SourceFile, deepest: int) -> Iterator[Block]:
    """Walk the tree without recursion, however deep it is."""
    pieces: list[str] = []
    level = 0
    cells = 0
    for node, depth, leaving in _walk(top):
        if depth > deepest:
            raise DocumentError(
                f"{file.path}: elements are nested more than {deepest} deep.",
                hint="Set documents.nesting higher, if the page can be trusted.",
            )
        tag = node.tag or ""
        if tag == "-text":
            pieces.append(node.text(deep=False) or "")
        elif tag == "br":
            pieces.append("\n")
        elif tag in _CELLS:
            # A cell is set off from the one before it in its row.
            if not leaving and cells:
                pieces.append(" | ")
            cells += 0 if leaving else 1
        elif tag in _BREAKS:
            inside_row = tag not in {"tr", "table"} and cells
            if inside_row:
                pieces.append(" ")
                continue
            if block := _closed(pieces, level):
                yield block
            pieces.clear()
            cells = 0
            level = 0 if leaving else _HEADINGS.get(tag, 0)
    if block := _closed(pieces, level):
        yield block


def _closed(pieces: list[str], level: int) -> Block | None:
    lines = (_SPACES.sub(" ", line).strip() for line in "".join(pieces).split("\n"))
    # Line ends in the source are spaces; where text is laid out by lines, they do no harm.
    text = " ".join(line for line in lines if line)
    return Block(text, level) if text else None


def _walk(top: LexborNode) -> Iterator[tuple[LexborNode, int, bool]]:
    """Yield each node when it is entered, and elements once more when they are left."""
    node, depth = top, 0
    while True:
        unread = node.tag in _UNREAD or _is_hidden(node)
        if not unread:
            yield node, depth, False
        child = None if unread else node.child
        if child is not None:
            node, depth = child, depth + 1
            continue
        while True:
            if not unread and node.tag != "-text":
                yield node, depth, True
            unread = False
            if depth == 0:
                return
            following = node.next
            if following is not None:
                node = following
                break
            parent = node.parent
            if parent is None:
                return
            node, depth = parent, depth - 1


def _is_hidden(node: LexborNode) -> bool:
    tag = node.tag or "-"
    if tag.startswith("-"):
        return tag != "-text"  # comments and the like
    if tag.startswith("_"):
        return True
    attributes = node.attributes
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or bool(_HIDING.search(attributes.get("style") or ""))
    )
