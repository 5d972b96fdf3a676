"""What every registered component promises; a new one is covered without a line here."""

from __future__ import annotations

import re
import sys
from dataclasses import FrozenInstanceError, fields, replace

import pytest
import torch
from stand_ins import hit, question

from rag_router.assembly import REGISTRIES
from rag_router.decoders import DECODERS
from rag_router.errors import SettingsError, UnknownNameError
from rag_router.filters import FILTERS, Filter, FilterContext, FittedFilter
from rag_router.gates import GATES, FittedGate, Gate, assess
from rag_router.models.layers import LayerStates
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.models.streams import Facts, StepInput, layers_of
from rag_router.signals import Board, Partners
from rag_router.types import Judged

ALL = [(kind, name) for kind, registry in sorted(REGISTRIES.items()) for name in registry]
SOURCE = re.compile(r"arXiv \d{4}\.\d{4,5}|doi 10\.\d{4,}/\S+")

MODEL = ScriptedModel(
    {"rome": Reply("old", 0.95, 3.0), "mute": Reply(""), "oslo": Reply("cold", 0.2)},
    otherwise=Reply("no idea", 0.5),
    experts=4,
)
QUESTIONS = [
    question(text, str(n))
    for n, text in enumerate(["rome", "oslo", "mute", "what?", "東京 " * 9, "x" * 300])
]
TEXTS = [
    "Rome is the capital of Italy. It lies on the Tiber.",
    "rome is the capital of italy it lies on the tiber",
    "",
    "Oslo.",
    "東京は日本の首都。",
    "word " * 900,
]


@pytest.mark.parametrize(("kind", "name"), ALL)
class TestAnyComponent:
    def test_it_can_be_built_without_options_and_equals_itself(self, kind, name):
        registry = REGISTRIES[kind]
        assert registry.build(name) == registry.build(name)
        assert hash(registry.build(name)) == hash(registry.build(name))

    def test_it_is_frozen_and_keyword_only(self, kind, name):
        built = REGISTRIES[kind].build(name)
        for field in fields(built):
            with pytest.raises(FrozenInstanceError):
                setattr(built, field.name, None)
        with pytest.raises(Exception, match=r"positional|unexpected"):
            type(built)(1)

    def test_it_is_summed_up_in_one_sentence_of_under_80_characters(self, kind, name):
        summary = REGISTRIES[kind].summary(name)
        assert re.fullmatch(r"[A-Z].{10,78}[.]", summary)

    def test_its_docstring_explains_every_option(self, kind, name):
        cls = REGISTRIES[kind].get(name)
        for field in fields(cls):
            assert re.search(rf"^\s+{field.name}: [A-Z]", cls.__doc__, re.MULTILINE), field.name

    def test_an_unknown_option_is_named_and_the_nearest_one_suggested(self, kind, name):
        registry = REGISTRIES[kind]
        known = [field.name for field in fields(registry.get(name))]
        if not known:
            with pytest.raises(SettingsError, match="surprise: "):
                registry.build(name, surprise=1)
            return
        for option in known:
            with pytest.raises(SettingsError) as caught:
                registry.build(name, **{option + "x": 1})
            assert f"{kind} {name!r}: {option}x: " in str(caught.value)
            assert caught.value.hint.startswith(("Did you mean", "Known:"))
            assert option in caught.value.hint

    def test_its_name_misspelt_is_suggested(self, kind, name):
        with pytest.raises(UnknownNameError, match=f"Did you mean {name!r}"):
            REGISTRIES[kind].build(name + "x")


# What was published is cited where it is implemented.
@pytest.mark.parametrize(("kind", "name"), [c for c in ALL if c[0] != "retriever"])
def test_its_module_cites_a_source(kind, name):
    module = sys.modules[REGISTRIES[kind].get(name).__module__]
    assert SOURCE.search(module.__doc__), module.__name__


def board(questions):
    partners = Partners(proxy=(MODEL, PromptStyle()), embedder=HashingEmbedder())
    return Board(MODEL, PromptStyle(), questions, partners=partners)


