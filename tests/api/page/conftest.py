"""One browser and one service for the tests of the page; skipped where there is no browser."""

from __future__ import annotations

import pytest
from browsers import CHROMIUM, Watched, browsing
from page_service import house


# Of each module anew: as long as Playwright runs, this thread counts as one with a running event
# loop, and other tests could not run theirs.
@pytest.fixture(scope="module")
def browser():
    pytest.importorskip("playwright")
    if CHROMIUM is None:
        pytest.skip("there is no chromium here: apt-get install chromium")
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    with house(tmp_path_factory.mktemp("page")) as running:
        yield running


@pytest.fixture
def watched(browser, running):
    """A fresh page of the service; whatever it shows, it makes no error and asks nobody else."""
    context = browser.new_context(base_url=running.url, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    seen = Watched(page, running.url)
    yield seen
    context.close()
    assert seen.elsewhere == []
    assert seen.errors == []
