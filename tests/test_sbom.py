from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

spec = spec_from_file_location("sbom", Path(__file__).parents[1] / "deploy" / "sbom.py")
sbom = module_from_spec(spec)
spec.loader.exec_module(sbom)

ONE, TWO = "1" * 64, "2" * 64
LOCK = f"""\
torch==2.13.0 \\
    --hash=sha256:{ONE} \\
    --hash=sha256:{TWO}
uvicorn[standard]==0.54.0 ; sys_platform == 'linux' \\
    --hash=sha256:{TWO}
"""


def test_hashes_are_found_by_name_and_version():
    assert sbom.hashes_of(LOCK) == {
        ("torch", "2.13.0"): [ONE, TWO],
        ("uvicorn", "0.54.0"): [TWO],
    }


def test_components_have_their_hashes_and_no_places():
    made = {
        "metadata": {"tools": {"components": [{"name": "t", "externalReferences": [{}]}]}},
        "components": [
            {
                "name": "Torch",
                "version": "2.13.0",
                "description": "requirements line 1",
                "externalReferences": [{"url": "somewhere"}],
            },
            {"name": "other", "version": "1"},
        ],
    }
    assert sbom.described(made, LOCK) == {
        "metadata": {"tools": {"components": [{"name": "t"}]}},
        "components": [
            {
                "name": "Torch",
                "version": "2.13.0",
                "description": "Torch 2.13.0",
                "hashes": [
                    {"alg": "SHA-256", "content": ONE},
                    {"alg": "SHA-256", "content": TWO},
                ],
            },
            {"name": "other", "version": "1", "description": "other 1"},
        ],
    }


def test_the_hashed_pins_are_read_as_what_they_are():
    lock = (Path(__file__).parents[1] / "requirements.lock").read_text(encoding="utf-8")
    hashes = sbom.hashes_of(lock)
    assert {name for name, _ in hashes} >= {"torch", "transformers", "fastapi", "psycopg"}
    assert all(hashes.values())
