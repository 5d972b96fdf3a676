"""Which granularity a question needs: the router of Mix-of-Granularity (arXiv 2406.00456).

    w(q) = sigmoid(W2 relu(W1 e(q) + b1) + b2)

on the question's embedding e(q). Its labels are soft: of the best chunk of each level the one
nearest to the known answer gets 0.8, the next one 0.2 and the others 0; nearness is the cosine of
embeddings. Binary cross-entropy, Adam with a learning rate of 0.001.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import Artefact, Card
from rag_router.errors import ArtefactError, DataError
from rag_router.indices.granularity import LEVELS

__all__ = ["METHOD", "GranularityRouter", "fit_granularity", "soft_label"]

METHOD: Final = "granular"
_FIRST, _SECOND = 0.8, 0.2
_HIDDEN, _RATE, _EPOCHS, _DECAY, _BATCH = 64, 1e-3, 300, 1e-4, 64


@dataclass(frozen=True, eq=False)
class GranularityRouter:
    """Weights of the five levels for a question.

    Args:
        layers: W1 (hidden, dimension), b1 (hidden,), W2 (levels, hidden), b2 (levels,).
    """

    layers: tuple[NDArray[np.float64], ...]

    def weights(self, vector: NDArray[np.float32]) -> tuple[float, ...]:
        """Return w(q), each in (0, 1), the finest level first; one question at a time."""
        first, first_bias, second, second_bias = self.layers
        hidden = np.maximum(first @ vector.astype(np.float64) + first_bias, 0.0)
        scores = second @ hidden + second_bias
        return tuple(float(one) for one in 1 / (1 + np.exp(-scores)))

    @classmethod
    def of(cls, artefact: Artefact, folder: Path, *, method: str) -> GranularityRouter:
        """Bring back what was fitted.

        Raises:
            ArtefactError: the artefact is another method's, or its arrays do not fit together.
        """
        names = ("first", "first_bias", "second", "second_bias")
        if artefact.card.method != method or not set(names) <= artefact.weights.keys():
            raise ArtefactError(
                f"{folder} holds {artefact.card.method!r} and no router of granularities.",
                hint="Fit one: rag-router index fit-granular.",
            )
        layers = tuple(np.asarray(artefact.weights[name], dtype=np.float64) for name in names)
        if layers[2].shape != (LEVELS, layers[0].shape[0]) or layers[3].shape != (LEVELS,):
            raise ArtefactError(f"{folder}: its arrays do not fit together.", hint="Fit it again.")
        return cls(layers)

    def to_artefact(self, card: Card) -> Artefact:
        """Put what was learned beside its card."""
        names = ("first", "first_bias", "second", "second_bias")
        return Artefact(card=card, weights=dict(zip(names, self.layers, strict=True)))


def soft_label(nearness: Sequence[float | None]) -> tuple[float, ...] | None:
    """Say which levels a question needs, from how near the best chunk of each is to the answer.

    Args:
        nearness: Cosine for each level; None where nothing was found at that level.

    Returns:
        0.8 for the nearest, 0.2 for the next and 0 for the others, ties for the finer level;
        they sum to 1. None where fewer than two levels found anything.
    """
    found = [(-near, level) for level, near in enumerate(nearness) if near is not None]
    if len(found) < 2:
        return None
    (_, first), (_, second) = sorted(found)[:2]
    return tuple(
        _FIRST if level == first else _SECOND if level == second else 0.0
        for level in range(len(nearness))
    )


def fit_granularity(
    vectors: NDArray[np.float32],
    labels: Sequence[tuple[float, ...]],
    *,
    seed: int = 0,
    epochs: int = _EPOCHS,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> GranularityRouter:
    """Fit the router.

    Args:
        vectors: Embeddings of the questions, shape (questions, dimension).
        labels: What each needs, by `soft_label`.
        seed: Of the first weights and of the order of the questions.
        epochs: How often each question is seen.
        on_progress: Told how many epochs are done.

    Raises:
        DataError: there are fewer than 20 questions.
    """
    import torch

    if len(labels) < 20:
        raise DataError(
            f"{len(labels)} question(s) say which granularity they need, and 20 are needed.",
            hint="Give questions whose gold passages or answers stand in the index.",
        )
    draw = torch.Generator().manual_seed(seed)
    asked = torch.from_numpy(np.asarray(vectors, dtype=np.float32))
    wanted = torch.tensor(labels, dtype=torch.float32)
    sizes = ((_HIDDEN, asked.shape[1]), (_HIDDEN,), (LEVELS, _HIDDEN), (LEVELS,))
    layers = [
        (
            torch.randn(size, generator=draw) / max(size[-1], 1) ** 0.5 * (len(size) > 1)
        ).requires_grad_()
        for size in sizes
    ]
    optimiser = torch.optim.Adam(layers, lr=_RATE, weight_decay=_DECAY)
    for epoch in range(epochs):
        order = torch.randperm(len(asked), generator=draw)
        for begin in range(0, len(asked), _BATCH):
            rows = order[begin : begin + _BATCH]
            hidden = torch.relu(asked[rows] @ layers[0].T + layers[1])
            scores = hidden @ layers[2].T + layers[3]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, wanted[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch does not type it
            optimiser.step()
        on_progress(epoch + 1, epochs)
    return GranularityRouter(tuple(one.detach().numpy().astype(np.float64) for one in layers))
