"""How long who wants an expert waits until it is loaded."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from rag_router.errors import CancelledError
from rag_router.experts.deadline import Deadline

__all__ = ["ENDLESS", "Patience"]

_LOOK_S: Final = 0.05
"""How often who waits looks whether it is still wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """What who wants an expert waits for, and what it would not have unloaded.

    Attributes:
        until: By when it must be loaded; None, and one that never passes, is as long as it takes.
        sparing: Names of those that are not unloaded to make room, though nobody uses them.
        cancelled: Asked while it waits, where there is an end to it; true gives up.
    """

    until: Deadline | None = None
    sparing: Collection[str] = ()
    cancelled: Callable[[], bool] | None = None

    @property
    def ends(self) -> bool:
        """Whether there is a moment at which it is too late."""
        return self.until is not None and not math.isinf(self.until.ends)

    @property
    def over(self) -> bool:
        """Whether it is too late.

        Raises:
            CancelledError: nobody waits any longer.
        """
        if self.cancelled is not None and self.cancelled():
            raise CancelledError("answering was cancelled.")
        return self.until is not None and self.until.passed()

    @property
    def look_s(self) -> float:
        """Seconds after which it is worth to look again."""
        return _LOOK_S if self.until is None else min(_LOOK_S, self.until.left_s)


ENDLESS: Final = Patience()
"""Waits as long as it takes."""
