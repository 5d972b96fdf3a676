"""Drop passages that say again what a better one has said.

Resemblance after Broder 1997 ("On the resemblance and containment of documents",
doi 10.1109/SEQUEN.1997.666900): the containment of the smaller passage's word shingles S in the
larger one's,  |S(a) & S(b)| / min(|S(a)|, |S(b)|).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.filters.base import FilterContext
from rag_router.scoring import normalise
from rag_router.types import Judged

__all__ = ["RedundancyFilter"]

Shingles = frozenset[tuple[str, ...]]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RedundancyFilter:
    """Keep the best-ranked of passages that repeat each other.

    Args:
        threshold: Drop from this containment on, in (0, 1].
        shingle: Words in a shingle, >= 1.
    """

    threshold: Annotated[float, Field(gt=0.0, le=1.0)] = 0.6
    shingle: Annotated[int, Field(ge=1, le=20)] = 4

    @property
    def fitted(self) -> bool:
        return True

    def judge(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[Judged]]:
        del questions, context
        return [self._judge_line(line) for line in judged]

    def containment(self, left: str, right: str) -> float:
        """Share of the smaller text's shingles that the other has too, in [0, 1]."""
        return _containment(self._shingles(left), self._shingles(right))

    def _judge_line(self, line: Sequence[Judged]) -> list[Judged]:
        seen: list[tuple[str, Shingles]] = []
        out: list[Judged] = []
        for one in line:
            if not one.kept:
                out.append(one)
                continue
            shingles = self._shingles(one.hit.passage.text)
            same = next((i for i, s in seen if _containment(shingles, s) >= self.threshold), None)
            if same is None:
                seen.append((one.hit.passage.id, shingles))
                out.append(one)
            else:
                out.append(replace(one, kept=False, why=f"repeats passage {same}"))
        return out

    def _shingles(self, text: str) -> Shingles:
        words = normalise(text).split()
        size = min(self.shingle, len(words)) or 1
        return frozenset(tuple(words[i : i + size]) for i in range(len(words) - size + 1))


def _containment(left: Shingles, right: Shingles) -> float:
    smaller = min(len(left), len(right))
    return len(left & right) / smaller if smaller else 0.0
