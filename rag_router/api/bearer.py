"""The one key of a service: who calls must send it as a bearer token.

Whether the service lives and is ready is told to everybody, and so is the page, which holds nothing
and asks whoever opens it for the key; nothing else is.
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from rag_router.api.openai.errors import refusal, speaks_openai
from rag_router.api.problems import problem
from rag_router.errors import SettingsError
from rag_router.models.remote_keys import Key, load_key
from rag_router.settings import ServeSettings

__all__ = ["BearerKey", "key_for"]

_OPEN: Final = frozenset({"/", "/health/live", "/health/ready"})
_PAGE: Final = "/page/"
_LEAST: Final = 16
"""Characters of a key, at least: shorter ones are guessed."""


class BearerKey:
    """An ASGI application around another one.

    Args:
        app: The other one.
        key: What must be sent.
    """

    def __init__(self, app: ASGIApp, key: Key) -> None:
        self._app = app
        self._wanted = key.headers()["Authorization"].partition(" ")[2].encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._open(scope["path"]) or self._right(scope):
            await self._app(scope, receive, send)
            return
        challenge = {"WWW-Authenticate": "Bearer"}
        if speaks_openai(scope["path"]):
            wrong = HTTPException(401, "the key is missing or wrong", challenge)
            await refusal(wrong)(scope, receive, send)
            return
        id_ = str(scope.get("state", {}).get("request_id", ""))
        hint = "Send it as `Authorization: Bearer KEY`."
        told = problem(401, "the key is missing or wrong.", hint, request_id=id_)
        told.headers.update(challenge)
        await told(scope, receive, send)

    def _open(self, path: str) -> bool:
        return path in _OPEN or path.startswith(_PAGE)

    def _right(self, scope: Scope) -> bool:
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        # Both in bytes, since that takes as long for every wrong key.
        same = hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._wanted)
        return same and scheme.lower() == "bearer"


def key_for(settings: ServeSettings, host: str) -> Key | None:
    """Return the key of a service that listens at `host`; None where it needs none.

    Raises:
        SettingsError: it needs one, and there is none, or it is too short.
    """
    key = load_key(variable=settings.key_env, file=settings.key_file, name="[serve]")
    if key is None:
        if not _loopback(host):
            raise SettingsError(
                f"listening at {host} would let everybody on the network ask without a key.",
                hint="Name one in [serve]: key_env, an environment variable, or key_file; or "
                "listen at 127.0.0.1.",
            )
        return None
    length = len(key.headers()["Authorization"]) - len("Bearer ")
    if length < _LEAST:
        raise SettingsError(
            f"the key of [serve] has {length} characters; {_LEAST} are the least.",
            hint="Make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )
    return key


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
