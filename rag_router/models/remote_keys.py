"""Keys of endpoints: read where they are needed, and shown nowhere.

A key is in the environment or in a file of its own, never among the settings, which are copied,
printed and kept under version control.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rag_router.errors import SettingsError

__all__ = ["Key", "load_key"]

_HIDDEN: Final = "***"
_LONGEST: Final = 8_192


class Key:
    """A secret that can be sent, and cannot be printed.

    Args:
        text: The secret itself.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def headers(self) -> dict[str, str]:
        """Return the headers that it is sent with."""
        return {"Authorization": f"Bearer {self.__text}"}

    def hidden_in(self, text: str) -> str:
        """Return a text without the key, for messages: endpoints quote what they refuse."""
        return text.replace(self.__text, _HIDDEN)

    def __repr__(self) -> str:
        return f"Key({_HIDDEN})"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a key cannot be copied into a file.")


def load_key(
    *,
    variable: str | None,
    file: Path | None,
    name: str,
    environment: Mapping[str, str] | None = None,
) -> Key | None:
    """Read a key, if there is to be one.

    Args:
        variable: The environment variable that holds it.
        file: The file that does; the first line counts.
        name: Of the expert, for messages.
        environment: Defaults to the process's.

    Raises:
        SettingsError: both are named, or there is nothing where it should be, or what is there
            cannot be sent; none of it is shown.
    """
    if variable is None and file is None:
        return None
    if variable is not None and file is not None:
        raise SettingsError(
            f"{name} names both key_env and key_file.", hint="Name the one that holds the key."
        )
    if variable is not None:
        where = f"the environment variable {variable}"
        text = (os.environ if environment is None else environment).get(variable, "")
    else:
        assert file is not None
        where = f"the file {file}"
        text = _first_line(file, name)
    text = text.strip()
    if not text:
        raise SettingsError(
            f"{name} has no key: {where} holds nothing.",
            hint="Put the key there, or leave key_env and key_file out where none is asked for.",
        )
    # Whatever could end a header line would let the rest of it be a header of its own.
    if len(text) > _LONGEST or not text.isascii() or not text.isprintable():
        raise SettingsError(
            f"{where} does not hold a key: a key is one line of printable ASCII characters.",
            hint="Put the key there, and nothing else.",
        )
    return Key(text)


def _first_line(file: Path, name: str) -> str:
    try:
        with file.expanduser().open(encoding="utf-8") as lines:
            return lines.readline(_LONGEST + 2)
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not text"
        raise SettingsError(
            f"the key of {name} cannot be read from {file}: {reason}.",
            hint="Name a file that holds the key, and that this process may read.",
        ) from None
