"""Generated parts of the documents: made from the code, and checked stale by `make docs`.

    python docs/generate.py            fails where a document is stale
    python docs/generate.py --write    renews it

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from rag_router.cli.components import described
from rag_router.models.catalogue import CATALOGUE

ROOT = Path(__file__).parent.parent
DOCUMENTS = (ROOT / "README.md",)
_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def components() -> str:
    """Return the table of all components."""
    lines = ["| kind | name | what it does | source | cost |", "|---|---|---|---|---|"]
    for kind, members in described().items():
        lines += [
            f"| {kind} | `{name}` | {about['summary']} | {about['source']} | {about['cost']} |"
            for name, about in members.items()
        ]
    return "\n".join(lines) + "\n"


def models() -> str:
    """Return the table of the bundled models."""
    lines = ["| name | kind | download | on disk | licence | |", "|---|---|---|---|---|---|"]
    lines += [
        f"| `{m.name}` | {m.kind} | {m.download_bytes / 1e6:,.0f} MB | {m.disk_bytes / 1e6:,.0f} MB"
        f" | {m.licence} | {m.summary}{'' if m.default else ' (optional)'} |"
        for m in CATALOGUE.values()
    ]
    return "\n".join(lines) + "\n"


PARTS: dict[str, Callable[[], str]] = {"components": components, "models": models}


def renewed(text: str) -> str:
    """Return a document with all its generated parts made anew."""
    return _PART.sub(lambda m: m[1] + PARTS[m[2]]() + m[3], text)


def main() -> None:
    """Renew the documents, or fail where one is stale."""
    stale = []
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        if (fresh := renewed(text)) != text:
            stale.append(path)
            if "--write" in sys.argv:
                path.write_text(fresh, encoding="utf-8")
    if stale and "--write" not in sys.argv:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        sys.exit(f"{names}: generated parts are stale; run `make docs FIX=--write`")


if __name__ == "__main__":
    main()
