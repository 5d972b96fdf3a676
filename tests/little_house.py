"""A whole service without weights: a scripted model, a hashing embedder, two small indexes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rag_router.assembly import Parts
from rag_router.experts import Expert
from rag_router.indices.library import Library
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.scripted_embedder import HashingEmbedder

__all__ = [
    "CORPORA",
    "SCRIPT",
    "asked",
    "assert_documented",
    "parts",
    "scripted_expert",
    "write_jsonl",
]

# The first key that stands in a prompt decides: the valve is answered once its passage is read.
SCRIPT = {
    "calibrated every 90 days": Reply("90 days", 0.95),
    "capital of France": Reply("Paris", 0.99),
}
CORPORA = {
    "handbook": [
        {
            "id": "valve",
            "title": "Valves",
            "text": "The Larkspur valve is calibrated every 90 days.",
        }
    ],
    "towns": [{"id": "oslo", "title": "Oslo", "text": "Oslo lies at the end of a long fjord."}],
}

_FIGURES = (int, float)
_KNOWLEDGE = {
    "gate": str,
    "p_know": _FIGURES,
    "threshold": (*_FIGURES, type(None)),
    "retrieve": bool,
    "reason": str,
    "signals": dict,
    "extra_prefill_tokens": int,
    "extra_decode_steps": int,
}
_TOP = {
    "id": str,
    "question": str,
    "answer": (str, type(None)),
    "abstained": bool,
    "reason": str,
    "confidence": _FIGURES,
    "knowledge": dict,
    "route": dict,
    "passages": list,
    "citations": list,
    "conflict": dict,
    "usage": dict,
    "timings_ms": dict,
    "degraded": list,
}


def scripted_expert(
    script: Mapping[str, Reply] | Callable[[str], Reply], *, name: str = "scripted"
) -> Expert:
    model = ScriptedModel(script, otherwise=Reply("nobody said", 0.1), name=name)
    return Expert(name=name, model=model, style=PromptStyle.of(model))


def asked(prompt: str) -> str:
    """The question of a prompt, behind all worked examples."""
    return prompt.rsplit("Question: ", 1)[1].split("\n", 1)[0]


def write_jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def parts(folder: Path, *, expert: Expert | None = None) -> Parts:
    """The heavy parts, made light; the indexes are real ones in this folder."""
    embedder = HashingEmbedder()
    library = Library(folder / "home")
    for name, rows in CORPORA.items():
        library.add(name, [write_jsonl(folder / f"{name}.jsonl", rows)], embedder)
    return Parts(
        expert=expert or scripted_expert(SCRIPT),
        embedder=embedder,
        indexes={name: library.open(name, embedder) for name in CORPORA},
    )


def assert_documented(answer: Mapping[str, Any]) -> None:
    """Compare an answer with the documented form: every key, the type of each, what must agree."""
    _assert_types(answer, _TOP)
    _assert_types(answer["knowledge"], _KNOWLEDGE)
    assert (answer["answer"] is None) == answer["abstained"]
    assert answer["reason"] in {"parametric", "contextual", "contrast", "no_knowledge"}
    assert 0 <= answer["confidence"] <= 1
    assert 0 <= answer["knowledge"]["p_know"] <= 1
    assert set(answer["route"]) == {"retrievers", "expert"}
    _assert_types(answer["route"]["expert"], {"name": str, "score": _FIGURES})
    for chosen in answer["route"]["retrievers"]:
        _assert_types(chosen, {"name": str, "weight": _FIGURES})
    texts = {}
    for passage in answer["passages"]:
        strings = dict.fromkeys(("id", "title", "text", "retriever", "why"), str)
        _assert_types(passage, {**strings, "score": _FIGURES, "kept": bool})
        texts[passage["id"]] = passage["text"]
    for citation in answer["citations"]:
        spans = ("start", "end", "answer_start", "answer_end")
        _assert_types(citation, {"passage_id": str, "index": str, **dict.fromkeys(spans, int)})
        assert 0 <= citation["start"] < citation["end"] <= len(texts[citation["passage_id"]])
    assert {"closed_book_answer", "divergence", "strategy"} <= set(answer["conflict"])
    counts = ("prompt_tokens", "completion_tokens", "lm_forward_passes", "retriever_calls")
    _assert_types(answer["usage"], dict.fromkeys(counts, int))
    stages = {"route", "gate", "retrieve", "filter", "decode", "verify", "total"}
    assert stages <= set(answer["timings_ms"])
    for note in answer["degraded"]:
        _assert_types(note, {"stage": str, "what": str})


def _assert_types(document: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    assert set(wanted) <= set(document), set(wanted) - set(document)
    wrong = {
        key: document[key] for key, kind in wanted.items() if not isinstance(document[key], kind)
    }
    assert not wrong
