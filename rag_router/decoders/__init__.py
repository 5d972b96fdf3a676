"""Decoders: how far may the passages overrule the model, or the model the passages?

A decoder is a strategy of `rag_router.models.streams`: it says which streams it reads and maps
one step of them to scores, row by row.
"""

from rag_router.models.streams import Strategy
from rag_router.registry import Registry

__all__ = ["DECODERS", "Strategy"]

DECODERS: Registry[Strategy] = Registry(
    "decoder",
    {
        "adaptive_contrast": "rag_router.decoders.adaptive_contrast:AdaptiveContrastDecoder",
        "plain": "rag_router.decoders.plain:PlainDecoder",
    },
)
