from __future__ import annotations

import pytest

from rag_router.decoders import DECODERS
from rag_router.decoders.requirements import abilities_of, decoders_that, require_abilities
from rag_router.errors import SettingsError

EVERYTHING = frozenset({"logits", "streams", "hidden_states"})


def needs(name):
    return abilities_of(DECODERS.build(name))


def test_reading_the_passages_as_they_are_asks_for_nothing():
    assert needs("plain") == frozenset()


@pytest.mark.parametrize("name", ["context_aware", "confidence_gain", "abstaining"])
def test_weighing_streams_asks_for_their_logits(name):
    assert needs(name) == {"logits", "streams"}


def test_looking_at_layers_asks_for_them():
    assert needs("layer_fused") == {"logits", "hidden_states"}


@pytest.mark.parametrize("name", list(DECODERS))
def test_no_decoder_is_refused_where_everything_is_shown(name):
    require_abilities(DECODERS.build(name), EVERYTHING, name=name, expert="tiny")


@pytest.mark.parametrize(
    ("name", "shown", "lacking"),
    [
        ("context_aware", set(), "logits, streams"),
        ("context_aware", {"logits"}, "streams"),
        ("layer_fused", {"logits", "streams"}, "hidden_states"),
    ],
)
def test_what_is_lacking_is_named_with_the_decoders_that_would_do(name, shown, lacking):
    with pytest.raises(SettingsError) as caught:
        require_abilities(DECODERS.build(name), frozenset(shown), name=name, expert="far away")
    assert caught.value.message == (
        f"the decoder {name!r} reads {lacking}, which far away does not show."
    )
    assert "plain" in caught.value.hint
    assert name not in caught.value.hint.removeprefix("Decoders that would do: ").split(", ")


def test_decoders_are_found_by_what_they_do():
    found = decoders_that(lambda one: "abstain" in one.streams)
    assert found == ["abstaining", "abstaining_momentum"]
