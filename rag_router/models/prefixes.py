"""What has been read of the beginnings that prompts share, kept so that it is not read again.

Every question is put after the same instruction and worked examples. What a causal model makes of
them depends on nothing that follows, so their keys and values serve every prompt that begins with
the same tokens, and the least recently used ones make room (Zheng et al. 2023, "SGLang",
arXiv 2312.07104, there in a tree of all prefixes; here only the marked ones are kept, whole).
Nothing is approximated: a prompt is read as if there were no cache, only sooner.

How fast a prompt is read tells whether its beginning was read before (Song et al. 2024, "The early
bird catches the leak", arXiv 2409.20002). The common beginning is the same for everybody, and tells
nothing; one that holds passages is found again by the same party alone.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rag_router.artefacts import fingerprint_of
from rag_router.errors import ModelError, SettingsError

if TYPE_CHECKING:  # a scripted model checks its arguments here and needs no transformers for it
    from rag_router.models.caches import KeyValues

__all__ = [
    "MIN_SHARED",
    "PrefixCache",
    "PrefixKey",
    "PrefixStats",
    "checked_shared",
    "group_by_prefix",
    "namespace",
    "read_for",
]

MIN_SHARED: Final = 16
"""Shorter prefixes are read with the rest: finding and copying them costs what reading them does.

From here on a prefix is kept at its first use. Reading it by itself costs about what the batch it
is taken out of saves, so nothing is lost on a prompt that stays the only one, and all later ones
gain.
"""


_SALT: Final = secrets.token_hex(32)
"""Of this process, where all caches end, too: nobody outside can say what a namespace is called."""

_NAMESPACE: ContextVar[str] = ContextVar("namespace", default="")


@contextmanager
def read_for(party: str | None) -> Iterator[None]:
    """Share what is read of prefixes within with the same party alone, such as a tenant."""
    set_before = _NAMESPACE.set(fingerprint_of(_SALT, party or ""))
    try:
        yield
    finally:
        _NAMESPACE.reset(set_before)


def namespace() -> str:
    """Return who shares what is read of prefixes now; "" is everybody."""
    return _NAMESPACE.get()


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixKey:
    """Whose prefix it is, and which.

    Attributes:
        model: Fingerprint of the model that read it.
        adapter: Name of the adapter it was read with; None without one.
        namespace: Who shares it, such as a tenant; "" is everybody.
        tokens: sha256 of the token ids.
    """

    model: str
    adapter: str | None = None
    namespace: str = ""
    tokens: str

    @classmethod
    def of(
        cls, ids: Sequence[int], *, model: str, adapter: str | None = None, namespace: str = ""
    ) -> PrefixKey:
        """Return the key of these token ids."""
        tokens = fingerprint_of(repr(tuple(ids)))
        return cls(model=model, adapter=adapter, namespace=namespace, tokens=tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixStats:
    """What a cache has been good for so far, and what it takes.

    Attributes:
        hits: Look-ups that found their prefix; one for each batch and prefix.
        misses: Look-ups that did not.
        entries: Prefixes kept now.
        bytes: Bytes of their tensors.
    """

    hits: int
    misses: int
    entries: int
    bytes: int


class PrefixCache:
    """Prefixes that have been read, the least recently used ones dropped beyond a bound.

    Safe to share between threads. Two that miss the same prefix at once both read it, which costs
    time once and never a wrong answer.

    Args:
        max_bytes: Most bytes that all entries take together, >= 0; with 0 nothing is kept.

    Raises:
        SettingsError: the bound is negative.
    """

    def __init__(self, max_bytes: int) -> None:
        if max_bytes < 0:
            raise SettingsError(
                f"a prefix cache cannot hold {max_bytes} bytes.", hint="Use 0 to keep nothing."
            )
        self.max_bytes: Final = max_bytes
        self._entries: OrderedDict[PrefixKey, KeyValues] = OrderedDict()
        self._bytes = self._hits = self._misses = 0
        self._lock = threading.Lock()

    @property
    def stats(self) -> PrefixStats:
        """The counters, all of one moment."""
        with self._lock:
            return PrefixStats(
                hits=self._hits,
                misses=self._misses,
                entries=len(self._entries),
                bytes=self._bytes,
            )

    def get(self, key: PrefixKey) -> KeyValues | None:
        """Return what was read of the prefix, now the most recently used; None if not kept."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                self._misses += 1
                return None
            self._hits += 1
            self._entries.move_to_end(key)
            return found

    def put(self, key: PrefixKey, prefix: KeyValues) -> None:
        """Keep a prefix, and drop others until the bound is kept; too large a one is not kept."""
        if prefix.nbytes > self.max_bytes:
            return
        with self._lock:
            if (old := self._entries.pop(key, None)) is not None:
                self._bytes -= old.nbytes
            self._entries[key] = prefix
            self._bytes += prefix.nbytes
            while self._bytes > self.max_bytes:
                _, dropped = self._entries.popitem(last=False)
                self._bytes -= dropped.nbytes


def checked_shared(prompts: Sequence[Sequence[int]], shared: Sequence[int] | None) -> Sequence[int]:
    """Return how many leading tokens of each prompt are shared; zeros where it was not said.

    Raises:
        ModelError: there is not one number for each prompt, or one does not lie in it.
    """
    if shared is None:
        return [0] * len(prompts)
    if len(shared) != len(prompts):
        raise ModelError(
            f"{len(prompts)} prompts came with {len(shared)} lengths of their shared prefixes.",
            hint="Give one for each prompt, 0 where nothing is shared.",
        )
    for prompt, count in zip(prompts, shared, strict=True):
        if not 0 <= count <= len(prompt):
            raise ModelError(
                f"a prompt of {len(prompt)} tokens cannot share {count} of them.",
                hint="Give 0 to the prompt's length.",
            )
    return shared


def group_by_prefix(
    prompts: Sequence[Sequence[int]], shared: Sequence[int], *, longest: int
) -> dict[tuple[int, ...], list[int]]:
    """Tell which prompts begin with the same shared tokens.

    Args:
        prompts: Token ids of each.
        shared: How many leading tokens of each are shared.
        longest: Most tokens of a prefix that can be kept; the others count as unshared.

    Returns:
        Rows by prefix, rows ascending; the empty prefix for those that share too little.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    for row, (prompt, count) in enumerate(zip(prompts, shared, strict=True)):
        columns = min(count, longest)
        prefix = tuple(prompt[:columns]) if columns >= MIN_SHARED else ()
        groups.setdefault(prefix, []).append(row)
    return groups
