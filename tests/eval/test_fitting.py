from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from lines import always
from little_house import asked, scripted_expert, write_jsonl
from stand_ins import lesson

from rag_router.artefacts import Artefact
from rag_router.calibration import auroc, even_folds
from rag_router.decoders.auto import AutoDecoder
from rag_router.decoders.considerations import CASES
from rag_router.decoders.plain import PlainDecoder
from rag_router.errors import DataError
from rag_router.eval.datasets import data_hash, is_held_out
from rag_router.eval.features import read_features
from rag_router.eval.fitting import fit_gate, fit_sureness, fit_threshold, out_of_fold
from rag_router.eval.labels import label
from rag_router.filters.threshold import ThresholdFilter
from rag_router.gates.always import AlwaysGate
from rag_router.gates.confidence import ConfidenceGate
from rag_router.gates.profile import ProfileGate
from rag_router.indices.library import Library
from rag_router.models.scripted import Reply
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.orchestrator import Ask, Orchestrator
from rag_router.outcomes import Outcome, OutcomeCache, RecordCache
from rag_router.policy import Policy, Sureness
from rag_router.retrievers.dense import DenseRetriever
from rag_router.signals import Board
from rag_router.types import Passage, Question

# --- gates ------------------------------------------------------------------------------------

# Question i is answered with probability 0.30, 0.36, ..., 0.84 for i mod 10 = 0, 1, ..., 9, and
# of the twenty questions of each such kind k, 2 k are answered right: the surer, the righter.
NUMBERS = range(200)
ITEM = re.compile(r"item (\d+)")


