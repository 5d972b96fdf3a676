"""An orchestrator with a scripted model and a list for an index, ready to be changed."""

from __future__ import annotations

from stand_ins import ListIndex

from rag_router.decoders.plain import PlainDecoder
from rag_router.experts import Expert
from rag_router.filters.redundancy import RedundancyFilter
from rag_router.filters.threshold import ThresholdFilter
from rag_router.gates.confidence import ConfidenceGate
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.orchestrator import Ask, Orchestrator
from rag_router.policy import Sureness
from rag_router.retrievers import RETRIEVERS
from rag_router.types import Answer

__all__ = [
    "ALWAYS",
    "INDEX",
    "KNOWN",
    "LOST",
    "MODEL",
    "TIBER",
    "UNKNOWN",
    "answer",
    "asked",
    "expert_of",
    "notes",
    "router",
    "script",
]

TIBER = "The Tiber is the river of Rome."
INDEX = ListIndex([TIBER, "Honey is made by bees.", "Oslo lies on a fjord."], name="wiki")
KNOWN, UNKNOWN, LOST = "who wrote hamlet", "what is the river of Rome", "zebra quagga xylophone"
ALWAYS = Ask(retrieval="always")


def asked(prompt: str) -> str:
    """What comes behind all worked examples."""
    return prompt.rpartition("Question: ")[2]


def script(prompt: str) -> Reply:
    """What the model says; with the right passage it knows the river of Rome."""
    with_passages = "from its passages" in prompt
    if "hamlet" in asked(prompt):
        return Reply("Shakespeare", 0.8 if with_passages else 0.95)
    if "river of Rome" in asked(prompt):
        return Reply("Tiber", 0.95) if TIBER in prompt else Reply("Nile", 0.15)
    if "nothing" in asked(prompt):
        return Reply("", 0.95)
    return Reply("no idea", 0.2)


MODEL = ScriptedModel(script)


def expert_of(model: ScriptedModel, *, passage_tokens: int = 4000) -> Expert:
    """An expert with room for more passages than there are."""
    return Expert(
        name="tiny", model=model, style=PromptStyle.of(model, passage_tokens=passage_tokens)
    )


def router(**more: object) -> Orchestrator:
    """An orchestrator that knows what is said above, with these parts otherwise."""
    # Curves of log-odds as they are: p_know is the statistic, but counts as fitted.
    parts = {
        "expert": expert_of(MODEL),
        "gate": ConfidenceGate(threshold=0.5, curve=(1.0, 0.0, 0.0)),
        "gate_name": "confidence",
        "decoder": PlainDecoder(),
        "decoder_name": "plain",
        "retriever": RETRIEVERS.build("sparse", k=3),
        "indices": {"wiki": INDEX},
        "embedder": HashingEmbedder(),
        "filters": (ThresholdFilter(min_support=0.5, curve=(8.0, -2.0)), RedundancyFilter()),
        "sureness": Sureness(curve=(0.0, 0.0, 1.0, 0.0)),
        "batch_size": 4,
    }
    return Orchestrator(**(parts | more))


def answer(text: object, ask: Ask | None = None, **more: object) -> Answer:
    """The answer to one question."""
    return router(**more).answer([text], ask)[0]


def notes(said: Answer) -> list[tuple[str, str]]:
    """Stage and words of everything that degraded."""
    return [(note.stage, note.what) for note in said.degraded]
