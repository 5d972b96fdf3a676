"""Gates: does the model know the answer by itself?"""

from rag_router.gates.base import FittedGate, Gate, Lesson, NeedMore, assess, signals_of
from rag_router.registry import Registry

__all__ = ["GATES", "FittedGate", "Gate", "Lesson", "NeedMore", "assess", "signals_of"]

GATES: Registry[Gate] = Registry(
    "gate",
    {
        "always": "rag_router.gates.always:AlwaysGate",
        "confidence": "rag_router.gates.confidence:ConfidenceGate",
        "never": "rag_router.gates.never:NeverGate",
        "profile": "rag_router.gates.profile:ProfileGate",
    },
)