def knows(number: int) -> bool:
    return (number // 10) % 10 < number % 10


def reply(prompt: str) -> Reply:
    number = int(ITEM.search(asked(prompt))[1])
    return Reply("yes" if knows(number) else "nay", 0.30 + 0.06 * (number % 10))


EXPERT = scripted_expert(reply)
QUESTIONS = [Question(id=f"q{n}", text=f"What is item {n}?", answers=("Yes",)) for n in NUMBERS]


@pytest.fixture(scope="module")
def labelled():
    return label(EXPERT, QUESTIONS, batch_size=64)


GATES_THAT_LEARN = {"confidence": ConfidenceGate(), "profile": ProfileGate()}
every_gate = pytest.mark.parametrize("name", GATES_THAT_LEARN)


@pytest.fixture(scope="module")
def lessons(labelled):
    """What each gate reads off the questions, and what was right."""
    right = np.array([one.right for one in labelled])
    features = read_features(GATES_THAT_LEARN, EXPERT, labelled, batch_size=64)
    return {name: lesson(found, right) for name, found in features.items()}


def fit(name, lessons, **more):
    return fit_gate(name, GATES_THAT_LEARN[name], EXPERT, QUESTIONS, lessons[name], **more)


def test_answers_are_labelled_right_or_wrong(labelled):
    assert [one.right for one in labelled] == [knows(n) for n in NUMBERS]
    # 37: 3 < 7, so it is known; 31: 3 >= 1, so it is not.
    assert [(labelled[n].outcome.answer, labelled[n].right) for n in (37, 31)] == [
        ("yes", True),
        ("nay", False),
    ]
    # 0.30 + 0.06 * 7 = 0.72 for each of its three letters.
    assert labelled[37].outcome.logprobs == pytest.approx([np.log(0.72)] * 3, abs=1e-6)


def test_labels_come_out_of_the_cache_the_second_time(tmp_path):
    cache = OutcomeCache(tmp_path / "outcomes.sqlite")
    heard = []
    first = label(EXPERT, QUESTIONS[:9], cache=cache, on_progress=lambda *n: heard.append(n))
    assert heard[-1] == (9, 9)
    silent = scripted_expert(lambda prompt: pytest.fail("asked again"))
    assert label(silent, QUESTIONS[:9], cache=cache) == first
    cache.close()


def test_features_are_what_the_gate_reads_when_it_judges(labelled, lessons):
    board = Board(EXPERT.model, EXPERT.style, [QUESTIONS[37]])
    gate = ProfileGate()
    alone = gate.features(board.questions, board.signals([0], gate.needs))
    assert lessons["profile"].features[37] == pytest.approx(alone[0], abs=1e-5)
    # "yes" begins with the letter y or with a space; 257 tokens share what is left of 0.28.
    assert alone[0, 1] == pytest.approx(0.72 + 0.28 / 257, abs=1e-6)


def test_features_come_out_of_the_cache_the_second_time(labelled, tmp_path):
    cache = RecordCache(tmp_path / "outcomes.sqlite")
    heard = []
    first = read_features(
        GATES_THAT_LEARN, EXPERT, labelled[:9], cache=cache, on_progress=lambda *n: heard.append(n)
    )
    assert heard[-1] == (9, 9)
    silent = scripted_expert(lambda prompt: pytest.fail("asked again"))
    again = read_features(GATES_THAT_LEARN, silent, labelled[:9], cache=cache)
    assert {name: found.tolist() for name, found in again.items()} == {
        name: found.tolist() for name, found in first.items()
    }
    cache.close()


@every_gate
def test_a_gate_learns_when_its_model_is_right(lessons, name):
    gate = GATES_THAT_LEARN[name].with_artefact(fit(name, lessons))
    assert gate.fitted
    # Kinds 0 to 9; what the letters are does not matter.
    p = gate.probabilities(lessons[name].features[:10])
    assert (np.diff(p) > 0).all()
    # Kind 5 (0.60) is right half of the time, kind 1 (0.36) one time in ten, kind 9 nine in ten.
    assert p[[1, 5, 9]] == pytest.approx([0.1, 0.5, 0.9], abs=0.12)


@every_gate
def test_a_question_is_judged_by_a_gate_that_never_saw_it(lessons, name):
    told = lessons[name]
    p = out_of_fold(GATES_THAT_LEARN[name], told)
    assert auroc(p, told.right) > 0.75
    # A question whose label is turned round changes the other folds' judgement, not its own.
    turned = replace(told, right=np.where(np.arange(200) == 7, ~told.right, told.right))
    fold = even_folds(told.right, 5, 0)
    if (even_folds(turned.right, 5, 0) == fold).all():
        other = out_of_fold(GATES_THAT_LEARN[name], turned)
        assert other[7] == p[7]


@every_gate
def test_the_card_says_what_the_gate_was_learned_from_and_is_worth(lessons, name):
    card = fit(name, lessons, goal="budget=0.5").card
    assert (card.method, card.model) == (f"gate/{name}", "scripted")
    assert card.model_fingerprint == EXPERT.model.fingerprint
    assert card.prompt_hash == EXPERT.style.fingerprint
    assert card.data_hash == data_hash(QUESTIONS)
    assert card.threshold_goal == "budget=0.5"
    held = [n for n in NUMBERS if is_held_out(f"q{n}")]
    assert (card.notes["train"], card.notes["held_out"]) == (200 - len(held), len(held))
    assert card.metrics["n"] == len(held)
    assert card.metrics["base_rate"] == round(sum(map(knows, held)) / len(held), 4)
    # A rising curve keeps the order, so the figure is that of the bare sureness, up to rounding
    # within a kind.
    bare = auroc([n % 10 for n in held], [knows(n) for n in held])
    assert card.metrics["auroc"] == pytest.approx(bare, abs=0.02)
    assert bare > 0.75
    assert card.metrics["right_above_threshold"] > card.metrics["base_rate"]


@every_gate
def test_a_fitted_gate_survives_the_disk_and_keeps_a_threshold_set_by_hand(lessons, tmp_path, name):
    artefact = fit(name, lessons, goal="error<=0.3")
    artefact.save(tmp_path / "gate")
    loaded = Artefact.load(tmp_path / "gate", model_fingerprint=EXPERT.model.fingerprint)
    bare = GATES_THAT_LEARN[name]
    gate = bare.with_artefact(loaded)
    assert gate == bare.with_artefact(artefact)
    assert gate.threshold == artefact.card.threshold
    assert replace(bare, threshold=0.1).with_artefact(loaded).threshold == 0.1


def test_with_answers_from_passages_the_card_says_what_the_gate_makes_of_both(lessons):
    told = lessons["confidence"]
    # Passages help with every question but each fifth.
    helped = np.arange(200) % 5 > 0
    card = fit("confidence", {"confidence": replace(told, helped=helped)}).card
    held = [n for n in NUMBERS if is_held_out(f"q{n}")]
    assert card.metrics["accuracy_always"] == round(sum(helped[n] for n in held) / len(held), 4)
    gate = ConfidenceGate().with_artefact(fit("confidence", lessons))
    above = gate.probabilities(told.features) >= 0.5
    ends = [knows(n) if above[n] else helped[n] for n in held]
    assert card.metrics["accuracy_gated"] == round(sum(ends) / len(held), 4)
    assert "accuracy_always" not in fit("confidence", lessons).card.metrics


def test_options_of_a_gate_are_part_of_what_was_learned(labelled):
    one = ConfidenceGate(statistic="minimum", max_new_tokens=7)
    features = read_features({"one": one}, EXPERT, labelled, batch_size=64)["one"]
    told = lesson(features, [one.right for one in labelled])
    artefact = fit_gate("confidence", one, EXPERT, QUESTIONS, told)
    gate = ConfidenceGate().with_artefact(artefact)
    assert (gate.statistic, gate.max_new_tokens, len(gate.curve)) == ("minimum", 7, 2)


def test_another_seed_splits_otherwise(lessons):
    one, other = (
        fit("confidence", {"confidence": replace(lessons["confidence"], seed=seed)})
        for seed in (0, 1)
    )
    assert (one.card.notes["seed"], other.card.notes["seed"]) == (0, 1)
    assert one.weights["curve"].tolist() != other.weights["curve"].tolist()


@every_gate
def test_too_few_questions_fit_nothing(lessons, name):
    few = lessons[name].pick(np.arange(49))
    with pytest.raises(DataError, match="49 labelled questions are too few") as caught:
        fit_gate(name, GATES_THAT_LEARN[name], EXPERT, QUESTIONS[:49], few)
    assert "at least 50" in caught.value.hint


@every_gate
@pytest.mark.parametrize("right", [True, False])
def test_one_class_alone_fits_nothing(lessons, name, right):
    with pytest.raises(DataError, match="both classes"):
        fit(name, {name: replace(lessons[name], right=np.full(200, right))})


@every_gate
def test_empty_answers_count_as_unsure(labelled, name):
    empty = Outcome("", ())
    silent = [one if one.right else replace(one, outcome=empty) for one in labelled]
    features = read_features(GATES_THAT_LEARN, EXPERT, silent, batch_size=64)[name]
    told = lesson(features, [one.right for one in silent])
    gate = GATES_THAT_LEARN[name].with_artefact(fit(name, {name: told}))
    mute, spoken = gate.probabilities(features[[0, 9]])
    assert (silent[0].outcome, silent[9].right) == (empty, True)
    assert mute < 0.1 < spoken


# --- filters ----------------------------------------------------------------------------------

STEMS = ("harbour", "lantern", "orchard", "quarry", "chapel", "windmill", "viaduct", "granary")
TOWNS = [f"{a}{b}" for a in STEMS for b in STEMS]
# So wide that hardly two words share a bucket.
EMBEDDER = HashingEmbedder(dimension=4099)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("towns")
    rows = [
        {"id": town, "title": "", "text": f"The mayor of {town} keeps the number {n}."}
        for n, town in enumerate(TOWNS)
    ]
    library = Library(folder / "home")
    library.add("towns", [write_jsonl(folder / "towns.jsonl", rows)], EMBEDDER)
    return library.open("towns", EMBEDDER)


TOWN_QUESTIONS = [
    Question(id=town, text=f"Which number does the mayor of {town} keep?", answers=(str(n),))
    for n, town in enumerate(TOWNS)
]


def fit_on(library, questions, k=4):
    return fit_threshold(
        ThresholdFilter(),
        EMBEDDER,
        DenseRetriever(k=k),
        [library],
        questions,
        min_support=0.2,
        batch_size=10,
    )


def test_a_filter_learns_how_near_a_helpful_passage_is(library):
    artefact = fit_on(library, TOWN_QUESTIONS)
    fitted = ThresholdFilter().with_artefact(artefact)
    assert (fitted.fitted, fitted.min_support) == (True, 0.2)
    assert artefact.card.method == "filter/threshold"
    assert artefact.card.model_fingerprint == EMBEDDER.fingerprint
    assert artefact.card.prompt_hash == ""
    held = sum(is_held_out(q.id) for q in TOWN_QUESTIONS)
    assert artefact.card.metrics["n"] == 4 * held
    # One of the four passages found holds the number, and it is the nearest: it names the town.
    assert artefact.card.metrics["base_rate"] == pytest.approx(1 / 4, abs=0.02)
    assert artefact.card.metrics["auroc"] > 0.95
    query = EMBEDDER.encode_queries([TOWN_QUESTIONS[0].text])
    scores, _ = library.search_vectors(query, 4)
    supports = [fitted.support(float(s)) for s in scores[0]]
    assert supports[0] > 0.5 > supports[1]


def test_an_answer_inside_another_word_does_not_help(library):
    # Town 1 keeps the number 1; that 10, 11 and 12 begin with it helps nobody. With the nearest
    # passage alone and an answer that is nowhere, no passage helps at all.
    nowhere = [replace(q, answers=("numb",)) for q in TOWN_QUESTIONS]
    with pytest.raises(DataError, match="both classes"):
        fit_on(library, nowhere, k=1)


def test_a_filter_needs_fifty_questions(library):
    with pytest.raises(DataError, match="20 labelled questions are too few"):
        fit_on(library, TOWN_QUESTIONS[:20])


# --- answers from passages --------------------------------------------------------------------


def reading(expert, **more) -> Orchestrator:
    return Orchestrator(
        expert=expert,
        gate=AlwaysGate(),
        decoder=PlainDecoder(),
        decoder_name="plain",
        policy=Policy(abstain=False, min_support=0.0),
        batch_size=50,
        **more,
    )


WITH_PASSAGES = [
    replace(q, contexts=(Passage(id="p", title="", text="Items are yes or nay."),))
    for q in QUESTIONS
]


def test_how_sure_an_answer_from_passages_is_can_be_learned():
    heard = []
    artefact = fit_sureness(
        reading(EXPERT), WITH_PASSAGES, on_progress=lambda *done: heard.append(done)
    )
    assert heard == [(50, 200), (100, 200), (150, 200), (200, 200)]
    card = artefact.card
    assert (card.method, card.model) == ("decoder/plain", "scripted")
    assert card.prompt_hash == EXPERT.style.contextual_fingerprint
    assert card.metrics["auroc"] > 0.75
    fitted = reading(EXPERT, sureness=Sureness().with_artefact(artefact))
    answers = fitted.answer(WITH_PASSAGES[:10], Ask(retrieval="always"))
    confidence = [a.confidence for a in answers]
    assert confidence == sorted(confidence)
    # Kinds 1, 5 and 9 are right one, five and nine times in ten.
    assert [confidence[k] for k in (1, 5, 9)] == pytest.approx([0.1, 0.5, 0.9], abs=0.12)
    assert not any(note.stage == "decode" for a in answers for note in a.degraded)


def test_what_a_decoder_has_learned_stays_beside_how_sure_its_answers_are():
    decoder = AutoDecoder().with_rewards([always("passages")] * len(CASES))
    decided = replace(reading(EXPERT), decoder=decoder, decoder_name="auto")
    artefact = fit_sureness(decided, WITH_PASSAGES)
    assert set(artefact.weights) == {"curve", *decoder.learned}
    assert AutoDecoder().with_artefact(artefact) == decoder
    assert Sureness().with_artefact(artefact).fitted


def test_questions_without_passages_teach_nothing_about_reading():
    with pytest.raises(DataError, match="0 labelled questions are too few"):
        fit_sureness(reading(EXPERT), QUESTIONS)
