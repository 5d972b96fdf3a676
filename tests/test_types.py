from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace

import pytest

from rag_router.types import (
    Alternative,
    Answer,
    Citation,
    Conflict,
    Degradation,
    Evidence,
    ExpertChoice,
    Hit,
    Judged,
    Knowledge,
    Passage,
    Route,
    RouteChoice,
    TokenTrace,
    Usage,
)

HIT = Hit(
    passage=Passage(id="p1", title="Rome", text="Rome is old.", index="wiki"),
    retriever="fused",
    score=0.123456,
    rank=1,
)
ANSWER = Answer(
    id="1",
    question="How old is Rome?",
    text="old",
    abstained=False,
    reason="contextual",
    confidence=0.83333333,
    knowledge=Knowledge(
        gate="confidence",
        p_know=1 / 3,
        threshold=0.5,
        retrieve=True,
        reason="p_know 0.33 is below the threshold 0.50",
        signals={"minimum": 0.25},
    ),
    route=Route(expert=ExpertChoice(name="tiny"), retrievers=(RouteChoice(name="fused"),)),
    evidence=Evidence(
        judged=(Judged(hit=HIT), Judged(hit=HIT, kept=False, support=0.05, why="no"))
    ),
    conflict=Conflict(closed_book_answer="young", divergence=0.42, strategy="plain"),
    usage=Usage(prompt_tokens=1, completion_tokens=2, lm_forward_passes=3, retriever_calls=4),
    timings_ms={"total": 1.23456},
    citations=(Citation(passage_id="p1", start=0, end=12, answer_start=0, answer_end=3),),
    degraded=(Degradation(stage="gate", what="not fitted"),),
    message="old",
)

# The documented form; further keys that are documented nowhere must not slip in.
DOCUMENTED = [
    "id",
    "question",
    "answer",
    "abstained",
    "reason",
    "confidence",
    "knowledge",
    "route",
    "passages",
    "citations",
    "conflict",
    "usage",
    "timings_ms",
    "degraded",
]
ADDED = ["message"]


def test_the_wire_form_has_exactly_the_documented_keys_and_the_message():
    assert sorted(ANSWER.to_json()) == sorted(DOCUMENTED + ADDED)


def test_tokens_are_there_only_when_asked_for():
    assert replace(ANSWER, tokens=()).to_json()["tokens"] == []
    assert "tokens" not in ANSWER.to_json()
    shown = replace(ANSWER, tokens=(TokenTrace(text="old", logprob=-0.5, alpha=0.61),)).to_json()
    assert shown["tokens"] == [{"text": "old", "logprob": -0.5, "alpha": 0.61}]


def test_what_else_could_have_come_stands_beside_a_token_where_it_is_known():
    old, new = Alternative(text="old", probability=0.81234), Alternative(text="new", probability=0)
    token = TokenTrace(
        text="old", logprob=-0.5, alternatives=(old, new), alternatives_closed=(new,)
    )
    assert replace(ANSWER, tokens=(token,)).to_json()["tokens"] == [
        {
            "text": "old",
            "logprob": -0.5,
            "alternatives": [
                {"text": "old", "probability": 0.8123},
                {"text": "new", "probability": 0},
            ],
            "alternatives_closed": [{"text": "new", "probability": 0}],
        }
    ]


def test_a_hint_is_there_only_where_there_is_one():
    assert replace(ANSWER, hint="Add an index.").to_json()["hint"] == "Add an index."
    assert "hint" not in ANSWER.to_json()


def test_a_passage_says_where_its_sentences_stood_only_where_it_was_cut():
    whole = ANSWER.evidence.judged[0]
    cut = replace(ANSWER, evidence=Evidence(judged=(replace(whole, spans=((0, 5), (9, 12))),)))
    assert cut.to_json()["passages"][0]["spans"] == [[0, 5], [9, 12]]
    assert "spans" not in ANSWER.to_json()["passages"][0]


def test_a_passage_says_on_which_pages_it_stands_only_where_it_has_any():
    def told(**meta):
        passage = replace(HIT.passage, meta=meta)
        judged = Judged(hit=replace(HIT, passage=passage))
        said = replace(ANSWER, evidence=Evidence(judged=(judged,))).to_json()["passages"][0]
        return {key: said[key] for key in said if key.endswith("page")}

    assert told() == {}
    assert told(page=3) == {"page": 3}
    assert told(page=3, last_page=4, source="a.pdf") == {"page": 3, "last_page": 4}
    assert told(page="iv", last_page=True) == {}


def test_the_parts_have_the_documented_keys():
    said = ANSWER.to_json()
    assert set(said["knowledge"]) == {
        "gate",
        "p_know",
        "threshold",
        "retrieve",
        "advised",
        "reason",
        "signals",
        "extra_prefill_tokens",
        "extra_decode_steps",
    }
    assert said["route"] == {
        "retrievers": [{"name": "fused", "weight": 1.0}],
        "expert": {"name": "tiny", "score": 1.0},
    }
    assert said["passages"][1] == {
        "id": "p1",
        "index": "wiki",
        "title": "Rome",
        "text": "Rome is old.",
        "retriever": "fused",
        "score": 0.1235,
        "support": 0.05,
        "kept": False,
        "why": "no",
    }
    assert said["citations"] == [
        {"passage_id": "p1", "index": "", "start": 0, "end": 12, "answer_start": 0, "answer_end": 3}
    ]
    assert said["conflict"] == {
        "closed_book_answer": "young",
        "divergence": 0.42,
        "strategy": "plain",
    }
    assert said["usage"] == {
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "lm_forward_passes": 3,
        "retriever_calls": 4,
    }
    assert said["degraded"] == [{"stage": "gate", "what": "not fitted"}]


def test_the_answer_is_null_for_an_abstention_and_the_message_speaks():
    said = replace(ANSWER, text=None, abstained=True, message="I don't know.").to_json()
    assert (said["answer"], said["abstained"], said["message"]) == (None, True, "I don't know.")


def test_the_wire_form_is_json_and_rounded():
    said = json.loads(json.dumps(ANSWER.to_json(), allow_nan=False))
    assert said["confidence"] == 0.8333
    assert said["knowledge"]["p_know"] == 0.3333
    assert said["timings_ms"] == {"total": 1.23}


def test_evidence_remembers_what_was_dropped_but_shows_what_was_kept():
    assert [j.why for j in ANSWER.evidence.judged] == ["kept", "no"]
    assert [j.why for j in ANSWER.evidence.kept] == ["kept"]


def test_values_are_frozen():
    with pytest.raises(FrozenInstanceError):
        HIT.score = 1.0
