"""A window: many questions that go through the stages together, begun before they are ended.

What comes between the gate and the generator takes neither: it can be done in a thread, while the
generator answers the window before.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rag_router.orchestrator.course import Course
from rag_router.orchestrator.pieces import Pieces

__all__ = ["Window"]


@dataclass(slots=True, kw_only=True)
class Window:
    """Questions that the gate has judged.

    Attributes:
        course: How far they are.
        pieces: How many of them are read and decoded together.
    """

    course: Course
    pieces: Pieces
    _looked_up: bool = field(default=False, init=False)

    def look_up(self) -> None:
        """Look up what the gate sends, all of it at once; a second time does nothing.

        It may be called in any thread, by one at a time.
        """
        if not self._looked_up:
            self.course.look_up()
            self._looked_up = True
