"""Which gates can judge a model that only talks."""

from __future__ import annotations

from rag_router.gates import GATES
from rag_router.gates.cascade import CascadeGate
from rag_router.gates.self_judgement_before import SelfJudgementBeforeGate
from rag_router.gates.words import not_shown

NOTHING = frozenset()
LOCAL = frozenset({"hidden_states", "logits", "streams"})


def test_few_gates_can_do_with_words_alone():
    assert {name for name in GATES if not not_shown(GATES.build(name), NOTHING)} == {
        # They ask nobody, or somebody else.
        "always",
        "never",
        "popularity",
        "skr_classifier",
        "skr_neighbours",
        "slim_proxy",
        "unanswerable",
        # They go by what is said.
        "agreement",
        "self_judgement_after",
        "self_judgement_before",
        "skr_prompt",
    }


def test_what_others_lack_is_named():
    assert not_shown(GATES.build("p_ik"), NOTHING) == {"hidden_states", "logits"}
    assert not_shown(GATES.build("confidence"), NOTHING) == {"logits"}
    assert not_shown(GATES.build("semantic_entropy"), NOTHING) == {"logits"}


def test_whoever_asks_other_gates_goes_by_words_only_if_it_says_so():
    assert not_shown(CascadeGate(), NOTHING)
    assert not not_shown(SelfJudgementBeforeGate(), NOTHING)


def test_local_models_show_what_all_but_one_gate_reads():
    lacking = {name: not_shown(GATES.build(name), LOCAL) for name in GATES}
    assert {name: what for name, what in lacking.items() if what} == {
        "expert_activation": {"router_activations"}
    }
