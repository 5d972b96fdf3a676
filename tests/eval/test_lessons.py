"""What gates learn from: every one that learns can be fitted to the same answered questions."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from little_house import asked

from rag_router.artefacts import Artefact
from rag_router.errors import DataError
from rag_router.eval.datasets import is_held_out
from rag_router.eval.fitting import fit_gate
from rag_router.eval.labels import label
from rag_router.eval.lessons import read_lessons
from rag_router.experts import Expert
from rag_router.gates import GATES, FittedGate
from rag_router.gates.combined import CombinedGate
from rag_router.gates.p_ik import PIKGate
from rag_router.gates.profile import ProfileGate
from rag_router.gates.skr_in_context import SKRInContextGate
from rag_router.gates.slim_proxy import SlimProxyGate
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.outcomes import RecordCache
from rag_router.signals import Partners
from rag_router.types import Question

NUMBERS = range(80)
ITEM = re.compile(r"item (\d+)")


def knows(number: int) -> bool:
    return number % 3 == 0


def reply(prompt: str) -> Reply:
    """Known items are answered surely, and said to be known where that is asked."""
    items = ITEM.findall(prompt)
    if not items:  # nothing was asked
        return Reply(" tin", 0.5)
    number = int(items[-1])
    if "(A) True" in prompt:
        return Reply("A" if knows(number) else "B")
    if not prompt.startswith("Answer each question"):
        return Reply("Yes" if knows(number) else "No")
    # A letter as unsure as this one is drawn four times in ten, and then another one comes.
    sure = 0.9 if knows(number) else 0.05 + number / 10_000
    return Reply("gold" if knows(number) else "tin", sure, sureness=float(knows(number)))


def expert(**options: object) -> Expert:
    model = ScriptedModel(reply, experts=4, **options)
    return Expert(name="scripted", model=model, style=PromptStyle.of(model))


EXPERT = expert()
PARTNERS = Partners(
    proxy=(ScriptedModel(reply, name="proxy"), PromptStyle()),
    embedder=HashingEmbedder(),
)
QUESTIONS = [
    Question(
        id=f"q{n}",
        text=f"What is {'known' if knows(n) else 'other'} item {n}?",
        answers=("gold",),
        meta={"answerable": knows(n), "s_pop": 10**5 + n if knows(n) else n},
    )
    for n in NUMBERS
]
LEARNING = [name for name in GATES if isinstance(GATES.build(name), FittedGate)]


@pytest.fixture(scope="module")
def labelled():
    return label(EXPERT, QUESTIONS, batch_size=80)


def studied(gates, labelled, *, of=EXPERT, **more):
    return read_lessons(gates, of, labelled, partners=PARTNERS, batch_size=80, **more)


@pytest.mark.parametrize("name", LEARNING)
def test_every_gate_that_learns_is_fitted_and_comes_back_from_the_disk(name, labelled, tmp_path):
    # Looking things up helps wherever the model does not know.
    one = studied({name: GATES.build(name)}, labelled, helped=np.ones(80, dtype=bool))[name]
    assert one.lesson.right.tolist() == [knows(n) for n in NUMBERS]
    assert len(one.lesson.features) == len(one.questions) == len(NUMBERS)
    artefact = fit_gate(name, one.gate, EXPERT, one.questions, one.lesson)
    artefact.save(tmp_path / "gate")
    gate = GATES.build(name).with_artefact(Artefact.load(tmp_path / "gate"))
    assert gate.fitted
    p = gate.probabilities(one.lesson.features)
    assert p == pytest.approx(one.gate.with_artefact(artefact).probabilities(one.lesson.features))
    assert ((p >= 0) & (p <= 1)).all()
    # The script leaves no doubt about what it knows, whatever a gate goes by.
    assert artefact.card.metrics["auroc"] > 0.85


def test_gates_that_read_together_read_what_they_read_alone(labelled):
    gates = {"profile": ProfileGate(), "p_ik": PIKGate()}
    together = studied(gates, labelled)
    for name, gate in gates.items():
        alone = studied({name: gate}, labelled)[name]
        assert alone.lesson.features.tolist() == together[name].lesson.features.tolist()


def test_sets_and_answers_with_retrieval_go_into_the_lesson(labelled):
    right = np.arange(80) % 2 == 0
    one = studied({"profile": ProfileGate()}, labelled, sets=["a", "b"] * 40, helped=right)
    lesson = one["profile"].lesson
    assert lesson.helped.tolist() == right.tolist()
    assert lesson.sets == ("a", "b") * 40


def test_answers_with_retrieval_teach_how_likely_it_is_to_help(labelled):
    # Passages help with every unknown item but each fourth.
    right = np.array([not knows(n) and n % 4 > 0 for n in NUMBERS])
    curves = {}
    gate = CombinedGate(members=("p_ik", "profile"))
    for name, given in (("taught", right), ("bare", None)):
        one = studied({"combined": gate}, labelled, helped=given)["combined"]
        artefact = fit_gate("combined", one.gate, EXPERT, one.questions, one.lesson)
        curves[name] = CombinedGate().with_artefact(artefact).arrays["benefit"]
    # A slope for either member, and the intercept.
    assert (len(curves["taught"]), len(curves["bare"])) == (3, 0)


# --- gates that show examples -------------------------------------------------------------------


def test_examples_are_chosen_before_features_are_read_and_never_from_the_half_held_out(labelled):
    train = {q.text for q in QUESTIONS if not is_held_out(q.id)}
    one = studied({"skr_in_context": SKRInContextGate()}, labelled)["skr_in_context"]
    assert one.gate != SKRInContextGate()
    assert {*one.gate.known, *one.gate.unknown} <= train
    assert all("known" in text for text in one.gate.known)
    assert all("other" in text for text in one.gate.unknown)
    # The artefact is bound to them: under others the features would mean something else.
    artefact = fit_gate("skr_in_context", one.gate, EXPERT, one.questions, one.lesson)
    assert SKRInContextGate().with_artefact(artefact).known == one.gate.known
    assert artefact.card.notes["known"] == one.gate.known


def test_another_seed_chooses_other_examples(labelled):
    chosen = [
        studied({"skr": SKRInContextGate()}, labelled, seed=seed)["skr"].gate.unknown
        for seed in (0, 1)
    ]
    assert chosen[0] != chosen[1]


def test_a_member_of_a_combination_chooses_its_examples_too(labelled):
    gate = CombinedGate(members=("skr_in_context", "profile"))
    one = studied({"combined": gate}, labelled)["combined"]
    shown = one.gate.gates[0]
    assert shown.known != SKRInContextGate().known
    artefact = fit_gate("combined", one.gate, EXPERT, one.questions, one.lesson)
    assert CombinedGate().with_artefact(artefact).gates[0].known == shown.known


# --- gates that learn marks ---------------------------------------------------------------------


def test_marks_stand_in_the_place_of_right_answers(labelled):
    # The model is wrong about all of them, and that does not matter.
    wrong = [replace(one, right=False) for one in labelled]
    one = studied({"unanswerable": GATES.build("unanswerable")}, wrong, helped=np.ones(80, bool))
    assert one["unanswerable"].lesson.right.tolist() == [knows(n) for n in NUMBERS]
    assert one["unanswerable"].lesson.helped is None


def test_a_question_without_a_mark_is_named(labelled):
    bare = [replace(one, question=replace(one.question, meta={})) for one in labelled]
    with pytest.raises(DataError, match=r"question 'q0' does not say .* meta.answerable"):
        studied({"unanswerable": GATES.build("unanswerable")}, bare)


def test_marks_of_one_kind_alone_teach_nothing(labelled):
    marked = [
        replace(one, question=replace(one.question, meta={"answerable": True})) for one in labelled
    ]
    with pytest.raises(DataError, match=r"both classes; saw \d+ marked and 0 unmarked"):
        studied({"unanswerable": GATES.build("unanswerable")}, marked)


# --- what cannot be learned from ----------------------------------------------------------------


def test_too_little_is_found_out_before_anything_is_read(labelled):
    silent = expert(name="silent")
    with pytest.raises(DataError, match="49 labelled questions are too few"):
        studied({"profile": ProfileGate()}, labelled[:49], of=silent)
    for right in (True, False):
        same = [replace(one, right=right) for one in labelled]
        with pytest.raises(DataError, match="both classes; saw"):
            studied({"profile": ProfileGate()}, same, of=silent)


class Broken(ScriptedModel):
    """Its hidden states are no numbers for some questions."""

    def __init__(self, *texts: str) -> None:
        super().__init__(reply)
        self._texts = texts

    def prefill(self, prompts, *, hidden=False, shared=None):
        read = super().prefill(prompts, hidden=hidden, shared=shared)
        if hidden:
            for row, ids in enumerate(prompts):
                if asked(self.decode(ids)) in self._texts:
                    read.hidden[row] = torch.nan
        return read


def test_hidden_states_that_are_no_numbers_are_an_error_that_names_the_questions(labelled):
    model = Broken(QUESTIONS[7].text, QUESTIONS[9].text)
    broken = Expert(name="broken", model=model, style=PromptStyle.of(model))
    with pytest.raises(DataError, match=r"not finite for .*'q7'") as caught:
        studied({"p_ik": PIKGate()}, labelled, of=broken)
    assert "'q9'" in caught.value.message
    assert "float32" in caught.value.hint


def test_figures_that_are_no_numbers_are_an_error_that_names_gate_and_questions(labelled):
    class NoNumbers(ProfileGate):
        def features(self, questions, signals):
            found = super().features(questions, signals)
            found[[question.id == "q5" for question in questions]] = np.inf
            return found

    with pytest.raises(DataError, match=r"the gate 'mine' reads off 1 of 80 .* not finite: 'q5'"):
        studied({"mine": NoNumbers()}, labelled)


def test_a_question_too_long_for_a_gates_own_prompts_is_left_out_and_named(labelled, tmp_path):
    # The judged model reads it; the proxy, with the same prompt around it, does not.
    long = replace(QUESTIONS[0], id="long", text="Why " + "so " * 300 + "item 3?")
    everything = [*labelled, *label(EXPERT, [long])]
    head = len(PromptStyle().example()) + 64
    small = ScriptedModel(reply, name="proxy", context_tokens=head + 500)
    partners = replace(PARTNERS, proxy=(small, PromptStyle()))
    one = read_lessons(
        {"slim_proxy": SlimProxyGate()},
        EXPERT,
        everything,
        sets=["x"] * 80 + ["y"],
        helped=np.arange(81) == 80,
        partners=partners,
        cache=RecordCache(tmp_path / "kept.sqlite"),
    )["slim_proxy"]
    assert list(one.too_long) == ["long"]
    assert "proxy takes" in one.too_long["long"]
    assert [q.id for q in one.questions] == [f"q{n}" for n in NUMBERS]
    assert one.lesson.sets == ("x",) * 80
    assert not one.lesson.helped.any()