@pytest.mark.parametrize("name", list(GATES))
class TestAnyGate:
    def test_it_gives_one_verdict_for_each_question_with_a_probability(self, name):
        gate = GATES.build(name)
        assert isinstance(gate, Gate)
        verdicts = assess(gate, board(QUESTIONS))
        assert len(verdicts) == len(QUESTIONS)
        for verdict in verdicts:
            assert 0.0 <= verdict.p_know <= 1.0
            assert verdict.reason
            if verdict.threshold is not None:
                assert verdict.retrieve == (verdict.p_know < verdict.threshold)

    def test_verdicts_are_the_same_alone_in_company_and_in_any_order(self, name):
        gate = GATES.build(name)
        together = assess(gate, board(QUESTIONS))
        assert together == [assess(gate, board([one]))[0] for one in QUESTIONS]
        assert together == assess(gate, board(QUESTIONS[::-1]))[::-1]

    def test_no_questions_are_no_verdicts(self, name):
        assert assess(GATES.build(name), board([])) == []

    def test_it_says_whether_it_is_fitted_and_can_be_unless_it_is(self, name):
        gate = GATES.build(name)
        assert gate.fitted or isinstance(gate, FittedGate)

    def test_what_it_needs_are_signals_with_names(self, name):
        for signal in GATES.build(name).needs:
            assert signal.name
            assert hash(signal) == hash(signal)


def logits(rows, streams, seed=0):
    draw = torch.Generator().manual_seed(seed)
    made = {role: 6 * torch.randn(rows, 11, generator=draw) for role in streams}
    for values in made.values():
        values[-1] = torch.tensor([0.0] + [-1000.0] * 10)  # one row is certain
    return made


def layers(strategy, streams):
    """Two layers that add to what the stream says; the output head leaves them as they are."""
    return {
        role: LayerStates(
            torch.stack([streams[role].sin(), streams[role].cos()], dim=1),
            torch.stack([streams[role] / 2, streams[role] / 3], dim=1),
            head=lambda states: states,
        )
        for role in layers_of(strategy)
    }


def one_step(strategy, streams, facts):
    rows = len(facts)
    return strategy.step(StepInput(streams, facts, [None] * rows, layers(strategy, streams)))


@pytest.mark.parametrize("name", list(DECODERS))
class TestAnyStrategy:
    def test_it_scores_each_row_and_leaves_its_input_alone(self, name):
        strategy = DECODERS.build(name)
        streams = logits(5, strategy.streams)
        before = {role: values.clone() for role, values in streams.items()}
        out = one_step(strategy, streams, [Facts()] * 5)
        assert out.scores.shape == (5, 11)
        assert not torch.isnan(out.scores).any()
        assert not (out.scores == torch.inf).any()
        assert out.alpha is None or out.alpha.shape == (5,)
        assert all(torch.equal(streams[role], values) for role, values in before.items())

    def test_rows_are_independent(self, name):
        strategy = DECODERS.build(name)
        facts = [Facts(p_know=p, support=1 - p) for p in (0.1, 0.3, 0.5, 0.7, 0.9)]
        streams = logits(5, strategy.streams)
        together = one_step(strategy, streams, facts)
        order = [3, 0, 4, 2, 1]
        moved = one_step(
            strategy,
            {role: values[order] for role, values in streams.items()},
            [facts[row] for row in order],
        )
        assert torch.equal(moved.scores, together.scores[order])
        for row in range(5):
            alone = one_step(
                strategy,
                {role: values[[row]] for role, values in streams.items()},
                [facts[row]],
            )
            assert torch.allclose(alone.scores[0], together.scores[row], atol=1e-5)

    def test_it_reads_at_least_the_passages(self, name):
        assert "context" in DECODERS.build(name).streams


def hits(texts):
    return [
        hit(text, str(n), rank=n + 1, similarity=max(0.9 - 0.3 * n, -1.0) if n != 3 else None)
        for n, text in enumerate(texts)
    ]


