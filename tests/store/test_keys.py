"""Keys: what is kept of them, and what nobody can make of that."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import ConflictError, SettingsError, UnknownNameError, UsageError
from rag_router.store.keys import (
    add_key,
    all_keys,
    checked_tenant,
    id_in,
    is_right,
    key,
    keys,
    keys_stamp,
    note_uses,
    revoke_key,
    rotate_key,
    scopes_of,
    state_of,
    user_secret,
)
from rag_router.store.server_secret import ServerSecret

SECRET = ServerSecret("of-a-server-that-is-there-for-tests")
OTHER = ServerSecret("of-another-server-that-is-there-too")
DAY = 86_400.0


def made(database, tenant="acme", now=0.0, **more):
    with database.writing() as session:
        return add_key(session, SECRET, tenant, now=now, **{"scopes": ["answer"]} | more)


def test_a_key_says_its_id_and_has_256_random_bits(database):
    one, other = made(database), made(database)
    prefix, id_, secret = one.text.split("_", 2)
    # 43 characters of base64 hold 258 bits, of which the last two say nothing.
    assert (prefix, id_, len(secret)) == ("rr", one.row.id, 43)
    assert id_in(one.text) == one.row.id
    assert one.text != other.text


def test_what_is_kept_holds_nothing_of_the_key(database):
    one = made(database, name="chat")
    row = one.row
    told = json.dumps({column.name: getattr(row, column.name) for column in row.__table__.columns})
    assert one.text.split("_", 2)[2] not in told
    assert one.text not in repr(one)
    # HMAC-SHA-256, in hexadecimal digits.
    assert len(bytes.fromhex(row.digest)) == 32


def test_a_key_is_right_for_its_own_digest_and_server_alone(database):
    one, other = made(database), made(database)
    assert is_right(one.text, one.row.digest, SECRET)
    assert not is_right(one.text, other.row.digest, SECRET)
    assert not is_right(one.text[:-1] + "A", one.row.digest, SECRET) or one.text.endswith("A")
    assert not is_right(one.text, one.row.digest, OTHER)


@given(st.text(max_size=90))
def test_whatever_is_sent_is_a_key_of_ours_or_none(text):
    found = id_in(text)
    assert found is None or text.startswith(f"rr_{found}_")


@pytest.mark.parametrize("name", ["", "Acme", "a/b", "../a", "a\n", "a" * 65, "-a", "é"])
def test_tenants_have_names_that_are_names(name):
    with pytest.raises(SettingsError, match="cannot be the name of a tenant"):
        checked_tenant(name)


def test_a_key_without_scopes_or_time_is_not_made(database):
    with pytest.raises(UsageError, match="opens nothing"):
        made(database, scopes=[])
    with pytest.raises(UsageError, match="end before it is made"):
        made(database, now=5.0, expires=5.0)
    with pytest.raises(UsageError, match="metrics are of the whole service"):
        made(database, scopes=["metrics"])
    assert made(database, tenant="default", scopes=["metrics"]).row.scopes == ["metrics"]


def test_tenants_see_their_own_keys_alone(database):
    mine, theirs = made(database, "acme").row, made(database, "globex").row
    with database.reading() as session:
        assert [row.id for row in keys(session, "acme", limit=9).rows] == [mine.id]
        assert [row.id for row in keys(session, None, limit=9).rows] == [theirs.id, mine.id]
        assert key(session, "acme", mine.id).id == mine.id
        with pytest.raises(UnknownNameError) as foreign:
            key(session, "acme", theirs.id)
        with pytest.raises(UnknownNameError) as nobodys:
            key(session, "acme", "0" * 16)
    told = str(foreign.value).replace(theirs.id, "ID")
    assert told == str(nobodys.value).replace("0" * 16, "ID")


def test_what_is_revoked_or_expired_opens_nothing(database):
    lasting, short, gone = made(database), made(database, expires=10.0), made(database)
    with database.writing() as session:
        revoke_key(key(session, None, gone.row.id), now=3.0)
        # A second time changes nothing.
        revoke_key(key(session, None, gone.row.id), now=4.0)
    with database.reading() as session:
        assert {row.id for row in all_keys(session, now=9.0)} == {lasting.row.id, short.row.id}
        assert {row.id for row in all_keys(session, now=10.0)} == {lasting.row.id}
        rows = [key(session, None, one.row.id) for one in (lasting, short, gone)]
    assert [state_of(row, now=10.0) for row in rows] == ["open", "expired", "revoked"]
    assert rows[2].revoked == 3.0


def test_an_exchanged_key_goes_on_for_as_long_as_was_said(database):
    one = made(database, scopes=["answer", "read"], name="chat", expires=30 * DAY)
    with database.writing() as session:
        row = key(session, "acme", one.row.id)
        new = rotate_key(session, SECRET, row, grace_s=DAY, now=10 * DAY)
    # Until day 11; the new one lasts as long as this one was to: 30 days from day 10.
    assert (row.expires, new.row.expires) == (11 * DAY, 40 * DAY)
    assert (row.successor, new.row.name, new.row.tenant) == (new.row.id, "chat", "acme")
    assert scopes_of(new.row) == {"answer", "read"}
    with database.writing() as session, pytest.raises(ConflictError, match="exchanged"):
        rotate_key(session, SECRET, key(session, None, one.row.id), grace_s=0, now=10 * DAY)


def test_grace_makes_no_key_last_longer(database):
    one = made(database, expires=2 * DAY)
    with database.writing() as session:
        row = key(session, None, one.row.id)
        rotate_key(session, SECRET, row, grace_s=9 * DAY, now=DAY)
    assert row.expires == 2 * DAY
    with database.writing() as session, pytest.raises(ConflictError, match="has ended"):
        rotate_key(session, SECRET, key(session, None, one.row.id), grace_s=0, now=3 * DAY)


def test_every_change_shows_even_when_the_clock_is_set_back(database):
    def stamp():
        with database.reading() as session:
            return keys_stamp(session)

    seen = [stamp()]
    assert seen[0][0] == 0
    one = made(database, now=100.0)
    seen.append(stamp())
    with database.writing() as session:
        rotate_key(session, SECRET, key(session, None, one.row.id), grace_s=9, now=50.0)
    seen.append(stamp())
    with database.writing() as session:
        revoke_key(key(session, None, one.row.id), now=1.0)
    seen.append(stamp())
    assert len(set(seen)) == 4


def test_the_last_use_never_goes_back(database):
    one = made(database)
    for when in (5.0, 3.0):
        with database.writing() as session:
            note_uses(session, {one.row.id: when})
    with database.reading() as session:
        assert key(session, None, one.row.id).used == 5.0


def test_what_users_are_signed_with_is_of_one_key(database):
    one, other = made(database).row.id, made(database).row.id
    assert user_secret(SECRET, one) == user_secret(SECRET, one)
    assert len({user_secret(SECRET, one), user_secret(SECRET, other), user_secret(OTHER, one)}) == 3
