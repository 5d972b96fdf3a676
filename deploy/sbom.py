"""What the package is made of, as a software bill of materials in CycloneDX's JSON.

    python deploy/sbom.py build/sbom.cdx.json

It lists every pinned dependency by its package URL, with the hashes of `requirements.lock` where
it has some, and names no place that packages come from: that is for whoever installs them to say.
It needs cyclonedx-bom (`pip install 'rag-router[security]'`).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def main(to: Path) -> None:
    """Write the document; exit with 1 where the tool is not there."""
    if find_spec("cyclonedx_py") is None:
        sys.exit("cyclonedx-bom is not there; run: pip install 'rag-router[security]'")
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [
            *(sys.executable, "-m", "cyclonedx_py", "requirements"),
            *("--output-reproducible", "--of", "JSON", "--sv", "1.6"),
            *("--pyproject", str(ROOT / "pyproject.toml"), str(ROOT / "constraints.txt")),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    document = described(json.loads(done.stdout), (ROOT / "requirements.lock").read_text("utf-8"))
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def described(document: dict[str, Any], lock: str) -> dict[str, Any]:
    """Return a document without the places of packages, and with their hashes.

    Args:
        document: As the tool makes it.
        lock: Pins with hashes, as pip reads them.
    """
    hashes = hashes_of(lock)
    for tool in document.get("metadata", {}).get("tools", {}).get("components", []):
        tool.pop("externalReferences", None)
    for component in document["components"]:
        component.pop("externalReferences", None)
        component["description"] = f"{component['name']} {component['version']}"
        if known := hashes.get((_normal(component["name"]), component["version"])):
            component["hashes"] = [{"alg": "SHA-256", "content": one} for one in known]
    return document


def hashes_of(lock: str) -> dict[tuple[str, str], list[str]]:
    """Return the hashes of every file of each pinned version, by name and version."""
    found: dict[tuple[str, str], list[str]] = {}
    at: list[str] = []
    for line in lock.splitlines():
        if pin := re.match(r"([\w.-]+)(?:\[[\w,]+\])?==([\w.+!]+)", line):
            at = found.setdefault((_normal(pin[1]), pin[2]), [])
        at += re.findall(r"--hash=sha256:([0-9a-f]{64})", line)
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
