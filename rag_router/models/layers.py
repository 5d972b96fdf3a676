"""What a model would say if it stopped at one of its later layers.

The output head, behind the last norm, reads the residual stream at any layer and not only after
the last one (the *logit lens*; Belrose et al. 2023, arXiv 2303.08112, section 2). Each layer adds
to that stream twice: what its attention collects from other tokens, then what its feed-forward
network knows by itself. So each layer is read on both sides of its feed-forward network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["LayerStates", "later_layers"]


@dataclass(frozen=True, slots=True)
class LayerStates:
    """The residual stream of the last token of each row, around each later feed-forward network.

    Turning states into logits is not done before they are asked for: it takes a pass through the
    output head, which is a large part of a small model, and room for a vocabulary each.

    Attributes:
        before: Before the feed-forward network, shape (rows, layers, width).
        after: After it, same shape.
        head: Last norm and output head: (rows, width) -> float32 logits (rows, vocabulary).
    """

    before: Tensor
    after: Tensor
    head: Callable[[Tensor], Tensor]

    @property
    def rows(self) -> int:
        return int(self.before.shape[0])

    @property
    def layers(self) -> int:
        """Number of layers, the lowest one first."""
        return int(self.before.shape[1])

    def logits(self, layers: range) -> tuple[Tensor, Tensor]:
        """Logits before and after some layers' feed-forward networks.

        They go through the output head together, whose weights are then read but once.

        Returns:
            Two tensors of shape (rows, layers, vocabulary).
        """
        some = slice(layers.start, layers.stop)
        states = torch.stack([self.before[:, some], self.after[:, some]])
        logits = self.head(states.flatten(end_dim=2)).reshape(*states.shape[:3], -1)
        return logits[0], logits[1]

    def select(self, rows: Sequence[int]) -> LayerStates:
        """Return these rows, in this order."""
        index = list(rows)
        return LayerStates(self.before[index], self.after[index], self.head)

    @classmethod
    def join(cls, parts: Sequence[LayerStates]) -> LayerStates:
        """Stand the rows of one model side by side."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            torch.cat([part.before for part in parts]),
            torch.cat([part.after for part in parts]),
            parts[0].head,
        )


def later_layers(layers: int) -> range:
    """Number the layers of the latter half but the last, which says what the model says.

    A model of one or two layers has no such layer, and shows its last one.
    """
    return range(layers // 2, max(layers - 1, layers // 2 + 1))
