"""Whether the service may listen where it should: with a key, and on a port that is free."""

from __future__ import annotations

import errno
import json
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from ipaddress import ip_address

from rag_router.cli.readiness.findings import Finding, tried
from rag_router.cli.readiness.storage import database_of
from rag_router.errors import RagRouterError
from rag_router.settings import ServeSettings, Settings

__all__ = ["listening"]

_PATIENCE_S = 2.0


def listening(settings: Settings) -> Iterator[Finding]:
    """Look at the key and at the port."""
    yield tried("key", partial(_key, settings))
    yield tried("port", partial(_port, settings.serve))


def _key(settings: Settings) -> str:
    from rag_router.api.bearer import key_for
    from rag_router.store.server_secret import server_secret

    named = settings.keys
    if named.secret_env is not None or named.secret_file is not None:
        server_secret(settings.home, variable=named.secret_env, file=named.secret_file)
    others = _others(settings)
    key = key_for(settings.serve, settings.serve.host, others=others)
    if key is not None:
        return "the key of [serve]" + (", and those of `rag-router key`" if others else "")
    return "those of `rag-router key`" if others else "none is needed on loopback"


def _others(settings: Settings) -> bool:
    """Whether there are keys in the database; what is wrong with that is told elsewhere."""
    from rag_router.store.keys import keys_stamp

    try:
        opened = database_of(settings)
        if opened is None:
            return False
        with closing(opened), opened.reading() as session:
            return bool(keys_stamp(session)[0])
    except RagRouterError:
        return False


def _port(serve: ServeSettings) -> Finding | str:
    where = f"{serve.host}:{serve.port}"
    family = socket.AF_INET6 if ":" in serve.host else socket.AF_INET
    try:
        with socket.create_server((serve.host, serve.port), family=family):
            return f"{where} is free"
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE and _ours(serve):
            said = f"a rag-router answers at {where} already."
            return Finding("port", "warning", said, "End it before another one is started there.")
        return Finding(
            "port",
            "error",
            f"nothing can listen at {where}: {exc.strerror or exc}.",
            "Set serve.host and serve.port to an address of this machine that is free.",
        )


def _ours(serve: ServeSettings) -> bool:
    """Whether whoever listens there is a service of this kind."""
    host = serve.host
    with suppress(ValueError):
        if (address := ip_address(host)).is_unspecified:
            # Whoever listens everywhere listens on loopback, too.
            host = "127.0.0.1" if address.version == 4 else "::1"
    url = f"http://{f'[{host}]' if ':' in host else host}:{serve.port}/health/live"
    # Nobody else is asked: this goes to the address that the service itself would have.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_PATIENCE_S) as response:
            return bool(json.loads(response.read(1000)).get("status") == "ok")
    except (OSError, ValueError, AttributeError):
        return False
