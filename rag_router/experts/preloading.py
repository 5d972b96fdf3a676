"""Loading experts before anybody asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rag_router.errors import UnavailableError
from rag_router.experts.pool import Pool
from rag_router.telemetry import logger

__all__ = ["preload"]


def preload(pool: Pool[Any], names: Sequence[str]) -> tuple[str, ...]:
    """Load experts one after another; returns those that are there in the end.

    One that cannot be loaded, or that there is no room for beside those before it, is logged and
    left to be loaded when it is asked: others can answer until then.

    Args:
        pool: Where they are.
        names: Who is to be loaded; where there is not room for all, the first ones stay.
    """
    there: list[str] = []
    for name in names:
        try:
            with pool.using_all([*there, name]):
                there.append(name)
        except UnavailableError as exc:
            logger.warning("%s is not preloaded: %s", name, exc)
    return tuple(there)
