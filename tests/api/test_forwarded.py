"""For whom a frontend asks: believed where its key is trusted, and nowhere else."""

from __future__ import annotations

import base64
import hmac
import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from rag_router.api.forwarded import user_of
from rag_router.errors import UsageError

SECRET = "ab" * 32
NOW = 1_000_000.0
CLAIMS = {"sub": "user-7", "email": "eve@example.org", "role": "admin", "exp": NOW + 60}


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def token(claims=CLAIMS, *, secret=SECRET, head=None):
    signed = f"{part(head or {'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    digest = hmac.digest(secret.encode(), signed.encode(), sha256)
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def user(forwards, *headers):
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    return user_of(Headers(raw=raw), forwards, SECRET, now=NOW)


OPENWEBUI = ("X-OpenWebUI-User-Id", "user-7")
LIBRECHAT = ("X-LibreChat-User-Id", "64f0c1")


def signed(claims=CLAIMS, **more):
    return ("X-OpenWebUI-User-Jwt", token(claims, **more))


def test_from_a_key_that_is_not_trusted_nobody_is_named():
    assert user("no", OPENWEBUI, LIBRECHAT, signed()) == ""


def test_a_plain_header_names_a_user():
    assert user("plain", OPENWEBUI) == "user-7"
    assert user("plain", LIBRECHAT) == "64f0c1"
    assert user("plain") == ""


def test_who_must_sign_is_believed_nothing_else():
    assert user("signed", signed()) == "user-7"
    assert user("signed", OPENWEBUI) == ""
    assert user("signed", OPENWEBUI, signed({**CLAIMS, "sub": "user-8"})) == "user-8"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (signed(secret="cd" * 32), "signature is wrong"),
        (signed(head={"alg": "none"}), "not signed with HS256"),
        (signed(head={"alg": "HS512"}), "not signed with HS256"),
        (signed({**CLAIMS, "exp": NOW - 61}), "time has passed"),
        (signed({"sub": "user-7"}), "says no time"),
        (signed({**CLAIMS, "exp": "tomorrow"}), "says no time"),
        (signed({**CLAIMS, "nbf": NOW + 61}), "time has not come"),
        (signed({**CLAIMS, "sub": 7}), "holds no id"),
        (signed({**CLAIMS, "sub": "a b"}), "holds no id"),
        (signed(["sub"]), "it is no token"),
        (("X-OpenWebUI-User-Jwt", "a.b"), "it is no token"),
        (("X-OpenWebUI-User-Jwt", "a.b.c"), "it is no token"),
        (("X-OpenWebUI-User-Jwt", "." * 9000), "it is no token"),
    ],
)
def test_a_forged_or_broken_token_is_refused(sent, why):
    with pytest.raises(UsageError, match=why):
        user("signed", sent)


def test_clocks_may_differ_by_a_minute():
    assert user("signed", signed({**CLAIMS, "exp": NOW - 60})) == "user-7"
    assert user("signed", signed({**CLAIMS, "nbf": NOW + 60})) == "user-7"


def test_a_token_whose_claims_were_changed_is_refused():
    head, _, digest = token().split(".")
    with pytest.raises(UsageError, match="signature is wrong"):
        user("signed", ("X-OpenWebUI-User-Jwt", f"{head}.{part({**CLAIMS, 'sub': 'x'})}.{digest}"))


def test_two_names_are_one_too_many():
    for forwards, headers in (
        ("plain", [OPENWEBUI, LIBRECHAT]),
        ("plain", [OPENWEBUI, OPENWEBUI]),
        ("signed", [signed(), signed()]),
    ):
        with pytest.raises(UsageError, match="several headers"):
            user(forwards, *headers)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_whatever_stands_in_the_header_is_no_crash(text):
    try:
        found = user("signed", ("X-OpenWebUI-User-Jwt", text))
    except UsageError:
        return
    assert found == ""
