"""Several gates heard together, and asked one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from stand_ins import lesson, question

from rag_router.artefacts import Artefact, Card
from rag_router.calibration import Platt, auroc, expected_calibration_error
from rag_router.errors import DataError, SettingsError, UnknownNameError
from rag_router.gates import FittedGate, NeedMore, assess, signals_of
from rag_router.gates.base import verdict
from rag_router.gates.cascade import CascadeGate
from rag_router.gates.combined import CombinedGate
from rag_router.gates.confidence import ConfidenceGate
from rag_router.gates.profile import ProfileGate
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board, Cost, Reading


@dataclass(frozen=True)
class Number:
    """One of the numbers in a question, at a price; remembers whom it was read of."""

    place: int
    price: int = 0
    asked: list[str] = field(default_factory=list, compare=False)

    @property
    def name(self):
        return f"number_{self.place}"

    def compute(self, board, rows):
        texts = [board.questions[row].text for row in rows]
        self.asked.extend(texts)
        cost = Cost(prefill_tokens=2 * self.price, decode_steps=self.price)
        return [Reading(float(text.split()[self.place]), cost) for text in texts]


@dataclass(frozen=True)
class Reads:
    """Goes by one number: log-odds of being known, times what it learned."""

    number: Number
    slope: tuple[float, ...] = ()

    fitted = True

    @property
    def needs(self):
        return (self.number,)

    @property
    def learned(self):
        return {"slope": np.array(self.slope)}

    @property
    def options(self):
        return {"place": self.number.place}

    def features(self, questions, signals):
        return np.array(signals.read(self.number)).reshape(-1, 1)

    def probabilities(self, features):
        slopes, intercept = (self.slope[:-1], self.slope[-1]) if self.slope else ((1.0,), 0.0)
        return Platt(slopes, intercept)(features)

    def fit(self, told):
        curve = Platt.fit(told.features, told.right)
        return replace(self, slope=(*curve.slopes, curve.intercept))

    def with_artefact(self, artefact):
        assert artefact.card.notes == {"place": self.number.place}
        assert artefact.card.threshold is None
        return replace(self, slope=tuple(map(float, artefact.weights["slope"])))

    def assess(self, questions, signals):
        return [verdict(p, None, {}) for p in self.probabilities(self.features(questions, signals))]


def board(*texts):
    asked = [question(text, str(n)) for n, text in enumerate(texts)]
    return Board(ScriptedModel({}), PromptStyle(), asked)


def features(gate, facts):
    return gate.features(
        facts.questions, facts.signals(range(len(facts.questions)), signals_of(gate))
    )


RANDOM = np.random.default_rng(5)
TRUTH = RANDOM.normal(scale=1.5, size=(500, 2)).round(3)
RIGHT = RANDOM.random(500) < 1 / (1 + np.exp(-TRUTH.sum(axis=1)))
TEXTS = [f"{a} {b}" for a, b in TRUTH]


def combined(**more):
    return CombinedGate(members=("a", "b"), gates=(Reads(Number(0)), Reads(Number(1))), **more)


def told(gate, right=RIGHT, **more):
    return lesson(features(gate, board(*TEXTS)), right, **more)


# --- heard together ---------------------------------------------------------------------------


def test_features_are_those_of_the_members_side_by_side():
    rows = features(combined(), board("1 2", "3 4"))
    # Each is one column wide; the widths stand first.
    assert rows.tolist() == [[1, 1, 1, 2], [1, 1, 3, 4]]


def test_it_needs_what_any_member_needs():
    assert combined().needs == (Number(0), Number(1))
    twice = CombinedGate(members=("a", "b"), gates=(Reads(Number(0)), Reads(Number(0))))
    assert twice.needs == (Number(0),)
    assert CombinedGate(members=("confidence", "profile")).needs == ProfileGate().needs


def test_unfitted_it_says_the_mean_of_its_members():
    gate = combined()
    found = assess(gate, board("0 100"))[0]
    # sigmoid(0) = 0.5 and sigmoid(100) = 1
    assert (gate.fitted, found.p_know) == (False, pytest.approx(0.75))
    assert found.signals == {"a": pytest.approx(0.5), "b": pytest.approx(1.0, abs=1e-5)}
    assert found.p_benefit is None


def test_together_they_know_more_than_each_and_are_calibrated():
    gate = combined()
    fitted = gate.fit(told(gate).pick(np.arange(0, 400)))
    test = told(gate).pick(np.arange(400, 500))
    p = fitted.probabilities(test.features)
    alone = fitted.gates[0].probabilities(test.features[:, 2:3])
    assert auroc(p, test.right) > auroc(alone, test.right) + 0.03
    assert expected_calibration_error(p, test.right, bins=4) < 0.12


def test_members_are_weighed_by_what_they_say_of_questions_they_never_saw():
    @dataclass(frozen=True)
    class Parrot(Reads):
        """Knows by heart what it learned, and nothing else."""

        heart: tuple[tuple[float, bool], ...] = ()

        def fit(self, told):
            return replace(self, heart=tuple(zip(told.features[:, 0], told.right, strict=True)))

        def probabilities(self, features):
            known = dict(self.heart)
            return np.array(
                [{True: 0.99, False: 0.01}.get(known.get(x), 0.5) for x in features[:, 0]]
            )

    gate = CombinedGate(members=("parrot", "b"), gates=(Parrot(Number(0)), Reads(Number(1))))
    fitted = gate.fit(told(gate))
    parrot, other, _ = fitted.arrays["sum"]
    # By heart it is always right; of what it never saw it knows nothing.
    assert abs(parrot) < 0.15 < 0.8 < other


def test_its_verdict_says_how_likely_retrieval_is_to_help():
    gate = combined()
    helped = RIGHT | (TRUTH[:, 0] < 0)  # passages are found where the first number is low
    fitted = gate.fit(told(gate, helped=helped))
    low, high = assess(fitted, board("-2 0", "2 0"))
    assert low.p_benefit > 0.5 > 0.2 > high.p_benefit
    assert low.p_benefit <= 1 - low.p_know
    assert assess(gate.fit(told(gate)), board("0 0"))[0].p_benefit is None


def test_real_gates_are_members_by_name():
    script = {f"item {n}?": Reply("yes", 0.1 + 0.08 * (n % 10)) for n in range(100)}
    model = ScriptedModel(dict(reversed(script.items())))
    asked = [question(f"item {n}?", str(n)) for n in range(100)]
    facts = Board(model, PromptStyle(shots=0), asked, batch_size=100)
    gate = CombinedGate(members=("confidence", "profile"))
    right = [n % 10 >= 5 for n in range(100)]
    fitted = gate.fit(lesson(features(gate, facts), right))
    found = assess(fitted, facts)
    assert auroc([v.p_know for v in found], right) == 1.0
    assert set(found[0].signals) == {"confidence", "profile"}


def test_options_of_members_come_back_with_their_arrays(tmp_path):
    script = ScriptedModel(lambda prompt: Reply("ok", 0.9 if "good" in prompt else 0.2))
    texts = [("good" if n % 2 else "bad") + f" {n}" for n in range(40)]
    asked = [question(text, str(n)) for n, text in enumerate(texts)]
    facts = Board(script, PromptStyle(shots=0), asked, batch_size=40)
    gate = CombinedGate(
        members=("confidence", "profile"),
        gates=(ConfidenceGate(statistic="minimum", max_new_tokens=3), ProfileGate()),
    )
    rows = features(gate, facts)
    fitted = gate.fit(lesson(rows, [bool(n % 2) for n in range(40)]))
    card = Card(
        method="gate/combined",
        model="m",
        model_fingerprint="f",
        threshold=0.4,
        notes={**fitted.options, "train": 40},
    )
    Artefact(card=card, weights=fitted.learned).save(tmp_path / "gate")
    again = CombinedGate().with_artefact(Artefact.load(tmp_path / "gate"))
    assert again.members == ("confidence", "profile")
    assert (again.gates[0].statistic, again.gates[0].max_new_tokens) == ("minimum", 3)
    assert again.probabilities(rows).tolist() == fitted.probabilities(rows).tolist()
    assert again == replace(fitted, threshold=0.4)
    assert (
        CombinedGate(threshold=0.9).with_artefact(Artefact.load(tmp_path / "gate")).threshold == 0.9
    )


# --- one after the other ----------------------------------------------------------------------


def cascade(*prices, **more):
    """Three stages that read one number each, or as many as there are prices."""
    prices = prices or (1, 10, 100)
    stages = tuple(Reads(Number(place, price)) for place, price in enumerate(prices))
    names = tuple("abc"[: len(prices)])
    return CascadeGate(stages=names, gates=stages, **more)


def test_it_needs_the_first_stage_and_may_need_the_others():
    gate = cascade()
    assert gate.needs == (Number(0, 1),)
    assert gate.may_need == (Number(1, 10), Number(2, 100))
    assert signals_of(gate) == (*gate.needs, *gate.may_need)


def test_dearer_stages_are_asked_only_about_what_is_grey_and_costs_are_what_was_spent():
    gate = cascade(grey=((0.3, 0.7),))
    # sigmoid: 5 -> 0.993 is sure; 0 -> 0.5 is grey; (0.5 + 0.993) / 2 = 0.75 is sure again, and
    # (0.5 + 0.5) / 2 is still grey.
    facts = board("5 x x", "0 5 x", "0 0 5", "-5 x x")
    found = assess(gate, facts)
    assert [v.status for v in found] == [f"decided by {name}" for name in "abca"]
    assert [v.p_know for v in found] == pytest.approx(
        [0.9933, (0.5 + 0.9933) / 2, (0.5 + 0.5 + 0.9933) / 3, 0.0067], abs=1e-4
    )
    assert [facts.cost(row) for row in range(4)] == [
        Cost(prefill_tokens=2 * spent, decode_steps=spent) for spent in (1, 1 + 10, 1 + 10 + 100, 1)
    ]
    asked = [stage.number.asked for stage in gate.gates]
    assert [len(texts) for texts in asked] == [4, 2, 1]
    assert asked[2] == ["0 0 5"]


def test_a_verdict_shows_what_was_heard_and_who_decided():
    found = assess(cascade(grey=((0.3, 0.7),)), board("0 5 x"))[0]
    assert found.signals == {"a": pytest.approx(0.5), "b": pytest.approx(0.9933, abs=1e-4)}
    assert found.reason == "p_know 0.75 is at least the threshold 0.50, by b"


def test_the_last_stage_decides_whatever_it_says():
    found = assess(cascade(1, 10, grey=((0.0, 1.0),)), board("0 0"))[0]
    assert (found.status, found.p_know) == ("decided by b", 0.5)


def test_a_stage_that_reads_nothing_new_costs_no_round():
    number = Number(0, 1)
    gate = CascadeGate(stages=("a", "b"), gates=(Reads(number), Reads(number)), grey=((0, 1),))
    facts = board("0")
    said = gate.assess(facts.questions, facts.signals([0], gate.needs))
    assert not isinstance(said[0], NeedMore)
    assert (gate.may_need, said[0].status, number.asked) == ((), "decided by b", ["0"])


def test_each_stage_may_have_its_own_zone():
    gate = cascade(grey=((0.3, 0.7), (0.9, 0.95)))
    found = assess(gate, board("0 0 5", "0 9 5"))
    # After b the first stands at 0.5, and the second at 0.75: neither is grey for b.
    assert [v.status for v in found] == ["decided by b", "decided by b"]


def test_what_is_judged_from_features_is_what_is_judged_by_asking():
    gate = cascade(1, 10, grey=((0.2, 0.8),))
    fitted = gate.fit(told(gate))
    by_features = fitted.probabilities(features(fitted, board(*TEXTS[:80])))
    by_asking = [v.p_know for v in assess(fitted, board(*TEXTS[:80]))]
    assert by_features.tolist() == pytest.approx(by_asking, abs=1e-12)


def test_fitted_it_spends_little_and_knows_nearly_as_much_as_all_stages_together():
    gate = cascade(1, 10, grey=((0.2, 0.8),))
    fitted = gate.fit(told(gate).pick(np.arange(300)))
    facts = board(*TEXTS[300:])
    p = [v.p_know for v in assess(fitted, facts)]
    asked = sum(facts.cost(row).decode_steps > 1 for row in range(200)) / 200
    everything = combined().fit(told(combined()).pick(np.arange(300)))
    whole = everything.probabilities(features(everything, board(*TEXTS[300:])))
    first = 1 / (1 + np.exp(-TRUTH[300:, 0]))
    assert 0.3 < asked < 0.9
    assert auroc(first, RIGHT[300:]) + 0.05 < auroc(p, RIGHT[300:])
    assert auroc(p, RIGHT[300:]) > auroc(whole, RIGHT[300:]) - 0.05


def test_a_cascade_comes_back_from_its_artefact(tmp_path):
    gate = CascadeGate(stages=("confidence", "profile"), grey=((0.4, 0.6),))
    script = ScriptedModel(lambda prompt: Reply("ok", 0.9 if "good" in prompt else 0.2))
    texts = [("good" if n % 2 else "bad") + f" {n}" for n in range(40)]
    asked = [question(text, str(n)) for n, text in enumerate(texts)]
    facts = Board(script, PromptStyle(shots=0), asked, batch_size=40)
    rows = features(gate, facts)
    fitted = gate.fit(lesson(rows, [bool(n % 2) for n in range(40)]))
    card = Card(
        method="gate/cascade", model="m", model_fingerprint="f", threshold=0.3, notes=fitted.options
    )
    Artefact(card=card, weights=fitted.learned).save(tmp_path / "gate")
    again = gate.with_artefact(Artefact.load(tmp_path / "gate"))
    assert again == replace(fitted, threshold=0.3)
    assert again.probabilities(rows).tolist() == fitted.probabilities(rows).tolist()


def test_a_fault_of_a_stage_is_not_taken_for_a_signal_that_is_missing():
    @dataclass(frozen=True)
    class Faulty(Reads):
        def features(self, questions, signals):
            return {}["nothing"]

    gate = CascadeGate(
        stages=("a", "b"), gates=(Reads(Number(0)), Faulty(Number(1))), grey=((0, 1),)
    )
    with pytest.raises(KeyError, match="nothing"):
        assess(gate, board("0 0"))


# --- both -------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [combined, lambda: cascade(1, 10)])
def test_it_is_a_gate_that_learns_the_same_from_the_same(make):
    assert isinstance(make(), FittedGate)
    assert make().fit(told(make(), seed=2)) == make().fit(told(make(), seed=2))


@pytest.mark.parametrize("make", [combined, lambda: cascade(1, 10)])
def test_no_questions_are_no_verdicts(make):
    gate = make()
    assert assess(gate, board()) == assess(gate.fit(told(gate)), board()) == []
    assert gate.fit(told(gate)).probabilities(np.zeros((0, 4))).tolist() == []


@pytest.mark.parametrize("make", [combined, lambda: cascade(1, 10)])
def test_one_class_alone_teaches_nothing_and_broken_features_are_named(make):
    gate = make()
    with pytest.raises(DataError, match="both classes"):
        gate.fit(told(gate, right=[True] * 500))
    rows = features(gate, board(*TEXTS))
    rows[11, 3] = np.nan
    with pytest.raises(DataError, match="rows 11"):
        gate.fit(lesson(rows, RIGHT))


@pytest.mark.parametrize(("kind", "option"), [(CombinedGate, "members"), (CascadeGate, "stages")])
class TestNames:
    def test_an_unknown_gate_is_an_error_that_suggests_one(self, kind, option):
        with pytest.raises(UnknownNameError, match="Did you mean 'profile'"):
            kind(**{option: ("profil",)})

    def test_a_gate_that_learns_nothing_is_an_error_that_lists_those_that_do(self, kind, option):
        with pytest.raises(SettingsError, match="'always' learns nothing") as caught:
            kind(**{option: ("profile", "always")})
        assert "confidence" in caught.value.hint
        assert "always" not in caught.value.hint

    @pytest.mark.parametrize("names", [(), ("profile", "profile")])
    def test_no_name_and_a_name_twice_are_errors(self, kind, option, names):
        with pytest.raises(SettingsError, match="named once each"):
            kind(**{option: names})

    def test_as_many_gates_as_names_are_given(self, kind, option):
        with pytest.raises(SettingsError, match="2 names were given for 1 gates"):
            kind(**{option: ("a", "b")}, gates=(ProfileGate(),))


@pytest.mark.parametrize("grey", [(), ((0.1, 0.2), (0.1, 0.2), (0.1, 0.2))])
def test_there_is_a_grey_zone_for_each_stage_or_one_for_all(grey):
    with pytest.raises(SettingsError, match="grey zones were given for 3 stages"):
        cascade(grey=grey)


def test_a_grey_zone_that_ends_before_it_begins_is_an_error():
    with pytest.raises(SettingsError, match=r"0.8 to 0.2 ends before it begins"):
        cascade(grey=((0.8, 0.2),))
