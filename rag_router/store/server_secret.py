"""The secret that a service makes its digests with: known to its processes, and shown to nobody.

Whoever reads the database alone, or a copy of it, can neither forge a key nor try guesses. What
else has to be secret is derived from it, each thing by a purpose of its own (HKDF-Expand with one
block, Krawczyk and Eronen 2010, RFC 5869), so that none of them tells anything of another.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from rag_router.errors import SettingsError, UnavailableError

__all__ = ["ServerSecret", "server_secret"]

_FILE: Final = ".server-secret"
_LEAST: Final = 32
"""Characters of a secret, at least: 16 bytes, where it is written in hexadecimal digits."""
_LONGEST: Final = 8_192


class ServerSecret:
    """A secret that derives others, and cannot be printed.

    Args:
        text: The secret itself.
    """

    __slots__ = ("__root",)

    def __init__(self, text: str) -> None:
        self.__root = text.encode()

    def derived(self, *purpose: str) -> bytes:
        """Return 32 bytes that are secret, too, and the same for the same purpose."""
        said = b"".join(len(raw := part.encode()).to_bytes(8, "big") + raw for part in purpose)
        return hmac.digest(self.__root, said + b"\x01", sha256)

    def digest(self, purpose: str, text: str) -> str:
        """Return a digest that whoever has no secret can neither make nor compare: HMAC-SHA-256."""
        return hmac.new(self.derived(purpose), text.encode(), sha256).hexdigest()

    def __repr__(self) -> str:
        return "ServerSecret(***)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("the server's secret cannot be copied into a file.")


def server_secret(
    home: Path,
    *,
    variable: str | None = None,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> ServerSecret:
    """Read the secret, or make one where none was ever made.

    Args:
        home: The data folder; a file in it holds the secret where nothing else is named.
        variable: The environment variable that holds it.
        file: Another file that holds it.
        environment: Defaults to the process's.

    Raises:
        SettingsError: both are named, or what is there is no secret; none of it is shown.
        UnavailableError: the file in the home can be neither read nor made.
    """
    if variable is not None and file is not None:
        raise SettingsError(
            "[keys] names both secret_env and secret_file.", hint="Name the one that holds it."
        )
    if variable is not None:
        given = os.environ if environment is None else environment
        return _checked(given.get(variable, ""), f"the environment variable {variable}")
    if file is not None:
        return _checked(_read(file.expanduser()), f"the file {file}")
    own = home / _FILE
    return _checked(_own(own), f"the file {own}")


def _own(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        _make(path)
        return _read(path)
    except (OSError, UnicodeDecodeError):
        return _read(path)


def _make(path: Path) -> None:
    """Write a new secret, whole or not at all; of two that do, one wins."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link is never put over what is there already.
            os.link(beside, path)
        except FileExistsError:
            pass
        finally:
            beside.unlink()
    except OSError as exc:
        raise UnavailableError(
            f"the secret of the service cannot be written to {path}: {exc.strerror}.",
            hint="Let this process write there, or name one in [keys]: secret_env or secret_file.",
        ) from exc


def _read(path: Path) -> str:
    try:
        with path.open(encoding="ascii") as lines:
            return lines.readline(_LONGEST + 2)
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not ASCII"
        raise SettingsError(
            f"the secret of the service cannot be read from {path}: {reason}.",
            hint="Name a file that holds it, and that this process may read.",
        ) from None


def _checked(text: str, where: str) -> ServerSecret:
    text = text.strip()
    if not _LEAST <= len(text) <= _LONGEST or not text.isascii() or not text.isprintable():
        raise SettingsError(
            f"{where} does not hold the secret of a service: it is one line of at least {_LEAST} "
            "printable ASCII characters.",
            hint="Make one: python -c 'import secrets; print(secrets.token_hex(32))'",
        )
    return ServerSecret(text)
