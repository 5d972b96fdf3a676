from __future__ import annotations

from said import given, problem


def test_a_search_tells_what_led_to_each_passage(client):
    body = {"query": "Larkspur calibration", "indexes": ["handbook"]}
    (hit,) = given(client.post("/v1/search", json=body))["hits"]
    assert (hit["id"], hit["index"], hit["page"]) == ("valve#0", "handbook", None)
    # "calibration" and "calibrated" have one stem.
    assert hit["terms"] == ["larkspur", "calibration"]
    assert {one["rank"] for one in hit["found_by"]} == {1}


def test_a_search_that_makes_no_sense_is_refused(client):
    problem(client.post("/v1/search", json={"query": " "}), 422)
    problem(client.post("/v1/search", json={"query": "valve", "indexes": ["nowhere"]}), 404)
    assert given(client.post("/v1/search", json={"query": "valve", "indexes": []})) == {"hits": []}
