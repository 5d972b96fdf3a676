"""Which experts of a mixture-of-experts model its routers choose.

Only models whose choice is the plain top-k of the router's logits are read: Mixtral (Jiang et al.
2024, arXiv 2401.04088) and OLMoE (Muennighoff et al. 2024, arXiv 2409.02060). Others add biases,
groups or noise before they choose, and their logits do not tell what was chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor

__all__ = ["chosen_experts", "has_routers"]

_PLAIN: Final = frozenset({"mixtral", "olmoe"})


def has_routers(config: Any) -> bool:
    """Whether a model of this configuration has routers whose choice can be read."""
    return getattr(config, "model_type", None) in _PLAIN


def chosen_experts(router_logits: Sequence[Tensor], rows: int, config: Any) -> Tensor:
    """Tell which experts read the last token of each row.

    Args:
        router_logits: Of each layer, shape (rows * columns, experts).
        rows: Number of prompts.
        config: The model's configuration; says how many experts are chosen.

    Returns:
        bool, shape (rows, layers, experts); as many are true in each layer as are chosen.
    """
    last = torch.stack([each.reshape(rows, -1, each.shape[-1])[:, -1] for each in router_logits], 1)
    chosen = last.topk(int(config.num_experts_per_tok), dim=-1).indices
    return torch.zeros_like(last, dtype=torch.bool).scatter_(-1, chosen, True)
