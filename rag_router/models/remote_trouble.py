"""What went wrong with one attempt to ask an endpoint, and what can be done about it.

The only place where errors of HTTP become errors of this package.
"""

from __future__ import annotations

import json
import ssl
from typing import Final

import httpx

from rag_router.errors import RemoteError
from rag_router.models.remote_keys import Key
from rag_router.models.remote_reply import error_text
from rag_router.models.remote_transport import Patience
from rag_router.models.remote_waiting import asked_to_wait

__all__ = ["AttemptError", "refused", "transport_trouble"]

_FOR_NOW: Final = frozenset({408, 425, 429})
_FIELDS: Final = frozenset({400, 422})
_READ: Final = 4_096


class AttemptError(Exception):
    """An attempt failed.

    Args:
        error: What is raised where no other attempt is made.
        again: Whether another attempt may succeed at once or after a wait.
        after_s: Seconds that the endpoint asked to be left alone.
        refused_text: What it says where it refuses the request as such.
    """

    def __init__(
        self,
        error: RemoteError,
        *,
        again: bool,
        after_s: float | None = None,
        refused_text: str = "",
    ) -> None:
        super().__init__(error.message)
        self.error, self.again = error, again
        self.after_s, self.refused_text = after_s, refused_text

    def without_time(self, wait_s: float) -> AttemptError:
        """Return the same, where there is no time for the wait before another attempt."""
        what = f"{self.error.message} There is no time to wait {wait_s:.1f} s for another attempt."
        error = RemoteError(what, hint=self.error.hint, retryable=self.error.retryable)
        return AttemptError(error, again=False, after_s=self.after_s)


def refused(response: httpx.Response, name: str, key: Key | None, *, now: float) -> AttemptError:
    """Say what another status than 200 means.

    Args:
        response: With its body still to be read; the beginning is enough.
        name: Of the expert.
        key: Not to be shown, if the endpoint quotes it.
        now: Seconds since 1970.
    """
    status, said = response.status_code, _said(response)
    if key is not None:
        said = key.hidden_in(said)
    told = f"{name} answers with HTTP {status}" + (f": {said}" if said else "")
    told = told.rstrip(".") + "."
    if status in _FOR_NOW or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        after = asked_to_wait(response.headers.get("Retry-After"), now=now)
        return AttemptError(RemoteError(told), again=True, after_s=after)
    hint = "Look at what the endpoint takes."
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        hint = "Is the right key in key_env or key_file?"
    elif status == httpx.codes.NOT_FOUND:
        hint = "Are url and model those that the endpoint goes by?"
    elif response.is_redirect:
        hint = "Redirects are not followed: give the address that it leads to."
    return AttemptError(
        RemoteError(told, hint=hint, retryable=False),
        again=False,
        refused_text=said if status in _FIELDS else "",
    )


def transport_trouble(
    exc: httpx.TransportError, name: str, waits: Patience, *, limit_s: float
) -> AttemptError:
    """Say what a request that broke down on the way means.

    Args:
        exc: What was raised.
        name: Of the expert.
        waits: What it had still time for.
        limit_s: Seconds that it was given in all.
    """
    if isinstance(exc, httpx.TimeoutException):
        # Whoever has been waited for in vain is not waited for twice.
        return AttemptError(RemoteError(_late(exc, name, waits, limit_s)), again=False)
    if _untrusted(exc):
        return AttemptError(
            RemoteError(
                f"the certificate of {name} is not trusted: {exc}.",
                hint="Name the authority that signed it: authorities = 'FILE'.",
                retryable=False,
            ),
            again=False,
        )
    reason = str(exc).rstrip(".") or type(exc).__name__
    if isinstance(exc, httpx.ConnectError):
        return AttemptError(RemoteError(f"{name} cannot be reached: {reason}."), again=True)
    if isinstance(exc, httpx.NetworkError) or "isconnected" in reason or "closed" in reason:
        return AttemptError(RemoteError(f"{name} broke off: {reason}."), again=True)
    return AttemptError(
        RemoteError(
            f"{name} does not speak HTTP as it should: {reason}.",
            hint="Is it the address of an OpenAI-compatible endpoint?",
        ),
        again=False,
    )


def _late(exc: httpx.TimeoutException, name: str, waits: Patience, limit_s: float) -> str:
    if waits.left_s <= 0:
        return f"{name} was not done within {limit_s:g} s."
    if isinstance(exc, httpx.ConnectTimeout):
        return f"{name} took no connection within {waits.longest_connect_s:g} s."
    if waits.began:
        return f"{name} fell silent for {waits.longest_between_s:g} s in the middle of its answer."
    return f"{name} said nothing for {waits.longest_first_s:g} s."


def _said(response: httpx.Response) -> str:
    """Return what the body says went wrong; nothing where it cannot be read."""
    body = b""
    try:
        for piece in response.iter_raw():
            body += piece
            if len(body) >= _READ:
                break
    except httpx.TransportError:
        return ""
    text = body[:_READ].decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        # A page of HTML says less than the status.
        return "" if "<" in text else " ".join(text.split())[:120]
    return error_text(found) if isinstance(found, dict) else ""


def _untrusted(exc: BaseException | None) -> bool:
    while exc is not None:
        if isinstance(exc, ssl.SSLCertVerificationError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False
