"""The server's secret: made once, for nobody to read, and never told."""

from __future__ import annotations

import hmac
import pickle
import stat
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from rag_router.errors import SettingsError, UnavailableError
from rag_router.store.server_secret import ServerSecret, server_secret

TEXT = "0123456789abcdef0123456789abcdef"


def test_the_first_who_asks_makes_it_for_the_owner_alone(tmp_path):
    home = tmp_path / "home"
    one = server_secret(home)
    file = home / ".server-secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    # 256 bits, in hexadecimal digits.
    assert len(bytes.fromhex(file.read_text().strip())) == 32
    assert one.derived("keys") == server_secret(home).derived("keys")
    assert [path.name for path in home.iterdir()] == [".server-secret"]


def test_of_many_that_make_it_at_once_all_get_the_same(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: server_secret(tmp_path).derived("keys"), range(16)))
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [".server-secret"]


def test_what_is_derived_is_an_hmac_of_its_purpose():
    # Each part of a purpose has its length before it, so that ("ab", "c") is not ("a", "bc").
    said = (4).to_bytes(8, "big") + b"keys" + b"\x01"
    secret = ServerSecret(TEXT)
    assert secret.derived("keys") == hmac.digest(TEXT.encode(), said, sha256)
    assert secret.derived("ab", "c") != secret.derived("a", "bc")
    right = hmac.new(secret.derived("keys"), b"text", sha256).hexdigest()
    assert secret.digest("keys", "text") == right


def test_a_variable_or_a_file_may_hold_it(tmp_path):
    file = tmp_path / "secret"
    file.write_text(f"{TEXT}\n", encoding="ascii")
    wanted = ServerSecret(TEXT).derived("keys")
    assert server_secret(tmp_path / "home", file=file).derived("keys") == wanted
    given = {"SECRET": TEXT}
    found = server_secret(tmp_path / "home", variable="SECRET", environment=given)
    assert found.derived("keys") == wanted
    assert not (tmp_path / "home").exists()
    with pytest.raises(SettingsError, match="both secret_env and secret_file"):
        server_secret(tmp_path, variable="SECRET", file=file)


@pytest.mark.parametrize("held", ["", "short", "é" * 40, "a" * 31, "with a \x07 bell" + TEXT])
def test_what_is_no_secret_is_refused_and_not_shown(tmp_path, held):
    file = tmp_path / "secret"
    file.write_text(held, encoding="utf-8")
    with pytest.raises(SettingsError) as said:
        server_secret(tmp_path, file=file)
    assert not held or held not in str(said.value)


def test_where_it_cannot_be_made_that_is_said(tmp_path):
    (tmp_path / "home").write_text("a file is no folder", encoding="ascii")
    with pytest.raises((UnavailableError, SettingsError), match="secret of the service cannot be"):
        server_secret(tmp_path / "home")


def test_it_is_shown_and_copied_nowhere():
    secret = ServerSecret(TEXT)
    assert TEXT not in f"{secret} {secret!r}"
    with pytest.raises(TypeError, match="cannot be copied"):
        pickle.dumps(secret)