def reader(questions):
    """What filters may ask: a model whose tokens are bytes, and a row for each question."""
    asked = [question(text, str(n)) for n, text in enumerate(questions)]
    return FilterContext(lambda text: len(text.encode()), board(asked), tuple(range(len(asked))))


def pieces(before, after):
    """What is left of a text, as it stands in the text before; empty pieces are not told."""
    text = before.hit.passage.text
    if not after.spans:
        return [after.hit.passage.text]
    return [text[start:end] for start, end in after.spans]


ODD = {
    "no passages": [],
    "one": ["Rome is the capital of Italy."],
    "two hundred": ["Rome is old. It is large."] * 200,
    "other scripts": ["東京は首都。雨が降る。", "مرحبا. روما مدينة.", "Ωμέγα. Ρώμη."],
    "a sentence of 50,000 characters": ["rome " * 10_000],
    "the question inside": ["rome", "What of it: rome? Question: rome\nAnswer: rome"],
    "only numbers": ["7 8 9", "3.14", "1,000,000"],
    "no text to speak of": ["", " ", "\u200b", "..."],
}


@pytest.mark.parametrize("name", list(FILTERS))
class TestAnyFilter:
    def judge(self, name, lines, questions=None):
        questions = questions or ["rome"] * len(lines)
        return FILTERS.build(name).judge(questions, lines, reader(questions))

    def test_it_keeps_count_and_order_and_never_returns_more_text(self, name):
        line = [Judged(hit=one) for one in hits(TEXTS)]
        out = self.judge(name, [line, line[::-1], []])
        assert [len(judged) for judged in out] == [len(TEXTS), len(TEXTS), 0]
        for before, after in zip([*line, *line[::-1]], [*out[0], *out[1]], strict=True):
            assert after.hit.passage.id == before.hit.passage.id
            assert len(after.hit.passage.text.encode()) <= len(before.hit.passage.text.encode())
            assert all(piece in before.hit.passage.text for piece in pieces(before, after))
            said = "".join("".join(pieces(before, after)).split())
            assert said == "".join(after.hit.passage.text.split())
            assert replace(after.hit, passage=before.hit.passage) == before.hit
            assert after.support is None or 0.0 <= after.support <= 1.0
            assert after.why

    def test_what_was_dropped_before_is_handed_on_untouched(self, name):
        line = [Judged(hit=one, kept=False, why="before") for one in hits(TEXTS)]
        assert self.judge(name, [line]) == [line]

    def test_what_it_drops_it_leaves_whole(self, name):
        line = [Judged(hit=one) for one in hits(TEXTS)]
        out = self.judge(name, [line])[0]
        assert all(a.hit == b.hit for b, a in zip(line, out, strict=True) if not a.kept)

    def test_it_drops_nothing_without_a_reason_of_its_own(self, name):
        out = self.judge(name, [[Judged(hit=one) for one in hits(TEXTS)]])[0]
        assert all(one.why != "kept" for one in out if not one.kept)

    def test_questions_are_judged_alone_and_in_company_alike(self, name):
        lines = [[Judged(hit=one) for one in hits(TEXTS[n:])] for n in range(3)]
        questions = ["rome", "oslo", "tiber"]
        together = self.judge(name, lines, questions)
        for line, asked, judged in zip(lines, questions, together, strict=True):
            assert self.judge(name, [line], [asked]) == [judged]

    @pytest.mark.parametrize("odd", list(ODD))
    def test_it_judges_whatever_is_found(self, name, odd):
        line = [Judged(hit=one) for one in hits(ODD[odd])]
        (out,) = self.judge(name, [line])
        assert [one.hit.passage.id for one in out] == [one.hit.passage.id for one in line]
        for before, after in zip(line, out, strict=True):
            assert len(after.hit.passage.text) <= len(before.hit.passage.text)
            assert after.support is None or 0.0 <= after.support <= 1.0

    def test_it_says_whether_it_is_fitted_and_can_be_unless_it_is(self, name):
        filter_ = FILTERS.build(name)
        assert isinstance(filter_, Filter)
        assert filter_.fitted or isinstance(filter_, FittedFilter)
