"""The page over a bundled model: every part of an answer, with real words and real figures."""

from __future__ import annotations

import pytest
from browsers import Watched, assert_accessible
from live_service import serving
from real_house import VALVE, real_house

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    orchestrator = real_house(tmp_path_factory.mktemp("real"))
    with serving(lambda: orchestrator) as base:
        yield base


def test_a_real_answer_is_shown_with_everything_behind_it(browser, url):
    context = browser.new_context(base_url=url)
    page = context.new_page()
    page.set_default_timeout(120_000)
    watched = Watched(page, url)
    page.goto("/")
    page.get_by_label("Look things up").select_option("always")
    page.get_by_label("Question").fill(VALVE)
    page.keyboard.press("Enter")
    answer = page.get_by_role("region", name="Answer", exact=True)
    answer.wait_for()
    assert "90" in answer.inner_text()
    assert answer.locator(".tokens [data-kind]").count() >= 1
    answer.locator(".tokens [data-kind]").first.hover()
    assert "nats" in answer.locator(".about").inner_text()
    assert page.locator(".dial").is_visible()
    assert "night shift" in page.get_by_role("region", name="Passages").inner_text()
    assert_accessible(page)
    page.goto("/#/gates")
    page.locator(".chart").first.wait_for()
    page.get_by_label("Threshold: below it").fill("0")
    page.get_by_text("0 would be looked up").wait_for()
    # A service that keeps nothing has no feedback and no traces, and says so.
    assert page.get_by_text("This service keeps no feedback.").is_visible()
    context.close()
    assert watched.elsewhere == []
    assert all("404" in error for error in watched.errors)
