"""An observation that can be changed part by part."""

from __future__ import annotations

import math

import numpy as np

from rag_router.outlook import Observation, Said

__all__ = ["NOTHING", "seen"]

NOTHING = np.zeros((0, 0), dtype=np.float32)


def seen(**more: object) -> Observation:
    """A question of which memory knows little and the first passage much."""
    parts = {
        "question": "what is the river of Rome",
        "p_know": 0.2,
        "memory": Said("Nile", (math.log(0.5), math.log(0.2))),
        "passages": Said("Tiber", (math.log(0.9),)),
        "support": 0.7,
        "divergence": 0.3,
        "shown": (("Rome", "The Tiber is the river of Rome."), ("", "Oslo lies on a fjord.")),
        "states": NOTHING,
    }
    return Observation(**(parts | more))
