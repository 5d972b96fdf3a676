"""An orchestrator over a scripted endpoint, with the little router's index."""

from __future__ import annotations

from little_router import INDEX, TIBER, asked

from rag_router.decoders.plain import PlainDecoder
from rag_router.experts.remote import load_remote
from rag_router.filters.redundancy import RedundancyFilter
from rag_router.filters.threshold import ThresholdFilter
from rag_router.gates.self_judgement_before import SelfJudgementBeforeGate
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.orchestrator.remote import RemoteOrchestrator
from rag_router.retrievers import RETRIEVERS
from rag_router.settings import ExpertSettings, RemoteSettings

__all__ = ["QUICK", "remote", "remote_settings", "talk"]

QUICK = RemoteSettings(
    connect_s=1.0,
    first_byte_s=0.4,
    between_bytes_s=0.4,
    total_s=1.5,
    retries=0,
    backoff_s=0.01,
    failures=2,
    rest_s=60.0,
)
"""Patience of tests."""


def talk(heard):
    """What the endpoint says: with the right passage it knows the river of Rome."""
    system, last = heard.body["messages"][0]["content"], heard.question
    if last.endswith("Yes or No:") or "Yes" in system:
        return "Yes." if "hamlet" in last else "No."
    if "hamlet" in last:
        return "Shakespeare"
    if "river of Rome" in last:
        return "Tiber" if TIBER in last else "Nile"
    return asked(last)


def remote_settings(url, *, remote=QUICK, **more):
    return ExpertSettings(name="big", model="m-1", url=url, remote=remote, **more)


def remote(url, *, remote=QUICK, **more):
    """An orchestrator over the endpoint, with these parts otherwise."""
    expert = more.pop("expert", None) or load_remote(
        remote_settings(url, remote=remote), passage_tokens=4000
    )
    parts = {
        "expert": expert,
        "gate": SelfJudgementBeforeGate(),
        "gate_name": "self_judgement_before",
        "decoder": PlainDecoder(),
        "decoder_name": "plain",
        "retriever": RETRIEVERS.build("sparse", k=3),
        "indices": {"wiki": INDEX},
        "embedder": HashingEmbedder(),
        "filters": (ThresholdFilter(min_support=0.5, curve=(8.0, -2.0)), RedundancyFilter()),
        "batch_size": 4,
    }
    return RemoteOrchestrator(**(parts | more))
