"""The examples with the bundled models: indexed once, asked as `make demo` asks them."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from little_house import assert_documented

from rag_router.assembly import Parts, assemble, load_embedder, load_expert, open_indexes
from rag_router.eval.datasets import read_questions
from rag_router.eval.decisions import expected_decision, made_decision, was_right
from rag_router.indices.library import Library
from rag_router.orchestrator import Ask
from rag_router.settings import Component, Settings
from rag_router.types import Question

pytestmark = pytest.mark.model

EXAMPLES = Path(__file__).parents[1] / "examples"
QUESTIONS = read_questions([EXAMPLES / "questions.jsonl"])

# Seen: 33 of 40. Kernels differ between machines, and so do answers that are close calls.
LEAST_RIGHT = 0.7

CONFLICTS = ("contrary",)
OTHERS = ("fields", "handbook")

KNOWN = "Who wrote the play Hamlet?"
HANDBOOK = "How often is the Larkspur valve calibrated?"
LOOK_UP = {"decision": "look_up"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return Settings(home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def parts(settings):
    spec = importlib.util.spec_from_file_location("demo", EXAMPLES / "demo.py")
    assert spec is not None
    assert spec.loader is not None
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    embedder = load_embedder(settings)
    library = Library(settings.home)
    for name, files in demo.INDEXES.items():
        report = library.add(name, [EXAMPLES / "corpora" / file for file in files], embedder)
        assert not report.skipped
    indexes = open_indexes(settings, embedder)
    assert set(indexes) == {*CONFLICTS, *OTHERS}
    return Parts(expert=load_expert(settings), embedder=embedder, indexes=indexes)


@pytest.fixture(scope="module")
def plain(settings, parts):
    return assemble(settings, parts)


@pytest.fixture(scope="module")
def contrast(settings, parts):
    decoder = Component(name="adaptive_contrast")
    return assemble(settings.model_copy(update={"decoder": decoder}), parts)


def indexes_for(question):
    return CONFLICTS if expected_decision(question) == "conflict" else OTHERS


@pytest.fixture(scope="module")
def answered(plain):
    """Every example question and its answer."""
    found = []
    for indexes in (CONFLICTS, OTHERS):
        asked = [q for q in QUESTIONS if indexes_for(q) == indexes]
        found += zip(asked, plain.answer(asked, Ask(indexes=indexes)), strict=True)
    assert len(found) == len(QUESTIONS)
    return found


def test_most_example_questions_are_answered_right(answered):
    asked, right, done = Counter(), Counter(), Counter()
    for question, answer in answered:
        decision = expected_decision(question)
        asked[decision] += 1
        good = was_right(question, answer)
        right[decision] += good
        done[decision, made_decision(answer)] += 1
        if not good:
            print(f"  {question.id} {question.text} -> {answer.message} ({made_decision(answer)})")
    for decision, n in asked.items():
        made = {what: count for (wanted, what), count in done.items() if wanted == decision}
        print(f"{decision:<14}{right[decision]} of {n} right; {made}")
    share = right.total() / asked.total()
    print(f"together      {right.total()} of {asked.total()} right: {share:.0%}")
    assert share >= LEAST_RIGHT


def test_every_answer_has_the_documented_form_and_cites_only_what_was_read(answered):
    for _, answer in answered:
        assert_documented(answer.to_json())
        read = {judged.hit.passage.id for judged in answer.evidence.kept}
        assert {citation.passage_id for citation in answer.citations} <= read


def test_an_answer_is_the_same_alone_and_in_a_batch(plain, answered):
    assert plain.batch_size == 8  # so they were answered in the company of seven others
    others = [(q, a) for q, a in answered if indexes_for(q) == OTHERS]
    # Spread evenly: known, looked up and declined ones, of all lengths.
    some = others[:: len(others) // 8][:8]
    assert len(some) == 8
    for question, in_batch in some:
        alone = plain.answer([question], Ask(indexes=OTHERS))[0]
        assert (in_batch.text, in_batch.reason) == (alone.text, alone.reason)
        assert in_batch.confidence == pytest.approx(alone.confidence, abs=1e-3)
        assert in_batch.knowledge.p_know == pytest.approx(alone.knowledge.p_know, abs=1e-3)
        assert in_batch.citations == alone.citations


@pytest.mark.parametrize("decoder", ["plain", "contrast"])
def test_both_decoders_read_the_handbook_right(decoder, request):
    orchestrator = request.getfixturevalue(decoder)
    question = Question(id="valve", text=HANDBOOK, answers=("14 weeks",), meta=LOOK_UP)
    answer = orchestrator.answer([question], Ask(indexes=OTHERS, retrieval="always"))[0]
    assert was_right(question, answer), answer.message
    assert answer.reason == {"plain": "contextual", "contrast": "contrast"}[decoder]
    assert answer.citations
    assert answer.citations[0].passage_id in {j.hit.passage.id for j in answer.evidence.kept}


def test_contrast_weighs_every_token_between_memory_and_passages(contrast):
    asked = [q for q in QUESTIONS if expected_decision(q) == "conflict"][:4]
    # It may not decline here, so that every answer has tokens to look at.
    bold = replace(contrast, policy=replace(contrast.policy, abstain=False))
    answers = bold.answer(asked, Ask(indexes=CONFLICTS, retrieval="always", tokens=True))
    weighed = [answer for answer in answers if answer.reason == "contrast"]
    assert weighed
    for answer in weighed:
        assert answer.tokens
        for token in answer.tokens:
            assert token.alpha is not None
            assert 0 <= token.alpha <= 1
            # alpha = H / (H + H with passages), the entropies of the two streams.
            total = token.entropy_closed + token.entropy_context
            assert token.alpha == pytest.approx(token.entropy_closed / total, abs=1e-3)
        assert "".join(t.text for t in answer.tokens).strip().startswith(answer.text)


@pytest.mark.parametrize("question", [KNOWN, HANDBOOK])
def test_the_command_prints_the_documented_document(settings, parts, question):
    assert parts.indexes
    done = subprocess.run(
        [sys.executable, "-m", "rag_router.cli.main", "ask", question, "--json", "--tokens"],
        env={**os.environ, "RAG_ROUTER_HOME": str(settings.home)},
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert_documented(answer)
    assert answer["question"] == question
    assert answer["route"]["expert"]["name"] == "gemma-3-270m"
    assert isinstance(answer["tokens"], list)
    if question == HANDBOOK:
        assert answer["knowledge"]["retrieve"]
        assert "handbook" in {passage["index"] for passage in answer["passages"]}
