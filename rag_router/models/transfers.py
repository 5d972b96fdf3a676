"""Moving small things between host and device without waiting for the device.

A copy that is not told otherwise waits until everything that was queued before it is done. A
decoding loop that does so several times a token leaves the device idle in between; what it sends
need not be waited for, and what it fetches is fetched once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["rows_at", "sent"]


def sent(values: Sequence[float], like: Tensor) -> Tensor:
    """Make a tensor of numbers, of the kind of another and where that one is, shape (values,)."""
    return torch.tensor(values, dtype=like.dtype).to(like.device, non_blocking=True)


def rows_at(tensor: Tensor, rows: Sequence[int]) -> Tensor:
    """Return these rows, in this order; nothing is copied where they are evenly spaced.

    Args:
        tensor: Shape (all rows, ...).
        rows: Their numbers, at least one.
    """
    spacing = rows[1] - rows[0] if len(rows) > 1 else 1
    if spacing > 0 and list(rows) == list(range(rows[0], rows[-1] + 1, spacing)):
        return tensor[rows[0] : rows[-1] + 1 : spacing]
    index = torch.tensor(list(rows), dtype=torch.long)
    return tensor[index.to(tensor.device, non_blocking=True)]
