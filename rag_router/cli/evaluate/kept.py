"""The file that evaluations keep answers in, opened when it is first needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from rag_router.outcomes import OutcomeCache, RecordCache
    from rag_router.settings import Settings

__all__ = ["Kept"]


@dataclass(frozen=True, slots=True)
class Kept:
    """Where answers are kept; nothing is, where `path` is None. Leaving it lets go of the file."""

    path: Path | None
    _open: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, *, use_cache: bool) -> Kept:
        """Keep things in the home, or nowhere."""
        return cls(settings.home / "outcomes.sqlite" if use_cache else None)

    @property
    def outcomes(self) -> OutcomeCache | None:
        """Closed-book answers."""
        from rag_router.outcomes import OutcomeCache

        return None if self.path is None else self._opened("outcomes", OutcomeCache)

    @property
    def records(self) -> RecordCache | None:
        """Everything else."""
        from rag_router.outcomes import RecordCache

        return None if self.path is None else self._opened("records", RecordCache)

    def __enter__(self) -> Kept:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for cache in self._open.values():
            cache.close()
        self._open.clear()

    def _opened(self, name: str, kind: Any) -> Any:
        if name not in self._open:
            self._open[name] = kind(self.path)
        return self._open[name]
