"""The page of services that are set up otherwise: with a key, a pool, a knob, or not yet ready."""

from __future__ import annotations

import threading

import pytest
from browsers import Watched, assert_accessible
from little_pool import FRANCE, RIVER, TWO, House
from page_service import Running, house

from rag_router.api.app import create_app

KEY = "a-key-of-sixteen-or-more"


@pytest.fixture
def opened(browser):
    """Open the page of a service; whatever it shows, it asks nobody else."""
    contexts = []

    def open_(running, path="/"):
        context = browser.new_context(base_url=running.url)
        page = context.new_page()
        page.set_default_timeout(60_000)
        watched = Watched(page, running.url)
        contexts.append((context, watched))
        page.goto(path)
        return watched

    yield open_
    for context, watched in contexts:
        context.close()
        assert watched.elsewhere == []
        assert watched.errors == []


def ask(page, question):
    page.get_by_label("Question").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()
    answer = page.get_by_role("region", name="Answer", exact=True)
    answer.wait_for()
    return answer


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A service with a key, whose decoder has a knob."""
    folder = tmp_path_factory.mktemp("locked")
    with house(folder, key=KEY, decoder={"name": "confidence_gain"}) as running:
        yield running


def unlock(watched, *keys):
    page = watched.page
    for key in keys:
        page.get_by_label("This service wants a key").fill(key)
        page.get_by_role("button", name="Use it").click()
    page.get_by_role("group", name="Look in").wait_for()
    # That a key was wanted stands on the console, and is no error of the page.
    assert all("401" in error for error in watched.errors)
    watched.errors.clear()
    return page


def test_a_service_with_a_key_asks_for_it_and_keeps_it_for_the_window(opened, locked):
    page = unlock(opened(locked), "not-the-key-at-all-no", KEY)
    assert page.get_by_label("This service wants a key").count() == 0
    assert "Paris" in ask(page, FRANCE).inner_text()
    page.reload()
    page.get_by_role("group", name="Look in").wait_for()
    assert KEY not in page.content()


def test_the_knob_between_memory_and_passages_is_sent_as_it_is_turned(opened, locked):
    page = unlock(opened(locked), KEY)
    page.get_by_label("Where they conflict, rely on").check()
    slider = page.get_by_label("Reliance, from memory to passages")
    slider.fill("0.9")
    assert slider.get_attribute("aria-valuetext") == "10 % memory"
    with page.expect_request("**/v1/answer") as sent:
        ask(page, FRANCE)
    # The slider runs to the passages, and the service counts towards memory.
    assert sent.value.post_data_json["reliance"] == 0.1


def test_a_knob_that_the_decoder_lacks_is_not_offered(opened, running):
    page = opened(running).page
    page.get_by_role("group", name="Look in").wait_for()
    assert page.get_by_label("Where they conflict, rely on").is_disabled()
    assert page.get_by_text("The decoder in use has no such knob").is_visible()


@pytest.fixture
def pooled(tmp_path):
    service = House(tmp_path).service(TWO)
    running = Running(lambda: create_app(lambda: service))
    yield running
    running.stop()


def test_an_expert_of_a_pool_can_be_chosen_and_it_is_told_why_one_won(opened, pooled):
    watched = opened(pooled)
    page = watched.page
    expert = page.get_by_label("Expert", exact=True)
    expert.wait_for()
    assert "Danube" in ask(page, RIVER).inner_text()
    considered = page.get_by_role("region", name="Knowledge").inner_text()
    assert "rivers won with 1.00, chosen by test." in considered
    assert "by a word" in considered
    expert.select_option("towns")
    assert "Paris" in ask(page, FRANCE).inner_text()
    assert_accessible(page)
    # A service that keeps nothing has no collections, which the browser calls an error.
    assert all("404" in error for error in watched.errors)
    watched.errors.clear()


def test_a_service_that_still_loads_says_so_without_an_error(opened, tmp_path):
    loaded = threading.Event()
    service = House(tmp_path).service(TWO)

    def load():
        loaded.wait(30)
        return service

    running = Running(lambda: create_app(load), wait=False)
    try:
        watched = opened(running)
        page = watched.page
        page.get_by_text("The models are being loaded").wait_for()
        loaded.set()
        page.get_by_text("The models are being loaded").wait_for(state="detached")
        # What nobody could tell before is asked again.
        page.get_by_label("Expert", exact=True).wait_for()
        assert not [error for error in watched.errors if "/health" in error]
        assert all("404" in error or "503" in error for error in watched.errors)
        watched.errors.clear()
    finally:
        loaded.set()
        running.stop()
