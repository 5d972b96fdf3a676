"""Keys over the wire: made once, checked at every request, taken back at once."""

from __future__ import annotations

import pytest
from kept_service import keeping
from said import VALVE, given, problem
from tenants import EVERYTHING, key_of, sending
from test_forwarded import token

from rag_router.api.scopes import WANTED, scope_of
from rag_router.store.keys import SCOPES

CHAT = {"model": "rag-router", "messages": [{"role": "user", "content": VALVE}]}
ASKED = {"question": VALVE}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with keeping(tmp_path_factory.mktemp("keys")) as client:
        # Before there is any key, everybody may do everything.
        given(client.post("/v1/answer", json=ASKED))
        yield client


@pytest.fixture(scope="module")
def admin(service):
    return sending(service, key_of(service, "default", sorted(SCOPES)))


def make(admin, **more):
    return given(admin.post("/v1/keys", json={"scopes": ["answer"]} | more), 201)


def test_once_there_is_a_key_nobody_comes_in_without(service, admin):
    told = problem(service.post("/v1/answer", json=ASKED), 401)
    assert told["detail"] == "the key is missing or wrong."
    for path in ("/v1/models", "/metrics", "/docs", "/openapi.json"):
        assert service.get(path).status_code == 401, path
    for path in ("/", "/health/live", "/health/ready"):
        assert service.get(path).status_code == 200, path
    given(admin.post("/v1/answer", json=ASKED))


def test_a_key_is_shown_when_it_is_made_and_never_again(admin):
    made = make(admin, tenant="acme", name="chat", days=1)
    assert made["key"].startswith(f"rr_{made['id']}_")
    assert (made["tenant"], made["scopes"], made["state"]) == ("acme", ["answer"], "open")
    shown = given(admin.get(f"/v1/keys/{made['id']}"))
    listed = admin.get("/v1/keys").text
    assert "key" not in shown
    assert made["key"] not in listed
    assert made["id"] in listed


def test_a_revoked_key_opens_nothing_from_the_next_request_on(service, admin):
    made = make(admin, tenant="acme")
    holder = sending(service, made["key"])
    given(holder.post("/v1/answer", json=ASKED))
    assert given(admin.delete(f"/v1/keys/{made['id']}"))["state"] == "revoked"
    problem(holder.post("/v1/answer", json=ASKED), 401)
    # Once more does no harm.
    assert given(admin.delete(f"/v1/keys/{made['id']}"))["state"] == "revoked"


def test_both_keys_open_while_one_is_exchanged(service, admin):
    old = make(admin, tenant="acme")
    new = given(admin.post(f"/v1/keys/{old['id']}/rotate", json={"grace_hours": 1}), 201)
    for one in (old, new):
        given(sending(service, one["key"]).post("/v1/answer", json=ASKED))
    assert given(admin.get(f"/v1/keys/{old['id']}"))["successor"] == new["id"]
    problem(admin.post(f"/v1/keys/{old['id']}/rotate", json={}), 409)
    again = given(admin.post(f"/v1/keys/{new['id']}/rotate", json={"grace_hours": 0}), 201)
    problem(sending(service, new["key"]).post("/v1/answer", json=ASKED), 401)
    given(sending(service, again["key"]).post("/v1/answer", json=ASKED))


@pytest.mark.parametrize("sent", ["rr_", "rr_0000000000000000_" + "a" * 43, "sk-anything", ""])
def test_what_was_never_made_is_no_key(service, admin, sent):
    problem(sending(service, sent).post("/v1/answer", json=ASKED), 401)


def test_of_two_keys_none_counts(service, admin):
    key = admin.headers["authorization"]
    both = [("authorization", key), ("authorization", key)]
    problem(service.post("/v1/answer", json=ASKED, headers=both), 401)


def test_what_a_key_may_not_do_is_said_with_what_it_would_need(service, admin):
    reader = sending(service, make(admin, tenant="acme", scopes=["read"])["key"])
    told = problem(reader.post("/v1/answer", json=ASKED), 403)
    assert told["detail"] == "this needs a key with the scope 'answer'."
    assert told["hint"] == "This one has read. Ask whoever made it."
    problem(reader.post("/v1/collections", json={"name": "x"}), 403)
    problem(reader.get("/v1/keys"), 403)
    problem(reader.get("/metrics"), 403)
    given(reader.get("/v1/collections"))
    problem(reader.get("/v1/nothing"), 404)


def test_clients_of_openai_are_told_in_their_words(service, admin):
    reader = sending(service, make(admin, tenant="acme", scopes=["read"])["key"])
    for answer in (reader.post("/v1/chat/completions", json=CHAT), reader.get("/v1/models")):
        assert answer.status_code == 403
        error = answer.json()["error"]
        assert (error["type"], error["code"]) == ("permission_error", "insufficient_scope")
        assert "scope 'answer'" in error["message"]


