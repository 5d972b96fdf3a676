"""Who calls, by the key they send as a bearer token; whoever sends none that is right is kept out.

Whether the service lives and is ready is told to everybody, and so is the page, which holds nothing
and asks whoever opens it for a key; nothing else is.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from rag_router.api.keyring import Keyring
from rag_router.api.openai.errors import refusal, speaks_openai
from rag_router.api.principal import Principal
from rag_router.api.problems import problem
from rag_router.api.refusing import refused
from rag_router.errors import RagRouterError, SettingsError
from rag_router.models.remote_keys import Key, load_key
from rag_router.settings import ServeSettings

__all__ = ["BearerKeys", "key_for"]

_OPEN: Final = frozenset({"/", "/health/live", "/health/ready"})
_PAGE: Final = "/page/"
_LEAST: Final = 16
"""Characters of a key of [serve], at least: shorter ones are guessed."""


class BearerKeys:
    """An ASGI application around another one, which finds who calls in the request's state.

    Args:
        app: The other one.
        keyring: Which keys there are.
    """

    def __init__(self, app: ASGIApp, keyring: Keyring) -> None:
        self._app = app
        self._keyring = keyring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._open(scope["path"]):
            await self._app(scope, receive, send)
            return
        id_ = str(scope.get("state", {}).get("request_id", ""))
        try:
            who = await self._who(Headers(scope=scope))
        except RagRouterError as exc:
            await refused(exc, scope["path"], id_)(scope, receive, send)
            return
        if who is not None:
            scope.setdefault("state", {})["principal"] = who
            await self._app(scope, receive, send)
            return
        challenge = {"WWW-Authenticate": "Bearer"}
        if speaks_openai(scope["path"]):
            wrong = HTTPException(401, "the key is missing or wrong", challenge)
            await refusal(wrong)(scope, receive, send)
            return
        hint = "Send it as `Authorization: Bearer KEY`."
        told = problem(401, "the key is missing or wrong.", hint, request_id=id_)
        told.headers.update(challenge)
        await told(scope, receive, send)

    def _open(self, path: str) -> bool:
        return path in _OPEN or path.startswith(_PAGE)

    async def _who(self, headers: Headers) -> Principal | None:
        sent = headers.getlist("authorization")
        # Of two keys nobody knows which one counts, and a proxy may take the other.
        if len(sent) > 1:
            return None
        scheme, _, token = (sent[0] if sent else "").partition(" ")
        bearer = scheme.lower() == "bearer"
        return await self._keyring.principal(token.strip() if bearer else "", headers)


def key_for(settings: ServeSettings, host: str, *, others: bool = False) -> Key | None:
    """Return the one key of [serve]; None where there is none, and none is needed.

    Args:
        settings: Where it is.
        host: Where the service listens.
        others: Whether there are keys beside it, which `rag-router key` makes.

    Raises:
        SettingsError: the service needs a key, and there is none, or it is too short.
    """
    key = load_key(variable=settings.key_env, file=settings.key_file, name="[serve]")
    if key is None:
        if not others and not _loopback(host):
            raise SettingsError(
                f"listening at {host} would let everybody on the network ask without a key.",
                hint="Make one: rag-router key add; or name one in [serve]: key_env, an "
                "environment variable, or key_file; or listen at 127.0.0.1.",
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
