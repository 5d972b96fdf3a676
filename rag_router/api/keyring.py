"""The keys of a service, as far as requests need them: in memory, and a moment old at most.

All keys that open something are read at once, and again only when one was made, exchanged or taken
back, which is looked for once a second: whoever guesses costs no look at the database. What this
process itself changes counts at once.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Final

from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers

from rag_router.api.forwarded import user_of
from rag_router.api.principal import NOBODY, Principal
from rag_router.errors import UnavailableError
from rag_router.models.remote_keys import Key
from rag_router.store.database import ServiceDatabase
from rag_router.store.keys import (
    Forwards,
    Scope,
    all_keys,
    forwards_of,
    id_in,
    is_right,
    keys_stamp,
    note_uses,
    scopes_of,
    user_secret,
)
from rag_router.store.server_secret import ServerSecret
from rag_router.telemetry import logger

__all__ = ["BOOTSTRAP", "Keyring"]

BOOTSTRAP: Final = "bootstrap"
"""The id of the key of [serve], which may do everything."""

_LOOKS_EVERY_S: Final = 1.0
_STALE_S: Final = 300.0
"""How long keys that were read go on while the database does not answer."""
_NOTES_EVERY_S: Final = 60.0
_NO_DIGEST: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class _Opens:
    """What one key opens."""

    digest: str
    tenant: str
    scopes: frozenset[Scope]
    forwards: Forwards
    expires: float | None


@dataclass(frozen=True, slots=True)
class _Seen:
    """All keys as they were when they were read; `at` is on the clock that never goes back."""

    stamp: tuple[int, ...]
    keys: Mapping[str, _Opens]
    at: float

    @property
    def none_ever(self) -> bool:
        return not self.stamp[0]


_EMPTY: Final = _Seen((0,), {}, 0.0)


class Keyring:
    """Tells who asks by the key they send.

    Args:
        bootstrap: The one key of [serve], if there is one.
        database: Where all others stand; None knows no others.
        secret: Returns what they are compared with; called once there are some.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        bootstrap: Key | None = None,
        database: ServiceDatabase | None = None,
        secret: Callable[[], ServerSecret] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        sent = None if bootstrap is None else bootstrap.headers()["Authorization"]
        self._bootstrap = None if sent is None else sent.removeprefix("Bearer ").encode()
        self._database = database if secret is not None else None
        self._load = secret
        self._secret: ServerSecret | None = None
        self._clock = clock
        self._turn = Lock()
        self._seen: _Seen | None = _EMPTY if self._database is None else None
        self._uses: dict[str, float] = {}
        self._noted = time.monotonic()

    async def principal(self, token: str, headers: Headers) -> Principal | None:
        """Return who asks; None where the key is missing or wrong.

        Args:
            token: What was sent as a key; empty where nothing was.
            headers: All of them; some name a user.

        Raises:
            UsageError: a user is named, and not as it must be.
            UnavailableError: the database does not answer, and has not for a while.
        """
        if self._bootstrap is not None and self._is_bootstrap(token):
            return Principal(key_id=BOOTSTRAP)
        seen = self._seen
        if seen is None or self._is_old(seen):
            seen = await run_in_threadpool(self._look)
        if self._bootstrap is None and seen.none_ever:
            return NOBODY
        return self._known(token, headers, seen)

    def locked(self) -> bool:
        """Whether nobody is let in without a key; so it is where nobody can tell."""
        if self._bootstrap is not None:
            return True
        try:
            return not (self._seen or self._look()).none_ever
        except UnavailableError:
            return True

    def look_again(self) -> None:
        """Say that keys were changed by this process."""
        with self._turn:
            if self._database is not None and self._seen is not None:
                self._seen = _Seen((-1,), self._seen.keys, float("-inf"))

    def note(self) -> None:
        """Write down when keys were used last, as far as that has not been."""
        with self._turn:
            uses, self._uses = self._uses, {}
            self._noted = time.monotonic()
        if uses and self._database is not None:
            try:
                with self._database.noting() as session:
                    note_uses(session, uses)
            except UnavailableError as exc:
                logger.warning("when keys were used was not written down: %s", exc)

    def _is_bootstrap(self, token: str) -> bool:
        assert self._bootstrap is not None
        # Both in bytes, since that takes as long for every wrong key.
        return hmac.compare_digest(token.encode("utf-8", "replace"), self._bootstrap)

    def _known(self, token: str, headers: Headers, seen: _Seen) -> Principal | None:
        if self._secret is None:
            return None
        id_ = id_in(token)
        opens = None if id_ is None else seen.keys.get(id_)
        # A digest is made in any case: how long it takes does not tell which ids there are.
        right = is_right(token, _NO_DIGEST if opens is None else opens.digest, self._secret)
        if id_ is None or opens is None or not right:
            return None
        now = self._clock()
        if opens.expires is not None and opens.expires <= now:
            return None
        self._uses[id_] = now
        user = ""
        if opens.forwards != "no":
            user = user_of(headers, opens.forwards, user_secret(self._secret, id_), now=now)
        return Principal(
            tenant=opens.tenant,
            key_id=id_,
            scopes=opens.scopes,
            user=user,
            forwards=opens.forwards != "no",
        )

    def _is_old(self, seen: _Seen) -> bool:
        return self._database is not None and time.monotonic() - seen.at > _LOOKS_EVERY_S

    def _look(self) -> _Seen:
        with self._turn:
            seen = self._seen
            if seen is None or self._is_old(seen):
                seen = self._seen = self._read(seen)
        if time.monotonic() - self._noted > _NOTES_EVERY_S:
            self.note()
        return seen

    def _read(self, before: _Seen | None) -> _Seen:
        assert self._database is not None
        at = time.monotonic()
        try:
            with self._database.reading() as session:
                stamp = keys_stamp(session)
                if before is not None and stamp == before.stamp:
                    return _Seen(stamp, before.keys, at)
                rows = all_keys(session, now=self._clock())
        except UnavailableError as exc:
            if before is None or at - before.at > _STALE_S:
                raise
            logger.warning("keys are those of a while ago: %s", exc)
            return before
        if rows and self._secret is None and self._load is not None:
            self._secret = self._load()
        return _Seen(
            stamp,
            {
                row.id: _Opens(
                    digest=row.digest,
                    tenant=row.tenant,
                    scopes=scopes_of(row),
                    forwards=forwards_of(row.forwards),
                    expires=row.expires,
                )
                for row in rows
            },
            at,
        )
