"""One thing that was looked at, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from rag_router.errors import RagRouterError

__all__ = ["Finding", "tried"]

_UNAVAILABLE = 4


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        what: The thing.
        status: An error keeps the service from starting, or from answering; a warning does not.
        said: What was seen.
        hint: What to do; empty where there is nothing to do.
        code: What an error exits with.
    """

    what: str
    status: Literal["ok", "warning", "error"]
    said: str
    hint: str = ""
    code: int = _UNAVAILABLE

    def to_json(self) -> dict[str, str]:
        """Return it as plain strings."""
        return {"what": self.what, "status": self.status, "said": self.said, "hint": self.hint}


def tried(what: str, look: Callable[[], str | Finding]) -> Finding:
    """Look at something; whatever is raised is an error of it."""
    try:
        found = look()
    except RagRouterError as exc:
        return Finding(what, "error", exc.message, exc.hint, exc.exit_code)
    except OSError as exc:
        return Finding(what, "error", f"{exc}.", "See to access rights and free space.")
    return found if isinstance(found, Finding) else Finding(what, "ok", found)
