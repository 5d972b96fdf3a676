"""Where an endpoint is: an address that is safe to send a key and passages to.

Addresses carry no secrets: what stands in one is logged by every program on the way.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

from rag_router.errors import SettingsError

__all__ = ["address_of"]

_SCHEMES: Final = ("http", "https")
_EXAMPLE: Final = "Give what stands before /chat/completions, such as 'https://host.example/v1'."


def address_of(url: str, *, name: str) -> str:
    """Return where chat requests go.

    Args:
        url: What stands before `/chat/completions`; with it, it is taken, too.
        name: Of the expert, for messages.

    Raises:
        SettingsError: it is no http(s) address, or carries a name, a password, a query or a
            fragment; what it carries is not shown.
    """
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError as exc:
        raise SettingsError(f"the address of {name} cannot be read.", hint=_EXAMPLE) from exc
    if parts.scheme not in _SCHEMES:
        raise SettingsError(
            f"the address of {name} begins with {parts.scheme or 'no scheme'!r}, "
            "and only http and https are spoken.",
            hint=_EXAMPLE,
        )
    if not parts.hostname or not _plain(parts):
        raise SettingsError(
            f"the address of {name} has no host, or carries a name, a password, a query or a "
            "fragment.",
            hint=f"{_EXAMPLE} A key is read from key_env or key_file.",
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return f"{parts.scheme}://{parts.netloc}{path}/chat/completions"


def _plain(parts: SplitResult) -> bool:
    harmless = parts.netloc.isascii() and not any(map(str.isspace, parts.netloc + parts.path))
    return harmless and "@" not in parts.netloc and not parts.query and not parts.fragment
