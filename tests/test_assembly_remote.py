"""From settings to an expert behind an endpoint: what it is given, and what it is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from little_house import parts
from little_remote import remote_settings

from rag_router.assembly import assemble, check_suits, load_gate, suited
from rag_router.decoders import DECODERS
from rag_router.errors import SettingsError
from rag_router.experts.remote import load_remote, remote_card
from rag_router.models.scripted_endpoint import ScriptedEndpoint, says
from rag_router.orchestrator import Ask
from rag_router.orchestrator.remote import RemoteOrchestrator
from rag_router.settings import Component, Settings, VerifySettings, load_settings

NOTHING = frozenset()
URL = "http://127.0.0.1:9/v1"


def own(**more):
    return remote_settings(URL, **more)


@pytest.fixture(scope="module")
def some_parts(tmp_path_factory):
    return parts(tmp_path_factory.mktemp("remote"))


@pytest.mark.parametrize("name", [name for name in DECODERS if name != "plain"])
def test_decoders_that_weigh_streams_are_refused_by_name(name):
    with pytest.raises(SettingsError) as caught:
        check_suits(own(decoder=Component(name=name)), NOTHING)
    assert f"the decoder {name!r} reads " in str(caught.value)
    assert "which big does not show" in str(caught.value)
    assert caught.value.hint == "Decoders that would do: plain."


def test_gates_that_read_what_it_does_not_show_are_refused_by_name():
    with pytest.raises(SettingsError, match="the gate 'p_ik' reads hidden_states") as caught:
        check_suits(own(gate=Component(name="p_ik")), NOTHING)
    assert "slim_proxy" in caught.value.hint
    assert "self_judgement_before" in caught.value.hint
    with pytest.raises(SettingsError, match="the gate 'confidence' reads logits"):
        load_gate(Component(name="confidence"), load_remote(own()))


def test_gates_and_decoders_that_go_by_words_are_taken():
    for name in ("agreement", "self_judgement", "slim_proxy", "never", "always"):
        check_suits(own(gate=Component(name=name), decoder=Component(name="plain")), NOTHING)


def test_what_is_set_for_all_gives_way_to_what_it_can_do_and_is_told():
    settings = Settings(
        decoder=Component(name="adaptive_contrast"),
        filters=(Component(name="threshold"), Component(name="notes")),
        verify=VerifySettings(name="likelihood"),
    )
    changed, instead = suited(settings, "big", NOTHING)
    assert (changed.gate.name, changed.decoder.name) == ("self_judgement_before", "plain")
    assert [one.name for one in changed.filters] == ["threshold"]
    assert changed.verify is None
    assert instead == (
        "the gate 'p_ik' reads hidden_states, logits: 'self_judgement_before' judges in its place",
        "the decoder 'adaptive_contrast' reads logits, streams: passages are read as they are",
        "the filter 'notes' reads logits: it is left out",
        "the verifier 'likelihood' reads logits: answers are not verified",
    )


def test_what_suits_stays_as_it_is():
    settings = Settings(gate=Component(name="never"), filters=(Component(name="organise"),))
    assert suited(settings, "big", NOTHING) == (settings, ())
    asking = Settings(
        gate=Component(name="never"), filters=(Component(name="organise", answers=True),)
    )
    assert suited(asking, "big", NOTHING)[0].filters == ()


def test_a_whole_orchestrator_is_put_together_and_answers(some_parts):
    with ScriptedEndpoint([says("90 days")]) as endpoint:
        expert = load_remote(remote_settings(endpoint.url))
        one = assemble(Settings(), replace(some_parts, expert=expert))
        assert isinstance(one, RemoteOrchestrator)
        said = one.answer(["how often is the Larkspur valve calibrated"], Ask(retrieval="always"))[
            0
        ]
    assert (said.text, [c.passage_id for c in said.citations]) == ("90 days", ["valve#0"])
    told = [note.what for note in said.degraded if note.stage == "expert"]
    assert told == [
        "big shows no hidden states, logits, streams: its words are all there is",
        "the gate 'p_ik' reads hidden_states, logits: 'self_judgement_before' judges in its place",
    ]


def test_a_card_says_what_an_endpoint_is_without_asking_it():
    card = remote_card(own(price_prompt=0.5, tenants=("acme",), about="knows much"))
    assert (card.name, card.kind, card.model, card.abilities) == ("big", "remote", "m-1", NOTHING)
    assert (card.context_tokens, card.price_prompt) == (8192, 0.5)
    assert card.tenants == {"acme"}


def test_an_address_that_cannot_be_is_found_before_anything_is_asked():
    with pytest.raises(SettingsError, match="only http and https"):
        remote_card(own().model_copy(update={"url": "ftp://host.example/v1"}))
    with pytest.raises(SettingsError, match="it has no url"):
        load_remote(own().model_copy(update={"url": None}))


def test_a_key_among_the_settings_is_refused(tmp_path):
    file = tmp_path / "s.toml"
    text = f"""
[[experts]]
name = "big"
model = "m-1"
url = "{URL}"
[experts.remote]
key = "sk-secret"
"""
    file.write_text(text)
    with pytest.raises(SettingsError, match="no setting is called") as caught:
        load_settings(file, environment={})
    assert "sk-secret" not in str(caught.value)
    file.write_text(text.replace('key = "sk-secret"', 'key_env = "BIG_KEY"'))
    assert load_settings(file, environment={}).experts[0].remote.key_env == "BIG_KEY"
