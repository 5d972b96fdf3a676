"""Cards of experts: who may use one, and what it says of itself."""

from __future__ import annotations

from rag_router.experts import Card

SMALL = Card(name="small", kind="local", model="smollm2", abilities=frozenset({"logits"}))
OWNED = Card(
    name="law",
    kind="adapter",
    model="smollm2",
    abilities=frozenset({"logits", "adapters"}),
    price_prompt=0.25,
    licence="apache-2.0",
    tenants=frozenset({"b", "a"}),
    about="statutes",
)


def test_an_expert_without_tenants_is_open_to_everybody():
    assert SMALL.open_to(None)
    assert SMALL.open_to("anyone")


def test_an_expert_of_tenants_is_open_to_them_alone():
    assert OWNED.open_to("a")
    assert not OWNED.open_to("c")
    assert not OWNED.open_to(None)


def test_what_nobody_said_is_left_out_of_the_json_form():
    assert SMALL.to_json() == {
        "name": "small",
        "kind": "local",
        "model": "smollm2",
        "abilities": ["logits"],
        "price_prompt": 0.0,
        "price_completion": 0.0,
    }


def test_what_was_said_stands_in_it_sorted():
    told = OWNED.to_json()
    assert told["abilities"] == ["adapters", "logits"]
    assert told["tenants"] == ["a", "b"]
    assert (told["licence"], told["about"], told["price_prompt"]) == (
        "apache-2.0",
        "statutes",
        0.25,
    )
