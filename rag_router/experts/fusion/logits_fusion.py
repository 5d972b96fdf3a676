"""Dynamic logits fusion: what experts changed in a base, added to a model, as strongly as there.

Fan et al. 2024, "On giant's shoulders: effortless weak to strong by dynamic logits fusion"
(NeurIPS 2024, arXiv 2406.15480). With z the logits of a model, z_B those of a small base and z_i
those of experts that were made of that base,

    z' = z + sum_i alpha_i (z_i - z_B)

and the alpha of every token such that the model changes as much as the experts changed the base:

    KL( softmax(z') || softmax(z) )  =  KL( softmax(z_i) || softmax(z_B) )        alpha in [0, 2]

A fixed alpha of 1 is proxy tuning (Liu et al. 2024, arXiv 2401.08565).

Of several experts the paper asks for one alpha each that come as close as they can to all of
these equations. Their left side is one number for all of them, so that least squares fix it to
the experts' average, and leave open by which proportions it is reached. Here these proportions
are the weights of the question:

    alpha_i = s w_i        KL( softmax(z') || softmax(z) ) = sum_i w_i KL( p_i || p_B )

where the w_i are those of the experts alone, summing to 1, and s is the only one that solves it
in [0, most]; most where none does. Where the model is the base itself, one expert gets alpha = 1,
and speaks for itself; several are put together as task vectors are, but token by token.

When to use it: adapters over one base, or over a small sister of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from rag_router.component import STRICT
from rag_router.decoders.arithmetic import floored
from rag_router.errors import SettingsError, did_you_mean
from rag_router.experts.fusion.base import Fused, Voices
from rag_router.experts.fusion.members import at_least_two
from rag_router.experts.fusion.strength import change, strength_of_change

__all__ = ["LogitsFusion"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LogitsFusion:
    """Add to a model what experts changed in their base, as strongly as they did.

    The weights in the trace are the alphas of the experts; the model that they are added to
    counts 1.

    Args:
        base: The expert that the others were made of; the leading one where it is not said.
        large: The expert to which is added what they changed; the base where it is not said.
        most: Largest sum of the alphas, > 0.
    """

    asks: ClassVar[str] = "a pass of every expert a token"

    base: str | None = None
    large: str | None = None
    most: Annotated[float, Field(gt=0.0, le=100.0)] = 2.0

    def check(self, names: Sequence[str]) -> None:
        at_least_two(names, "logits_fusion")
        for option, name in (("base", self.base), ("large", self.large)):
            if name is not None and name not in names:
                raise SettingsError(
                    f"fusion 'logits_fusion': {option} = {name!r} is not among the fused experts.",
                    hint=did_you_mean(name, names, "expert"),
                )
        base, large = self._of(names)
        if set(names) <= {base, large}:
            raise SettingsError(
                f"fusion 'logits_fusion': beside base {base!r} and large {large!r} there is no "
                "expert.",
                hint="Name one that was made of the base, such as an adapter over it.",
            )

    def fuse(self, voices: Voices) -> Fused:
        base, large = self._of(voices.names)
        made = [name for name in voices.names if name not in (base, large)]
        weights = _proportions(voices, made)
        before = floored(voices.logits[base])
        start = before if large == base else floored(voices.logits[large])
        direction, wanted = torch.zeros_like(start), torch.zeros_like(weights[:, 0])
        for name, weight in zip(made, weights.unbind(dim=1), strict=True):
            after = floored(voices.logits[name])
            wanted += weight * change(after, before)
            direction += after.sub_(before).mul_(weight[:, None])
        s = strength_of_change(start, direction, wanted, most=self.most)
        scores = torch.addcmul(voices.logits[large], direction, s[:, None])
        alphas = {n: s * w for n, w in zip(made, weights.unbind(dim=1), strict=True)}
        return Fused(scores, {large: torch.ones_like(s), **alphas})

    def _of(self, names: Sequence[str]) -> tuple[str, str]:
        """The base, and the model to which is added."""
        base = self.base or names[0]
        return base, self.large or base


def _proportions(voices: Voices, names: Sequence[str]) -> Tensor:
    """Weights of these experts alone, shape (rows, names); none where they weigh nothing."""
    columns = [voices.names.index(name) for name in names]
    weights = voices.weights[:, columns]
    total = weights.sum(dim=1, keepdim=True)
    return torch.where(total > 0, weights / total.clamp(min=1e-12), torch.zeros_like(weights))
