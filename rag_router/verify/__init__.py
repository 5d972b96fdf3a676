"""Verifiers: does an answer stand in what was read, and was the right thing read?"""

from rag_router.registry import Registry
from rag_router.verify.base import Claim, FittedVerifier, Judgement, Label, Verifier, VerifyContext
from rag_router.verify.labels import label_of
from rag_router.verify.rounds import Attempt, Rounds, Trial, verify_rounds

__all__ = [
    "VERIFIERS",
    "Attempt",
    "Claim",
    "FittedVerifier",
    "Judgement",
    "Label",
    "Rounds",
    "Trial",
    "Verifier",
    "VerifyContext",
    "label_of",
    "verify_rounds",
]

VERIFIERS: Registry[Verifier] = Registry(
    "verifier",
    {
        "entailment": "rag_router.verify.entailment:EntailmentVerifier",
        "likelihood": "rag_router.verify.likelihood:LikelihoodVerifier",
    },
)
