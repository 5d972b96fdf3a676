"""Hidden states and router activations, read off the closed-book pass."""

from __future__ import annotations

import numpy as np
import pytest
from stand_ins import question

from rag_router.errors import DataError, SettingsError
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board, ClosedBookPass, Cost, requirements
from rag_router.signals.hidden_states import HiddenStates, layer_at, take_layers
from rag_router.signals.router_activations import RouterActivations

SCRIPT = {"rome": Reply("old", sureness=2.0), "nowhere": Reply("?", sureness=float("nan"))}


def board(*texts, experts=0):
    model = ScriptedModel(SCRIPT, otherwise=Reply("no"), experts=experts)
    return Board(model, PromptStyle(), [question(text, text) for text in texts])


def test_hidden_states_are_those_of_the_closed_book_pass_at_no_further_cost():
    facts = board("rome", "oslo")
    states = facts.read(HiddenStates(), [0, 1])
    assert [state.dtype for state in states] == [np.float32] * 2
    assert states[0].tolist() == facts.read(ClosedBookPass(), [0])[0].hidden.tolist()
    assert (states[0][-1, 0], states[1][-1, 0]) == (2.0, 0.0)
    assert facts.cost(0) == Cost(forward_rows=1)


def test_states_that_are_not_finite_are_an_error_that_names_the_questions():
    with pytest.raises(DataError, match="not finite for 'nowhere'") as caught:
        board("rome", "nowhere").read(HiddenStates(), [0, 1])
    assert "float32" in caught.value.hint


def test_each_says_what_the_model_must_show():
    assert requirements([HiddenStates()]).abilities == {"hidden_states"}
    assert requirements([RouterActivations()]).abilities == {"router_activations"}


@pytest.mark.parametrize(
    ("depth", "layers", "layer"), [(0, 18, 0), (1 / 3, 18, 6), (0.75, 18, 14), (1, 18, 18)]
)
def test_a_share_of_the_depth_is_the_nearest_layer(depth, layers, layer):
    assert layer_at(depth, layers) == layer


def test_some_layers_stand_one_after_the_other():
    state = np.arange(8, dtype=np.float32).reshape(4, 2)  # an embedding and three layers
    assert take_layers(state, (3, 0)).tolist() == [6, 7, 0, 1]


@pytest.mark.parametrize("layer", [4, -1])
def test_a_layer_that_is_not_there_is_an_error_that_says_which_are(layer):
    with pytest.raises(SettingsError, match=f"no layer {layer}") as caught:
        take_layers(np.zeros((4, 2), dtype=np.float32), (layer,))
    assert caught.value.hint == "This model has 0, which is the embedding, to 3."


def test_router_activations_are_those_of_the_closed_book_pass_at_no_further_cost():
    facts = board("rome", "oslo", experts=3)
    rome, oslo = facts.read(RouterActivations(), [0, 1])
    # Sureness 2 names expert 2 in both layers, sureness 0 expert 0.
    assert rome.tolist() == [[False, False, True]] * 2
    assert oslo.tolist() == [[True, False, False]] * 2
    assert facts.cost(1) == Cost(forward_rows=1)


def test_a_model_without_routers_is_an_error_that_says_what_would_do():
    with pytest.raises(SettingsError, match="scripted shows no routers") as caught:
        board("rome").read(RouterActivations(), [0])
    assert "Mixtral or OLMoE" in caught.value.hint
