"""Drawing the next token at random, so that a row's draws depend on that row alone.

Each step of each row takes one number u in [0, 1), which is computed from the seed, the row's own
key and the number of the step, and from nothing else: not from the batch, the device or the
order in which rows were laid out. The token is the first one, in the order of the vocabulary, at
which the cumulative probability passes u (inverse transform sampling; Devroye 1986, "Non-uniform
random variate generation", doi 10.1007/978-1-4613-8643-8). Adding up is done in float64: over a
quarter of a million tokens, float32 would lose those that are rare.

What is drawn from is softmax(scores / temperature). Two cuts can leave its tail out, and a token
stays if it passes both: *nucleus* sampling keeps the fewest likeliest tokens that reach `top_p`
together (Holtzman et al. 2020, arXiv 1904.09751), *min-p* those at least `min_p` times as likely
as the likeliest (Nguyen et al. 2024, arXiv 2407.01082). The likeliest token passes any cut, so
there is always something to draw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

import torch
from torch import Tensor

from rag_router.errors import SettingsError

__all__ = ["Sampling", "sample"]

_BITS: Final = 53
"""What a float64 in [0, 1) can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are drawn.

    Attributes:
        temperature: Scores are divided by it, > 0; 1 draws from the model's own distribution.
        top_p: Probability that the kept tokens reach together, in (0, 1]; 1 keeps all.
        min_p: Least probability of a kept token, as a share of the likeliest one's, in [0, 1);
            0 keeps all.
        seed: Of all draws.
        key: What tells this row's draws from those of others, such as the question and the
            number of the sample. Rows of equal seed and key draw equal numbers.

    Raises:
        SettingsError: a value is out of its range.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 0
    key: str = ""

    def __post_init__(self) -> None:
        ranges = {
            "temperature": (0.0 < self.temperature < math.inf, "above 0"),
            "top_p": (0.0 < self.top_p <= 1.0, "above 0 and at most 1"),
            "min_p": (0.0 <= self.min_p < 1.0, "at least 0 and below 1"),
        }
        for name, (fits, wanted) in ranges.items():
            if not fits:
                raise SettingsError(
                    f"{name} must be {wanted}; saw {getattr(self, name)}.",
                    hint="Leave sampling out to decode greedily.",
                )

    def keyed(self, *parts: str | int) -> Sampling:
        """Return the same for the row that goes by these parts together."""
        return replace(self, key="\x1f".join(map(str, parts)))

    def draw(self, step: int) -> float:
        """Return the number of a step, evenly distributed in [0, 1)."""
        text = f"{self.seed}\x1e{step}\x1e{self.key}"
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return float((int.from_bytes(digest, "big") >> (64 - _BITS)) / 2**_BITS)


def sample(scores: Tensor, samplings: Sequence[Sampling], steps: Sequence[int]) -> Tensor:
    """Draw a token for each row.

    Args:
        scores: Unnormalised log-probabilities, shape (rows, vocabulary); -inf where a token
            cannot be, finite for at least one.
        samplings: One for each row.
        steps: Number of each row's step, from 0.

    Returns:
        Token numbers, shape (rows,).
    """
    weights = scores.double()
    # Less the largest, so that the smallest temperature makes zeros rather than infinities.
    weights = weights - weights.amax(dim=-1, keepdim=True)
    weights /= _column(scores, [one.temperature for one in samplings])
    weights.exp_()
    if any(one.top_p < 1 or one.min_p > 0 for one in samplings):
        weights *= _kept(weights, samplings)
    reached = weights.cumsum(dim=-1)
    total = reached[:, -1:].contiguous()
    draws = [one.draw(step) for one, step in zip(samplings, steps, strict=True)]
    token = torch.searchsorted(reached, _column(scores, draws) * total, right=True)
    # Rounding may lift u * total to total itself; the last token that has any weight is drawn.
    last = torch.searchsorted(reached, total)
    return torch.minimum(token, last)[:, 0]


def _kept(weights: Tensor, samplings: Sequence[Sampling]) -> Tensor:
    """Tell which tokens pass the cuts, bool (rows, vocabulary); the likeliest weighs 1."""
    min_p = _column(weights, [one.min_p for one in samplings])
    kept = weights >= min_p
    if any(one.top_p < 1 for one in samplings):
        top_p = _column(weights, [one.top_p for one in samplings])
        falling, order = weights.sort(dim=-1, descending=True, stable=True)
        reached = falling.cumsum(dim=-1)
        # What stands before a token: nothing before the likeliest, so that it always stays.
        before = torch.nn.functional.pad(reached[:, :-1], (1, 0))
        nucleus = (before < top_p * reached[:, -1:]) | (top_p == 1)
        kept = kept & torch.zeros_like(kept).scatter(-1, order, nucleus)
    return kept


def _column(like: Tensor, values: Sequence[float]) -> Tensor:
    sent = torch.tensor(values, dtype=torch.float64).to(like.device, non_blocking=True)
    return sent[:, None]
