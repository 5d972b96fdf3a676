"""Gates: does the model know the answer by itself?"""

from rag_router.gates.base import (
    AcquaintedGate,
    FittedGate,
    Gate,
    Lesson,
    MarkedGate,
    NeedMore,
    assess,
    signals_of,
    study,
)
from rag_router.registry import Registry

__all__ = [
    "GATES",
    "AcquaintedGate",
    "FittedGate",
    "Gate",
    "Lesson",
    "MarkedGate",
    "NeedMore",
    "assess",
    "signals_of",
    "study",
]

GATES: Registry[Gate] = Registry(
    "gate",
    {
        "agreement": "rag_router.gates.agreement:AgreementGate",
        "always": "rag_router.gates.always:AlwaysGate",
        "answer_probe": "rag_router.gates.answer_probe:AnswerProbeGate",
        "answer_pmi": "rag_router.gates.answer_pmi:AnswerPMIGate",
        "benefit": "rag_router.gates.retrieval_benefit:RetrievalBenefitGate",
        "cascade": "rag_router.gates.cascade:CascadeGate",
        "combined": "rag_router.gates.combined:CombinedGate",
        "confidence": "rag_router.gates.confidence:ConfidenceGate",
        "entropy": "rag_router.gates.entropy:EntropyGate",
        "expert_activation": "rag_router.gates.expert_activation:ExpertActivationGate",
        "knowledge_status": "rag_router.gates.knowledge_status:KnowledgeStatusGate",
        "never": "rag_router.gates.never:NeverGate",
        "p_ik": "rag_router.gates.p_ik:PIKGate",
        "p_true": "rag_router.gates.p_true:PTrueGate",
        "popularity": "rag_router.gates.popularity:PopularityGate",
        "profile": "rag_router.gates.profile:ProfileGate",
        "representation": "rag_router.gates.representation:RepresentationGate",
        "representation_contrastive": (
            "rag_router.gates.representation_contrastive:RepresentationContrastiveGate"
        ),
        "self_judgement_after": "rag_router.gates.self_judgement_after:SelfJudgementAfterGate",
        "self_judgement_before": "rag_router.gates.self_judgement_before:SelfJudgementBeforeGate",
        "semantic_entropy": "rag_router.gates.semantic_entropy:SemanticEntropyGate",
        "skr_classifier": "rag_router.gates.skr_classifier:SKRClassifierGate",
        "skr_in_context": "rag_router.gates.skr_in_context:SKRInContextGate",
        "skr_neighbours": "rag_router.gates.skr_neighbours:SKRNeighboursGate",
        "skr_prompt": "rag_router.gates.skr_prompt:SKRPromptGate",
        "slim_proxy": "rag_router.gates.slim_proxy:SlimProxyGate",
        "thrust": "rag_router.gates.thrust:ThrustGate",
        "thrust_contrast": "rag_router.gates.thrust_contrast:ThrustContrastGate",
        "thrust_per_class": "rag_router.gates.thrust_per_class:ThrustPerClassGate",
        "unanswerable": "rag_router.gates.unanswerable:UnanswerableGate",
    },
    # Of judging oneself the cheaper form is meant: it needs no answer.
    aliases={"self_judgement": "self_judgement_before"},
)