def test_an_admin_of_a_tenant_sees_to_the_keys_of_that_one(service, admin):
    own = sending(service, make(admin, tenant="acme", scopes=list(EVERYTHING))["key"])
    theirs = make(admin, tenant="globex")
    mine = make(own, scopes=["answer"])
    assert mine["tenant"] == "acme"
    assert {one["tenant"] for one in given(own.get("/v1/keys"))["items"]} == {"acme"}
    problem(own.post("/v1/keys", json={"tenant": "globex", "scopes": ["answer"]}), 403)
    problem(own.post("/v1/keys", json={"scopes": ["metrics"]}), 403)
    for id_ in (theirs["id"], "0" * 16):
        told = [
            problem(own.get(f"/v1/keys/{id_}"), 404),
            problem(own.delete(f"/v1/keys/{id_}"), 404),
            problem(own.post(f"/v1/keys/{id_}/rotate", json={}), 404),
        ]
        assert {one["detail"] for one in told} == {f"no key named {id_!r}."}


def test_a_key_can_make_none_that_may_do_more(service, admin):
    weak = sending(service, make(admin, scopes=["admin"])["key"])
    told = problem(weak.post("/v1/keys", json={"scopes": ["answer", "read"]}), 403)
    assert "this one lacks answer, read" in told["detail"]
    assert make(weak, scopes=["admin"])["scopes"] == ["admin"]


def test_every_endpoint_says_what_it_needs(service):
    there = set()
    for route in service.app.routes:
        for one in getattr(route, "effective_route_contexts", list)() or [route]:
            methods = set(getattr(one, "methods", ()) or ()) - {"HEAD"}
            there |= {f"{method} {getattr(one, 'path', '')}" for method in methods}
    unnamed = there - set(WANTED)
    # What is not named is for admins: nothing is let through because it was forgotten.
    assert {scope_of(*request.split(" ", 1)) for request in unnamed} == {"admin"}
    assert scope_of("HEAD", "/v1/models") == "answer"
    assert {"POST /v1/answer", "POST /v1/keys"} <= there
    assert "POST /v1/keys" in unnamed
    ordinary = ("/v1/answer", "/v1/chat", "/v1/documents", "/v1/traces", "/v1/gates")
    assert not [one for one in unnamed if one.split(" ")[1].startswith(ordinary)]


def trace_of(client, **headers):
    (answer,) = given(client.post("/v1/answer", json=ASKED, headers=headers))["answers"]
    return given(client.get(f"/v1/traces/{answer['trace']}"))


def test_a_user_is_named_by_a_key_that_is_trusted_with_it(service, admin):
    scopes = ["answer", "read"]
    header = {"X-OpenWebUI-User-Id": "user-7", "X-OpenWebUI-User-Role": "admin"}
    plain = make(admin, tenant="acme", scopes=scopes, forwards="plain")
    trace = trace_of(sending(service, plain["key"]), **header)
    assert (trace["user"], trace["key"], plain["user_secret"]) == ("user-7", plain["id"], None)
    silent = sending(service, make(admin, tenant="acme", scopes=scopes)["key"])
    assert trace_of(silent, **header)["user"] == ""


def test_a_signed_user_needs_the_secret_that_came_with_the_key(service, admin):
    made = make(admin, tenant="acme", scopes=["answer", "read"], forwards="signed")
    other = make(admin, tenant="acme", scopes=["answer", "read"], forwards="signed")
    holder = sending(service, made["key"])
    claims = {"sub": "user-7", "exp": 4_000_000_000}
    right = {"X-OpenWebUI-User-Jwt": token(claims, secret=made["user_secret"])}
    assert trace_of(holder, **right)["user"] == "user-7"
    wrong = {"X-OpenWebUI-User-Jwt": token(claims, secret=other["user_secret"])}
    told = problem(holder.post("/v1/answer", json=ASKED, headers=wrong), 422)
    assert "signature is wrong" in told["detail"]


def test_when_a_key_was_used_is_written_down(service, admin):
    made = make(admin, tenant="acme")
    given(sending(service, made["key"]).post("/v1/answer", json=ASKED))
    service.app.state.keyring.note()
    assert given(admin.get(f"/v1/keys/{made['id']}"))["used_at"] is not None


def test_erasing_the_last_tenant_that_has_keys_lets_nobody_in_without_one(tmp_path):
    with keeping(tmp_path) as service:
        holder = sending(service, key_of(service, "acme", ["admin", "answer"]))
        wanted = {"tenant": "acme", "confirm": "acme"}
        given(holder.post("/v1/erasures", json=wanted), 202)
        service.app.state.keyring.look_again()
        problem(holder.post("/v1/answer", json=ASKED), 401)
        problem(service.post("/v1/answer", json=ASKED), 401)
