"""A document that was acknowledged is indexed, though the process is killed before it could be."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kept_service import keeping
from said import done, given

KILLED = Path(__file__).parent / "killed_service.py"


MOMENTS = ("before", "reading", "publishing", "published")


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder for each moment, with the home that a service left behind when it was killed."""
    folder = tmp_path_factory.mktemp("killed")
    ran = subprocess.run(
        [sys.executable, str(KILLED), str(folder), *MOMENTS],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.stdout.splitlines() == [f"{one} {-signal.SIGKILL}" for one in MOMENTS], ran.stderr
    return folder


@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_that_was_acknowledged_is_lost(killed, moment):
    lines = (killed / moment / "acknowledged.jsonl").read_text().splitlines()
    accepted = [json.loads(line) for line in lines]
    assert [one["document"]["name"] for one in accepted] == ["one.txt", "two.txt"]
    with keeping(killed / moment) as client:
        for one in accepted:
            job = done(client, one["job"]["id"])
            # Before it was begun there was nothing to begin again.
            assert (job["state"], job["attempts"]) == ("done", 1 + (moment != "before"))
            document = given(client.get(f"/v1/documents/{one['document']['id']}"))
            assert (document["state"], document["passages"]) == ("indexed", 1)
        asked = {"question": "What is one?", "retrieval": "always", "indexes": ["kept"]}
        (answer,) = given(client.post("/v1/answer", json=asked))["answers"]
        assert {p["id"] for p in answer["passages"]} == {"one.txt#0", "two.txt#0"}
        uploads = client.app.state.service.resources.uploads.folder
        assert [path for path in uploads.iterdir() if path.name.startswith("job_")] == []
