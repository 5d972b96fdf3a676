"""For which of their users a chat frontend asks, where its key is trusted to say so.

Open WebUI names the user in `X-OpenWebUI-User-Id`, or signed in `X-OpenWebUI-User-Jwt` (HS256, RFC
7519); LibreChat in a header of its settings, `X-LibreChat-User-Id` here. From any other key these
headers mean nothing. Names, addresses and roles are sent along, and are not read: the id is noted
with traces and in the audit log, and nothing is allowed or forbidden by it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from hashlib import sha256
from typing import Any, Final

from starlette.datastructures import Headers

from rag_router.errors import UsageError
from rag_router.store.keys import Forwards

__all__ = ["PLAIN_HEADERS", "SIGNED_HEADER", "user_of"]

SIGNED_HEADER: Final = "x-openwebui-user-jwt"
PLAIN_HEADERS: Final = ("x-openwebui-user-id", "x-librechat-user-id")

_ID: Final = re.compile(r"[!-~]{1,255}", re.ASCII)
_LONGEST: Final = 8_192
_LEEWAY_S: Final = 60.0
"""How far two clocks may differ."""


def user_of(headers: Headers, forwards: Forwards, secret: str, *, now: float) -> str:
    """Return for whom a request comes; empty where nobody is named.

    Args:
        headers: Of the request.
        forwards: Whose word counts, by the key that was sent.
        secret: What a frontend signs with.
        now: Seconds since 1970.

    Raises:
        UsageError: somebody is named, and not as it must be.
    """
    if forwards == "no":
        return ""
    if forwards == "plain":
        named = [user for name in PLAIN_HEADERS for user in headers.getlist(name) if user]
        return _checked(_only(named)) if named else ""
    tokens = headers.getlist(SIGNED_HEADER)
    if not tokens:
        return ""
    return _checked(_claims(_only(tokens), secret, now=now).get("sub"))


def _only(values: list[str]) -> str:
    # What a user's own client sent along, and a proxy left beside its own, is not to be believed.
    if len(values) > 1:
        raise UsageError("several headers name a user.", hint="Send one of them.")
    return values[0]


def _checked(user: Any) -> str:
    if not isinstance(user, str) or not _ID.fullmatch(user):
        raise UsageError(
            "the header that names a user holds no id.",
            hint="An id has up to 255 printable ASCII characters, and no white space.",
        )
    return user


def _claims(token: str, secret: str, *, now: float) -> dict[str, Any]:
    """Return what a token says, once its signature is right and its time has not passed."""
    parts = token.split(".")
    if len(token) > _LONGEST or len(parts) != 3:
        raise _wrong("it is no token")
    head, claims = _json_of(parts[0]), _json_of(parts[1])
    # Only what is signed with a secret: a token may not choose how it is checked.
    if head.get("alg") != "HS256":
        raise _wrong("it is not signed with HS256")
    signed = f"{parts[0]}.{parts[1]}".encode()
    right = hmac.digest(secret.encode(), signed, sha256)
    if not hmac.compare_digest(right, _bytes_of(parts[2])):
        raise _wrong("its signature is wrong")
    ends, begins = claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(ends, int | float) or ends + _LEEWAY_S < now:
        raise _wrong("its time has passed, or it says no time")
    if not isinstance(begins, int | float) or begins - _LEEWAY_S > now:
        raise _wrong("its time has not come")
    return claims


def _json_of(part: str) -> dict[str, Any]:
    try:
        found = json.loads(_bytes_of(part))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _wrong("it is no token")
    return found


def _bytes_of(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _wrong("it is no token") from None


def _wrong(why: str) -> UsageError:
    return UsageError(
        f"the signed header that names a user cannot be believed: {why}.",
        hint="Sign it with the secret that was shown when the key was made.",
    )
