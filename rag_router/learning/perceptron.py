"""A perceptron of one hidden layer, trained in torch and evaluated in numpy.

    f(x) = tanh(x A + a) B + b

It is small, is trained on the CPU by AdamW (Loshchilov and Hutter 2017, arXiv 1711.05101), and
everything random comes from a seed, so that the same questions teach the same weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rag_router.learning.probes import Projection

__all__ = ["Loss", "Perceptron", "train"]

Loss = Callable[[Callable[[Tensor], Tensor], torch.Generator], Tensor]
"""The loss of one step, given the perceptron and what to draw examples with."""


@dataclass(frozen=True, slots=True)
class Perceptron:
    """What was trained.

    Attributes:
        first: A, shape (width, hidden).
        first_bias: a, shape (hidden,).
        second: B, shape (hidden, outputs).
        second_bias: b, shape (outputs,).
    """

    first: NDArray[Any]
    first_bias: NDArray[Any]
    second: NDArray[Any]
    second_bias: NDArray[Any]

    def __call__(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Return f(x) of shape (n, outputs) for x of shape (n, width)."""
        inner = np.tanh(x.astype(np.float64) @ self.first + self.first_bias)
        return np.asarray(inner @ self.second + self.second_bias, dtype=np.float64)

    def behind(self, projection: Projection) -> Perceptron:
        """Return the same map of what the projection is given, instead of what it returns."""
        first, first_bias = projection.unfold(self.first, self.first_bias)
        return Perceptron(first, first_bias, self.second, self.second_bias)

    def arrays(self, prefix: str = "") -> dict[str, NDArray[np.float32]]:
        """Return the arrays by name, for an artefact."""
        return {
            f"{prefix}first": self.first.astype(np.float32),
            f"{prefix}first_bias": self.first_bias.astype(np.float32),
            f"{prefix}second": self.second.astype(np.float32),
            f"{prefix}second_bias": self.second_bias.astype(np.float32),
        }

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], prefix: str = "") -> Perceptron:
        """Bring back what `arrays` returned."""
        names = ("first", "first_bias", "second", "second_bias")
        return cls(*(arrays[prefix + name] for name in names))


def train(
    loss: Loss,
    *,
    width: int,
    hidden: int,
    outputs: int,
    steps: int,
    seed: int,
    rate: float = 3e-3,
    decay: float = 1e-2,
) -> Perceptron:
    """Train a perceptron.

    Args:
        loss: What to make small, anew at each step.
        width: Of its input.
        hidden: Units between.
        outputs: Of its output.
        steps: Steps of AdamW.
        seed: Of the first weights and of what the loss draws.
        rate: Learning rate; it falls to nothing along a cosine.
        decay: Weight decay.
    """
    draw = torch.Generator().manual_seed(seed)
    first = torch.randn(width, hidden, generator=draw) / math.sqrt(max(width, 1))
    second = torch.randn(hidden, outputs, generator=draw) / math.sqrt(hidden)
    first_bias, second_bias = torch.zeros(hidden), torch.zeros(outputs)
    weights = [first, first_bias, second, second_bias]
    for tensor in weights:
        tensor.requires_grad_()

    def forward(x: Tensor) -> Tensor:
        inner = torch.tanh(x @ first + first_bias)
        return inner @ second + second_bias

    optimiser = torch.optim.AdamW(weights, lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(forward, draw).backward()  # type: ignore[no-untyped-call]  # torch ships it untyped
        optimiser.step()
        schedule.step()
    return Perceptron(*(tensor.detach().double().numpy() for tensor in weights))
