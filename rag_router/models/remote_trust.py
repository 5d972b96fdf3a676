"""How an endpoint is told who asks, and how it shows who it is."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Generator
from pathlib import Path

import httpx

from rag_router.errors import SettingsError
from rag_router.models.remote_keys import Key

__all__ = ["Authority", "trusted"]


class Authority(httpx.Auth):
    """Puts the key into requests, and nowhere else."""

    def __init__(self, key: Key) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        request.headers.update(self._key.headers())
        yield request


_loading = threading.Lock()


def trusted(authorities: Path | None) -> ssl.SSLContext:
    """Return what certificates are checked against; they always are.

    Args:
        authorities: A file of certificates in PEM; None is the usual ones.

    Raises:
        SettingsError: no certificates can be read from it.
    """
    if authorities is None:
        with _loading:
            return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=authorities.expanduser())
    except (OSError, ssl.SSLError) as exc:
        raise SettingsError(
            f"no certificates can be read from {authorities}: {exc}.",
            hint="Name a file of certificates in PEM.",
        ) from exc
