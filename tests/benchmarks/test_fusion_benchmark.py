"""What the benchmark makes of several experts: scripted ones, whose accuracy is known."""

from __future__ import annotations

import pytest
from little_house import asked, scripted_expert
from stand_ins import question

from benchmarks.fusion_accuracy import judged_together
from benchmarks.fusion_speed import joined
from rag_router.fusing import load_fusion
from rag_router.models.scripted import Reply
from rag_router.settings import FusionSettings, Settings

COUNT = 48


def expert(name, knows):
    """Is right, and sure of it, where its field is asked; says something of its own elsewhere."""

    def script(prompt):
        number = int(asked(prompt).rstrip("?").rsplit(" ", 1)[1])
        if knows(number):
            return Reply(f"right {number}", 0.9, sureness=2.0 + number / 100)
        return Reply(f"{name} {number}", 0.4, sureness=-2.0 - number / 100)

    return scripted_expert(script, name=name)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    questions = [
        question(f"What is number {n}?", str(n), answers=(f"right {n}",)) for n in range(COUNT)
    ]
    # Two thirds, one half, and together all but the sixth that neither knows.
    experts = [expert("thirds", lambda n: n % 3 > 0), expert("halves", lambda n: n // 2 % 2 == 0)]
    fields = ["low" if n < COUNT // 2 else "high" for n in range(COUNT)]
    settings = Settings(home=home)
    figures, *_ = judged_together(experts, questions, fields, settings, out=home / "recorded")
    return figures, home / "recorded"


def test_each_expert_is_judged_alone_and_the_oracle_knows_what_any_of_them_knows(judged):
    rows = judged[0]["rows"]
    assert judged[0]["best_single"] == "thirds"
    assert rows["thirds"]["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert rows["halves"]["accuracy"] == pytest.approx(1 / 2)
    assert rows["oracle"]["accuracy"] == pytest.approx(5 / 6, abs=1e-4)
    assert set(rows["oracle"]["by_field"]) == {"low", "high"}


def test_experts_that_know_what_they_know_are_as_good_together_as_the_oracle(judged):
    rows = judged[0]["rows"]
    for name in ("most_likely", "vote", "frugal, price 0.02"):
        assert rows[name]["accuracy"] == pytest.approx(5 / 6, abs=1e-4), name
        assert rows[name]["minus_best_single"][0] == pytest.approx(1 / 6, abs=1e-4)


def test_a_frugal_questioner_pays_less_than_a_vote(judged):
    rows = judged[0]["rows"]
    assert rows["vote"]["cost"] == 2.0
    assert 1.0 <= rows["frugal, price 0.2"]["cost"] < 2.0


def test_experts_of_one_vocabulary_are_fused_token_by_token(judged):
    figures = judged[0]
    assert figures["one_vocabulary"] == ["thirds", "halves"]
    for name in ("mixture", "product", "logits_fusion"):
        for weights in ("even", "p_know"):
            assert f"{name}, {weights}" in figures["rows"]


def test_what_was_recorded_is_what_the_frugal_fusion_reads(judged):
    fusion = load_fusion(FusionSettings(name="frugal", artefact=str(judged[1])))
    assert fusion.experience.names == ("thirds", "halves")
    assert fusion.experience.right.mean(axis=0) == pytest.approx([2 / 3, 1 / 2])


def test_what_is_not_timed_again_stays_as_it_was():
    before = {"1": {"two models": {"one_ms": 90.0, "mixture": {"ms": 180.0, "ratio": 2.0}}}}
    now = {
        "1": {"two models": {"one_ms": 80.0, "product": {"ms": 160.0, "ratio": 2.0}}},
        "8": {"two models": {"one_ms": 300.0}},
    }
    assert joined(before, now) == {
        "1": {
            "two models": {
                "one_ms": 80.0,
                "mixture": {"ms": 180.0, "ratio": 2.0},
                "product": {"ms": 160.0, "ratio": 2.0},
            }
        },
        "8": {"two models": {"one_ms": 300.0}},
    }
