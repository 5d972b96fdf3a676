from __future__ import annotations

import math

import pytest
import torch

from rag_router.errors import ModelError
from rag_router.models.scripted import Reply, ScriptedModel

SCRIPT = {"Rome": Reply("old", 0.9, sureness=2.0), "Oslo": Reply("cold", 0.5)}


def p(model, prompt, said=()):
    """Probabilities of the next byte after the prompt and what was said."""
    read = model.prefill([model.encode(prompt)])
    logits, cache = read.logits, read.cache
    for token in said:
        logits, cache = model.step(cache, [token])
    return logits.exp()[0]


def test_each_byte_of_the_reply_has_its_probability_and_the_rest_is_spread_evenly():
    after = p(ScriptedModel(SCRIPT), "How is Rome?")
    assert after[ord("o")].item() == pytest.approx(0.9)
    assert after[ord("x")].item() == pytest.approx(0.1 / 257)
    assert after.sum().item() == pytest.approx(1.0)


def test_after_the_reply_the_model_ends():
    model = ScriptedModel(SCRIPT)
    assert int(p(model, "Rome", b"old").argmax()) in model.end_ids
    assert p(model, "Rome", b"old").max().item() == pytest.approx(0.999)


def test_off_script_the_model_ends():
    model = ScriptedModel(SCRIPT)
    assert int(p(model, "Rome", b"x").argmax()) in model.end_ids


def test_the_first_key_that_occurs_decides_and_otherwise_the_fallback():
    model = ScriptedModel(SCRIPT, otherwise=Reply("hm", 0.3))
    assert p(model, "Oslo or Rome")[ord("o")].item() == pytest.approx(0.9)
    assert p(model, "Oslo")[ord("c")].item() == pytest.approx(0.5)
    assert p(model, "Bern")[ord("h")].item() == pytest.approx(0.3)


def test_a_script_may_be_a_function_of_the_prompt():
    model = ScriptedModel(lambda prompt: Reply(prompt[::-1], 0.8))
    assert p(model, "ab")[ord("b")].item() == pytest.approx(0.8)


def test_what_the_model_says_itself_does_not_change_the_script():
    model = ScriptedModel({"Oslo": Reply("never"), "say": Reply("Oslo!")})
    said = model.encode("Oslo", begin=False)
    assert int(p(model, "say", said).argmax()) == ord("!")


def test_certain_bytes_leave_nothing_that_is_not_finite():
    read = ScriptedModel({"": Reply("x", 1.0)}).prefill([[256]])
    assert torch.isfinite(read.logits).all()
    assert read.logits.max().item() == pytest.approx(math.log(1.0))


def test_hidden_states_carry_the_sureness_where_asked_for():
    model = ScriptedModel(SCRIPT)
    prompts = [model.encode("Rome"), model.encode("Oslo")]
    assert model.prefill(prompts, hidden=True).hidden[:, -1, 0].tolist() == [2.0, 0.0]
    assert model.prefill(prompts).hidden.shape == (2, 0, 0)


def test_bytes_that_are_no_text_decode_to_the_replacement_character():
    model = ScriptedModel(SCRIPT)
    whole = model.encode("é")
    assert model.decode(whole) == "é"
    assert model.decode(whole[:-1]) == "\ufffd"


def test_it_has_no_chat_template():
    with pytest.raises(ModelError, match="no chat template"):
        ScriptedModel(SCRIPT).render_chat([])


def test_the_fingerprint_is_that_of_the_name():
    assert ScriptedModel(SCRIPT).fingerprint == ScriptedModel({}).fingerprint
    assert ScriptedModel(SCRIPT, name="other").fingerprint != ScriptedModel(SCRIPT).fingerprint
