"""The composition of examples/settings.toml, in Python constructors.

rag-router models fetch gemma-3-270m all-minilm-l6-v2
python examples/compose.py "How often is the Larkspur valve calibrated?"
"""

import sys
from pathlib import Path

from rag_router.decoders.plain import PlainDecoder
from rag_router.experts import Expert
from rag_router.filters.budget import BudgetFilter
from rag_router.filters.learned import LearnedFilter
from rag_router.filters.redundancy import RedundancyFilter
from rag_router.fitted import shipped
from rag_router.gates.p_ik import PIKGate
from rag_router.indices import Library
from rag_router.models.causal import TransformersModel
from rag_router.models.embedder import load_embedder
from rag_router.models.prompts import PromptStyle
from rag_router.models.store import ModelStore
from rag_router.orchestrator import Orchestrator
from rag_router.policy import Policy, Sureness
from rag_router.retrievers.fused import FusedRetriever

store = ModelStore()
local = store.resolve("gemma-3-270m")
model = TransformersModel.load(local.path, name=local.name, fingerprint=local.fingerprint)
style = PromptStyle.of(model)
embedder = load_embedder(store.resolve("all-minilm-l6-v2"))

library = Library(Path(".demo"))
library.add("fields", [Path("examples/corpora/solar_system.jsonl")], embedder)
library.add("handbook", [Path("examples/corpora/handbook")], embedder)

gate = PIKGate()
learned = LearnedFilter()
sureness = Sureness()
# What was learned is bound to the model it was learned about; without it nothing is calibrated.
if fitted := shipped("gate", "p_ik", model.fingerprint, prompt_hash=style.fingerprint):
    gate = gate.with_artefact(fitted)
if fitted := shipped("filter", "learned", embedder.fingerprint):
    learned = learned.with_artefact(fitted)
if fitted := shipped(
    "decoder", "plain", model.fingerprint, prompt_hash=style.contextual_fingerprint
):
    sureness = sureness.with_artefact(fitted)

orchestrator = Orchestrator(
    expert=Expert(name=model.name, model=model, style=style),
    gate=gate,
    retriever=FusedRetriever(k=8, smoothing=60),
    indices={name: library.open(name, embedder) for name in ("fields", "handbook")},
    embedder=embedder,
    filters=(learned, RedundancyFilter(threshold=0.6), BudgetFilter(passages=3, tokens=600)),
    decoder=PlainDecoder(),
    policy=Policy(),
    sureness=sureness,
)

for question in sys.argv[1:] or ["Who wrote the play Hamlet?"]:
    answer = orchestrator.answer([question])[0]
    print(f"{question}\n  {answer.message}  ({answer.reason}, {answer.confidence:.2f})")
    for citation in answer.citations:
        print(f"  cited: {citation.passage_id} [{citation.start}:{citation.end}]")
