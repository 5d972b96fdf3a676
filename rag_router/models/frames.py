"""How prompts of different lengths stand in one frame of columns, read before or to be read.

All rows end in the last column and are padded on the left. The first `held` columns are those of
a prefix that has been read; the others are read now, the same number for every row:

    held = 4, prefix a b c d                 columns    0 1 2 3 | 4 5 6
        prompt a b c d x y z                            a b c d | x y z
        prompt a b c d x                                . . a b | c d x

A shorter prompt moves the prefix to the right, beyond the first columns read now if need be, and
what moved there is read again. So there are no holes: the distance of two columns is the distance
of two tokens, on which sliding-window attention relies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Frame", "lay_out"]


@dataclass(frozen=True, slots=True)
class Frame:
    """Prompts laid out in columns.

    Attributes:
        ids: Tokens to be read now, int64 (rows, columns read now).
        positions: True position of each, likewise; 0 where a column only pads.
        mask: bool (rows, all columns), False where a column only pads a row.
        kept: For each row, how many leading tokens of the prefix stand in the held columns.
    """

    ids: Tensor
    positions: Tensor
    mask: Tensor
    kept: tuple[int, ...]


def lay_out(prompts: Sequence[Sequence[int]], *, held: int = 0, pad: int = 0) -> Frame:
    """Lay prompts out behind a prefix that they all begin with.

    Args:
        prompts: Token ids of each, at least one and none empty.
        held: Length of the prefix, 0 to that of the shortest prompt. The last token of a prompt
            is read in any case, since what follows it is asked for.
        pad: Token that stands where nothing is to be read.
    """
    columns = max(held + 1, *(len(prompt) for prompt in prompts))
    fresh = columns - held
    ids = torch.full((len(prompts), fresh), pad, dtype=torch.long)
    mask = torch.zeros((len(prompts), columns), dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        tail = list(prompt[-fresh:])
        ids[row, fresh - len(tail) :] = torch.as_tensor(tail)
        mask[row, columns - len(prompt) :] = True
    return Frame(
        ids=ids,
        positions=(mask.long().cumsum(dim=1) - 1).clamp(min=0)[:, held:],
        mask=mask,
        kept=tuple(max(0, len(prompt) - fresh) for prompt in prompts),
    )
