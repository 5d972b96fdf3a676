"""Who did what, shown and checked on the command line."""

from __future__ import annotations

import json

from sqlalchemy import text

from rag_router.api.resources import Resources
from rag_router.settings import Settings


def test_what_the_command_line_does_to_keys_is_written_down(run):
    code, out, _ = run("key", "add", "--tenant", "team", "--json")
    assert code == 0
    id_ = json.loads(out)["id"]
    assert run("key", "revoke", id_, "--json")[0] == 0
    code, out, _ = run("audit", "show", "--json", "--tenant", "team")
    lines = json.loads(out)
    assert [(line["action"], line["target"], line["key"]) for line in lines] == [
        ("key revoke", id_, "cli"),
        ("key add", id_, "cli"),
    ]
    code, out, _ = run("audit", "show", "--since", "2999-01-01", "--json")
    assert (code, json.loads(out)) == (0, [])
    code, out, _ = run("audit", "show")
    assert f"key add  {id_}" in out


def test_a_log_that_somebody_meddled_with_is_told_of_and_exits_with_three(run, tmp_path):
    for tenant in ("one", "two"):
        assert run("key", "add", "--tenant", tenant)[0] == 0
    code, out, _ = run("audit", "verify", "--json")
    told = json.loads(out)
    assert (code, told["lines"], told["last"], told["problems"]) == (0, 2, 2, [])
    assert run("audit", "verify", "--head", told["head"])[0] == 0
    code, _, err = run("audit", "verify", "--head", "0a" * 32)
    assert (code, "no line has the hash" in err) == (3, True)
    kept = Resources.open(Settings(home=tmp_path / "home"))
    with kept.database.writing() as session:
        session.execute(text("UPDATE audit SET tenant = 'three' WHERE number = 1"))
    kept.close()
    code, out, err = run("audit", "verify", "--json")
    assert code == 3
    assert json.loads(out)["problems"] == ["line 1 is not what was written"]
    assert "not as it was written: line 1 is not what was written." in err
