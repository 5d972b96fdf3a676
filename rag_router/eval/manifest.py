"""What it takes to make a run again, without anything that should not be shown to others.

A report is sent around. Passwords and keys never reach it, and neither do folders: they tell who
ran it and where, and nobody else has them.
"""

from __future__ import annotations

import math
import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath, PureWindowsPath
from typing import Any, Final

from pydantic import BaseModel
from pydantic.types import SecretBytes, SecretStr

__all__ = ["manifest", "presentable"]

_PACKAGES: Final = {
    "rag_router": "rag-router",
    "torch": "torch",
    "transformers": "transformers",
    "numpy": "numpy",
    "faiss": "faiss-cpu",
    "sentence-transformers": "sentence-transformers",
    "langchain-core": "langchain-core",
    "sklearn": "scikit-learn",
}

# Words in a name that make it a secret. "tokens" is a number of them, "token" is one.
_SECRETS: Final = """
    key keys apikey secret secrets password passwords passwd passphrase token credential
    credentials auth authorization bearer cookie cookies headers dsn
"""
_SECRET: Final = frozenset(_SECRETS.split())
_WORDS: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_USER: Final = re.compile(r"(?<=://)[^/@\s]*@")
_QUERY: Final = re.compile(r"(?<=[a-z]://)([^\s?#]*)[?#]\S*")
# What begins like a path: of any system, of the settings, or in an address without a host.
_PATH: Final = re.compile(r"(path:|[a-z+]+:///|~|\.{0,2}[\\/]|[A-Za-z]:[\\/]).*")


def manifest(
    *,
    settings: BaseModel | Mapping[str, Any],
    models: Sequence[tuple[str, str]] = (),
    prompts: Mapping[str, str] | None = None,
    data: Sequence[tuple[str | os.PathLike[str], str, int]] = (),
    seeds: Mapping[str, int] | None = None,
    extra: Mapping[str, Any] | None = None,
    now: datetime | None = None,
    modules: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Describe a run as JSON data.

    Args:
        settings: Of the run; secrets are dropped.
        models: Name and fingerprint of every model that took part.
        prompts: Text of every prompt in full, by name.
        data: File, sha256 and number of rows of every data set; of the file, the name is kept.
        seeds: By what they are for.
        extra: Anything else; treated like the settings.
        now: When the run was made, with its time zone; by default, now.
        modules: Loaded modules, by default Python's; torch is asked for its devices only where
            somebody has loaded it already.
    """
    loaded = sys.modules if modules is None else modules
    made = (datetime.now(UTC) if now is None else now).astimezone(UTC)
    described = {
        "date": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "versions": _versions(),
        "machine": _machine(loaded),
        "models": [{"name": presentable(name), "fingerprint": mark} for name, mark in models],
        "prompts": dict(prompts or {}),
        "data": [
            {"file": _name(os.fspath(file)), "sha256": digest, "rows": rows}
            for file, digest, rows in data
        ],
        "seeds": dict(seeds or {}),
        "settings": presentable(settings),
    }
    return described | ({"extra": presentable(extra)} if extra else {})


def presentable(value: object) -> Any:
    """Return a value as JSON data without secrets and folders.

    Entries whose name says that they are secret are dropped, as are pydantic's secrets and users
    and queries of addresses. Of what is or begins like a path, only the last part stays. What
    JSON has no place for becomes its text.
    """
    if isinstance(value, BaseModel):
        # Not dict(value), which would take a field called "keys" for a method of mappings.
        return presentable(dict(iter(value)))
    if isinstance(value, Mapping):
        return {
            str(key): presentable(part)
            for key, part in value.items()
            if not _is_secret(str(key)) and not isinstance(part, SecretStr | SecretBytes)
        }
    if isinstance(value, list | tuple | set | frozenset):
        parts = [presentable(part) for part in value]
        return sorted(parts, key=str) if isinstance(value, set | frozenset) else parts
    if isinstance(value, bool | int | None) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return _text(value)


def _text(value: object) -> str:
    text = str(value)
    if isinstance(value, PurePath) or _PATH.fullmatch(text):
        return _name(text.removeprefix("path:"))
    return _QUERY.sub(r"\1", _USER.sub("", text))


def _is_secret(name: str) -> bool:
    return not _SECRET.isdisjoint(word.lower() for word in _WORDS.findall(name))


def _name(path: str) -> str:
    """The last part of a path of any system: Windows's rules know both kinds of slashes."""
    return PureWindowsPath(path).name


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name, package in _PACKAGES.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _machine(loaded: Mapping[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "platform": platform.platform(terse=True),
        "machine": platform.machine(),
    }
    if (cpus := os.cpu_count()) is not None:
        described["cpus"] = cpus
    if (memory := _memory_bytes()) is not None:
        described["memory_bytes"] = memory
    if devices := _devices(loaded.get("torch")):
        described["devices"] = devices
    return described


def _memory_bytes() -> int | None:
    """Memory of the machine; None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _devices(torch: Any) -> list[str]:
    if torch is None or not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(at) for at in range(torch.cuda.device_count())]
