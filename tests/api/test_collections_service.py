from __future__ import annotations

import pytest
from said import given, problem


def test_indexes_of_the_command_line_are_collections(client):
    found = {one["name"]: one for one in given(client.get("/v1/collections"))["items"]}
    assert {"handbook", "towns"} <= set(found)
    assert (found["towns"]["documents"], found["towns"]["passages"]) == (1, 1)
    assert found["towns"]["problem"] == ""


def test_a_new_collection_is_there_and_empty(client):
    made = given(client.post("/v1/collections", json={"name": "new", "about": "Things."}), 201)
    assert (made["name"], made["about"], made["documents"], made["generation"]) == (
        ("new", "Things.", 0, 0)
    )
    assert given(client.get("/v1/collections/new")) == made


@pytest.mark.parametrize("name", ["towns", "twice"])
def test_a_name_is_given_once(client, name):
    if name == "twice":
        given(client.post("/v1/collections", json={"name": name}), 201)
    told = problem(client.post("/v1/collections", json={"name": name}), 409)
    assert told["detail"] == f"there is a collection named {name!r} already."
    assert told["type"] == "urn:rag-router:problem:conflict"


@pytest.mark.parametrize(
    "name", ["", "..", "../x", "a/b", "A", "ä", ".hidden", "a" * 65, "a\x00b", "a b", "-x"]
)
def test_a_name_that_could_lead_elsewhere_is_refused(client, name):
    told = problem(client.post("/v1/collections", json={"name": name}), 422)
    assert "cannot be the name of a collection" in told["detail"]


@pytest.mark.parametrize("body", [{}, {"name": 5}, {"name": "x", "colour": "red"}, [], "x"])
def test_a_body_that_is_no_collection_is_refused(client, body):
    problem(client.post("/v1/collections", json=body), 422)


def test_a_body_that_is_no_text_is_refused(client):
    headers = {"content-type": "application/json"}
    problem(client.post("/v1/collections", content=b'{"name": "\xff"}', headers=headers), 400)


def test_an_unknown_collection_is_told_with_the_one_that_was_meant(client):
    told = problem(client.get("/v1/collections/handbok"), 404)
    assert told["hint"] == "Did you mean 'handbook'?"


def test_pages_do_not_change_while_collections_are_added(client):
    for number in range(5):
        given(client.post("/v1/collections", json={"name": f"page{number}"}), 201)
    first = given(client.get("/v1/collections", params={"limit": 2}))
    assert [one["name"] for one in first["items"]] == ["page4", "page3"]
    given(client.post("/v1/collections", json={"name": "page5"}), 201)
    asked = {"limit": 2, "cursor": first["next"]}
    second = given(client.get("/v1/collections", params=asked))
    assert [one["name"] for one in second["items"]] == ["page2", "page1"]
    rest = given(client.get("/v1/collections", params={"cursor": second["next"]}))
    assert rest["items"][0]["name"] == "page0"
    assert rest["next"] is None


@pytest.mark.parametrize("cursor", ["x", "", "ä", "am9iczo1", "Y29sbGVjdGlvbnM6NQ==", "a" * 200])
def test_a_cursor_of_another_list_or_of_none_is_refused(client, cursor):
    # The third last says "jobs:5", the second last "collections:5" with the padding left on.
    told = problem(client.get("/v1/collections", params={"cursor": cursor}), 422)
    assert "no cursor of this list" in told["detail"]


@pytest.mark.parametrize("limit", [0, -1, 201, "many"])
def test_a_page_has_one_to_two_hundred_entries(client, limit):
    problem(client.get("/v1/collections", params={"limit": limit}), 422)


def test_the_same_key_makes_one_collection_and_tells_of_it_twice(client):
    headers = {"Idempotency-Key": "make-keyed"}
    first = client.post("/v1/collections", json={"name": "keyed"}, headers=headers)
    again = client.post("/v1/collections", json={"name": "keyed"}, headers=headers)
    assert given(first, 201) == given(again, 201)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"


def test_a_key_is_not_taken_for_another_request(client):
    headers = {"Idempotency-Key": "other"}
    given(client.post("/v1/collections", json={"name": "one"}, headers=headers), 201)
    told = problem(client.post("/v1/collections", json={"name": "two"}, headers=headers), 422)
    assert "given to another request before" in told["detail"]
    problem(client.get("/v1/collections/two"), 404)


def test_what_was_refused_may_be_tried_again_with_its_key(client):
    headers = {"Idempotency-Key": "refused"}
    problem(client.post("/v1/collections", json={"name": "NO"}, headers=headers), 422)
    given(client.post("/v1/collections", json={"name": "yes"}, headers=headers), 201)
