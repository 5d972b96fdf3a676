"""Decoders: how far may the passages overrule the model, or the model the passages?

A decoder is a strategy of `rag_router.models.streams`: it says which streams it reads and maps
one step of them to scores, row by row. From those that follow the passages furthest to those that
keep most to memory, as the papers' figures suggest:

    context_aware > adaptive_context_aware, typicality > plain > adaptive_contrast, do_no_harm

`confidence_gain` stands anywhere between, by its knob; `abstaining` may take neither side, and
`layer_fused` asks no memory but the model's own later layers.
"""

from rag_router.models.streams import Strategy
from rag_router.registry import Registry

__all__ = ["DECODERS", "Strategy"]

DECODERS: Registry[Strategy] = Registry(
    "decoder",
    {
        "abstaining": "rag_router.decoders.abstaining:AbstainingDecoder",
        "abstaining_momentum": "rag_router.decoders.abstaining_momentum:AbstainingMomentumDecoder",
        "adaptive_context_aware": (
            "rag_router.decoders.adaptive_context_aware:AdaptiveContextAwareDecoder"
        ),
        "adaptive_contrast": "rag_router.decoders.adaptive_contrast:AdaptiveContrastDecoder",
        "auto": "rag_router.decoders.auto:AutoDecoder",
        "confidence_gain": "rag_router.decoders.confidence_gain:ConfidenceGainDecoder",
        "confidence_gain_released": (
            "rag_router.decoders.confidence_gain_released:ConfidenceGainReleasedDecoder"
        ),
        "context_aware": "rag_router.decoders.context_aware:ContextAwareDecoder",
        "do_no_harm": "rag_router.decoders.do_no_harm:DoNoHarmDecoder",
        "layer_fused": "rag_router.decoders.layer_fused:LayerFusedDecoder",
        "plain": "rag_router.decoders.plain:PlainDecoder",
        "typicality": "rag_router.decoders.typicality:TypicalityDecoder",
    },
)
