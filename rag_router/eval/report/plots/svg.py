"""Matplotlib's SVG made fit to stand inside a page.

A strict content security policy forbids style attributes and style elements, so the styles become
attributes; the colours become custom properties, so that the page's dark colours reach them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rag_router.eval.report.plots.canvas import COLOURS, GRID, INK, MUTED, PAPER, label

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["inlined"]

_PROPERTIES: Final = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--line",
    PAPER: "--card",
    "#000000": "--ink",
    **{colour: f"--colour-{at}" for at, colour in enumerate(COLOURS)},
}
_LINK: Final = "{http://www.w3.org/1999/xlink}href"
_LEFT_OUT: Final = frozenset({"style", "metadata"})
_DECIMALS: Final = re.compile(r"-?\d+\.\d+")


def inlined(svg: bytes, *, name: str, title: str) -> str:
    """Return the `<svg>` element of a file that matplotlib wrote, with its name for everyone.

    Args:
        svg: The file.
        name: Prefix of its ids.
        title: What screen readers call the picture.
    """
    from xml.etree import ElementTree

    root = ElementTree.fromstring(svg)  # noqa: S314 (we have just made it ourselves)
    _clean(root, name, _links(root))
    view = root.get("viewBox", "")
    heading = ElementTree.Element("title", id=f"{name}-title")
    heading.text = label(title, 200)
    root.insert(0, heading)
    root.attrib = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": view,
        "role": "img",
        "aria-labelledby": f"{name}-title",
        "font-family": "system-ui, sans-serif",
        "stroke-linejoin": "round",
    }
    return ElementTree.tostring(root, encoding="unicode")


def _links(root: Element) -> set[str]:
    used = {value.lstrip("#") for node in root.iter() if (value := node.get(_LINK))}
    clips = (node.get("clip-path", "") for node in root.iter())
    return used | {clip.removeprefix("url(#").removesuffix(")") for clip in clips if clip}


def _clean(node: Element, name: str, linked: set[str]) -> None:
    node.tag = _local(node.tag)
    node.tail = None
    if node.tag != "text":
        node.text = None
    for child in list(node):
        if _local(child.tag) in _LEFT_OUT:
            node.remove(child)
        else:
            _clean(child, name, linked)
    node.attrib = dict(_attributes(node, name, linked))


def _attributes(node: Element, name: str, linked: set[str]) -> list[tuple[str, str]]:
    found = []
    for key, value in node.items():
        if key == "style":
            styles = (part.partition(":") for part in value.split(";"))
            found += [
                (style.strip(), _coloured(said.strip()))
                for style, _, said in styles
                if style.strip() != "font-family"
            ]
        elif key == "id":
            found += [("id", f"{name}-{value}")] if value in linked else []
        elif key == _LINK:
            found.append(("href", f"#{name}-{value.lstrip('#')}"))
        elif key == "clip-path":
            found.append((key, value.replace("url(#", f"url(#{name}-")))
        elif not (key == "transform" and value.startswith("rotate(-0 ")):
            found.append((key, _short(value)))
    return found


def _coloured(value: str) -> str:
    known = _PROPERTIES.get(value.lower())
    return f"var({known}, {value})" if known else value


def _short(value: str) -> str:
    """Hundredths of a point are finer than any screen."""
    return _DECIMALS.sub(lambda found: f"{float(found[0]):.2f}", " ".join(value.split()))


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
