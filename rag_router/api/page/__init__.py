"""The service's own page, at `/`: plain files that a browser reads as they are.

Nothing is built, nothing is asked of another host, and what passages or models say becomes text and
never markup: the policy that goes with every file lets no script run but these (W3C Content
Security Policy Level 3; Trusted Types make even our own scripts unable to write markup).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

__all__ = ["POLICY", "page_files", "router"]

router = APIRouter(include_in_schema=False)

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""What a browser lets the page do."""

_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    # Ids of traces stand in addresses, and are nobody else's business.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Asked for again, and answered with 304: a new version is never mixed with an old one.
    "Cache-Control": "no-cache",
}
_KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file of the page as it is sent."""

    body: bytes
    kind: str
    tag: str


@cache
def page_files() -> MappingProxyType[str, _File]:
    """Return the files of the page by their names; there are no others."""
    files = {}
    for path in sorted((Path(__file__).parent / "static").iterdir()):
        if path.suffix in _KINDS:
            body = path.read_bytes()
            tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
            files[path.name] = _File(body=body, kind=_KINDS[path.suffix], tag=tag)
    return MappingProxyType(files)


@router.api_route("/", methods=["GET", "HEAD"])
def page(request: Request) -> Response:
    """Show the page."""
    return _sent("index.html", request)


@router.api_route("/page/{name}", methods=["GET", "HEAD"])
def part(name: str, request: Request) -> Response:
    """Send a file of the page."""
    return _sent(name, request)


def _sent(name: str, request: Request) -> Response:
    file = page_files().get(name)
    if file is None:
        raise HTTPException(404, "the page has no such file")
    headers = {**_HEADERS, "ETag": file.tag}
    if request.headers.get("if-none-match") == file.tag:
        return Response(status_code=304, headers=headers)
    return Response(file.body, media_type=file.kind, headers=headers)
