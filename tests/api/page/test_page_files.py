from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from little_house import parts

from rag_router.api import page
from rag_router.api.app import create_app
from rag_router.api.page import POLICY, page_files
from rag_router.assembly import assemble
from rag_router.models.remote_keys import Key
from rag_router.settings import Settings

STATIC = Path(page.__file__).parent / "static"


def app(folder, **more):
    made = parts(folder)
    return create_app(lambda: assemble(Settings(home=folder / "home"), made), **more)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with TestClient(app(tmp_path_factory.mktemp("files"))) as client:
        yield client


def test_the_page_and_its_files_are_served_under_a_strict_policy(client):
    for path in ("/", *(f"/page/{name}" for name in page_files())):
        response = client.get(path)
        assert response.status_code == 200
        assert response.headers["content-security-policy"] == POLICY
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in POLICY
    assert "unsafe" not in POLICY
    assert client.get("/page/main.js").headers["content-type"] == "text/javascript; charset=utf-8"


def test_a_file_that_did_not_change_is_not_sent_again(client):
    tag = client.get("/page/page.css").headers["etag"]
    again = client.get("/page/page.css", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["nothing.js", "..%2F__init__.py", "%2e%2e", "__init__.py"])
def test_nothing_but_the_files_of_the_page_is_served(client, name):
    assert client.get(f"/page/{name}").status_code == 404


def test_all_files_together_stay_below_250_kilobytes():
    assert sum(len(file.body) for file in page_files().values()) <= 250_000
    assert {path.name for path in STATIC.iterdir()} == set(page_files())


def test_no_file_names_another_host_or_writes_markup():
    for name, file in page_files().items():
        text = file.body.decode("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|innerHTML|outerHTML|insertAdjacentHTML|eval\(", text), name
        assert name.endswith(".svg") or not re.search(r"\sstyle=|<style|\son\w+=\"", text), name


def test_a_service_with_a_key_shows_its_page_and_nothing_else(tmp_path):
    with TestClient(app(tmp_path, key=Key("a-key-of-sixteen-or-more"))) as client:
        assert client.get("/").status_code == 200
        assert client.get("/page/main.js").status_code == 200
        assert client.get("/v1/experts").status_code == 401
