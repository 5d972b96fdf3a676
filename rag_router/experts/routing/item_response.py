"""Multidimensional item response theory: abilities of experts, difficulty of questions.

IRT-Router (Song et al. 2025, ACL 2025, arXiv 2506.01048), its MIRT variant: a question asks for
abilities and is difficult, both read off its embedding e; an expert has abilities theta,

    P(m right | q) = sigma(a_q . theta_m - b_q),    a_q = W e + w_0,    b_q = -(u . e + u_0)

fitted together by cross-entropy with a ridge on all of them. A question that is like none of the
labelled ones is moved towards its nearest (the paper's warm-up for cold starts),

    e' = (1 - warmth) e + warmth * mean of the 5 nearest labelled questions

and an expert that is added later (`added`) gets abilities from a few outcomes of its own, while the
questions' side stays as it is. The paper routes by alpha P - beta cost; `price_weight` is
beta / alpha.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.arrays import Arrays
from rag_router.component import STRICT
from rag_router.errors import DataError, SettingsError
from rag_router.experts.routing.learned import LearnedExpertRouter
from rag_router.experts.routing.lesson import FEWEST, OutcomeLesson
from rag_router.experts.routing.neighbours import nearest
from rag_router.learning.softmax import sigmoid

__all__ = ["ItemResponseRouter"]

_NEAREST: Final = 5
_STEPS: Final = 400
_RATE: Final = 0.02
_START: Final = 0.3
"""Spread of the first abilities and weights: all at nothing would stay there."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ItemResponseRouter(LearnedExpertRouter):
    """Ask the expert whose abilities meet the question (IRT-Router).

    Args:
        price_weight: Accuracy that the dearest candidate must bring more than a free one, >= 0.
        experts: Whom it knows; set by fitting.
        arrays: What was learned; empty until fitted.
        abilities: How many an expert has (25 in the paper, for 20 experts).
        ridge: How much abilities and weights are shrunk, > 0.
        warmth: How far a question is moved towards its nearest labelled ones, in [0, 1].
        kept: Most labelled questions to keep for that, those drawn by the lesson's seed.
    """

    abilities: Annotated[int, Field(ge=1, le=64)] = 8
    ridge: Annotated[float, Field(gt=0)] = 5e-3
    warmth: Annotated[float, Field(ge=0, le=1)] = 0.3
    kept: Annotated[int, Field(ge=20, le=20_000)] = 2_000

    called: ClassVar[str] = "item_response"
    options_kept: ClassVar[tuple[str, ...]] = ("abilities", "ridge", "warmth", "kept")

    def taught(self, lesson: OutcomeLesson) -> Mapping[str, NDArray[Any]]:
        draw = np.random.default_rng(lesson.seed)
        # Embeddings vary little around their mean, and a descent sees the mean first.
        x = lesson.vectors.astype(np.float64)
        centre = x.mean(axis=0)
        scale = float(np.sqrt(((x - centre) ** 2).sum(axis=1).mean())) or 1.0
        items = np.column_stack([(x - centre) / scale, np.ones(len(x))])
        theta = draw.normal(scale=_START, size=(lesson.right.shape[1], self.abilities))
        asked = draw.normal(scale=_START, size=(items.shape[1], self.abilities))
        easy = np.zeros(items.shape[1])
        easy[-1] = _log_odds(lesson.right.mean())

        def slopes(parts: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
            theta, asked, easy = parts
            a = items @ asked
            gap = (sigmoid(a @ theta.T + (items @ easy)[:, None]) - lesson.right) / len(items)
            shrink = self.ridge
            return [
                gap.T @ a + shrink * theta,
                items.T @ (gap @ theta) + shrink * asked,
                items.T @ gap.sum(axis=1) + shrink * np.append(easy[:-1], 0.0),
            ]

        theta, asked, easy = _descend([theta, asked, easy], slopes)
        return {
            "theta": theta,
            "asked": asked[:-1].T / scale,
            "asked_bias": asked[-1] - centre @ asked[:-1] / scale,
            "easy": easy[:-1] / scale,
            "easy_bias": np.array([easy[-1] - centre @ easy[:-1] / scale]),
            "seen": lesson.some(self.kept).vectors.astype(np.float32),
        }

    def likely(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        asked, easy = self.items(vectors)
        # One question at a time: a product of matrices adds up in another order.
        return np.array(
            [sigmoid(self.arrays["theta"] @ a + b) for a, b in zip(asked, easy, strict=True)]
        )

    def items(
        self, vectors: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what questions ask for, (questions, abilities), and how easy they are (-b_q)."""
        asked, easy = [], []
        for vector in vectors:
            warmed = self._warmed(vector)
            asked.append(self.arrays["asked"] @ warmed + self.arrays["asked_bias"])
            easy.append(float(self.arrays["easy"] @ warmed + self.arrays["easy_bias"][0]))
        return np.array(asked), np.array(easy)

    def added(self, name: str, lesson: OutcomeLesson) -> Self:
        """Return this router with one more expert; what was learned of the others stays.

        Args:
            name: The new expert; a column of the lesson.
            lesson: Questions that it has answered, few or many.

        Raises:
            SettingsError: nothing was fitted yet, or the expert is known already.
            DataError: the lesson has no such column, or too few questions.
        """
        if not self.fitted or name in self.experts:
            state = "is known already" if self.fitted else "has nobody to be added to"
            raise SettingsError(
                f"the expert {name!r} {state}.", hint="Fit the others first, and add new ones."
            )
        if name not in lesson.experts or len(lesson) < FEWEST:
            raise DataError(
                f"{len(lesson)} questions answered by {', '.join(lesson.experts)} do not tell "
                f"enough of {name!r}.",
                hint=f"Let it answer at least {FEWEST} questions.",
            )
        right = lesson.right[:, lesson.experts.index(name)]
        asked, easy = self.items(lesson.vectors.astype(np.float64))

        def slopes(parts: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
            theta = parts[0]
            gap = (sigmoid(asked @ theta + easy) - right) / len(right)
            return [asked.T @ gap + self.ridge * theta]

        # An expert that nothing is known of is like the others on average.
        begun = self.arrays["theta"].mean(axis=0)
        theta = _descend([begun], slopes)[0]
        arrays = {**self.arrays, "theta": np.vstack([self.arrays["theta"], theta])}
        return replace(self, experts=(*self.experts, name), arrays=Arrays(arrays))

    def _warmed(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.warmth == 0:
            return vector
        found, _ = nearest(self.arrays["seen"], vector, _NEAREST)
        near = self.arrays["seen"][found].astype(np.float64).mean(axis=0)
        return np.asarray((1 - self.warmth) * vector + self.warmth * near)


def _descend(parts: list[NDArray[np.float64]], slopes: Any) -> list[NDArray[np.float64]]:
    """Adam (Kingma and Ba 2015, arXiv 1412.6980) over all rows at once, its rate falling to 0."""
    first = [np.zeros_like(part) for part in parts]
    second = [np.zeros_like(part) for part in parts]
    for step in range(1, _STEPS + 1):
        rate = _RATE * 0.5 * (1 + np.cos(np.pi * step / _STEPS))
        for n, slope in enumerate(slopes(parts)):
            first[n] = 0.9 * first[n] + 0.1 * slope
            second[n] = 0.999 * second[n] + 0.001 * slope * slope
            size = np.sqrt(second[n] / (1 - 0.999**step)) + 1e-8
            parts[n] = parts[n] - rate * (first[n] / (1 - 0.9**step)) / size
    return parts


def _log_odds(share: float) -> float:
    share = min(max(float(share), 1e-3), 1 - 1e-3)
    return float(np.log(share / (1 - share)))
