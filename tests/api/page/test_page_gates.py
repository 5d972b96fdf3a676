"""The view of gates in a real browser: figures of three kinds, a threshold, and what went wrong."""

from __future__ import annotations

import pytest
from browsers import assert_accessible
from page_service import house

from rag_router.eval.kept_evaluations import Evaluated, keep_evaluation

FRANCE = "What is the capital of France?"

# 0.1 and 0.3 are looked up at 0.5: one of them memory had right, and looking up loses none.
EVALUATED = Evaluated(
    source="questions.jsonl",
    gate="confidence",
    p_know=(0.1, 0.3, 0.7, 0.9),
    retrieved=(True, True, False, False),
    never=(False, True, False, True),
    always=(True, True, True, False),
)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gates")
    with house(folder, gate={"name": "confidence", "threshold": 0.5}) as running:
        running.home = folder / "home"
        yield running


def opened(page):
    page.goto("/#/gates")
    gate = page.get_by_role("region", name="The gate in use")
    gate.wait_for()
    return gate


def test_a_gate_of_which_nothing_is_known_says_what_would_tell(watched):
    gate = opened(watched.page)
    gate.get_by_text("nobody has found out yet").first.wait_for()
    gate.get_by_text("rag-router eval answers").first.wait_for()
    watched.page.get_by_text("Nothing has been asked yet.").wait_for()
    assert gate.locator(".chart").count() == 0
    assert_accessible(watched.page)


def test_a_threshold_tells_what_it_would_cost(watched, running):
    keep_evaluation(running.home, "scripted", EVALUATED)
    page = watched.page
    gate = opened(page)
    gate.locator(".chart").first.wait_for()
    said = gate.get_by_role("status")
    # 2 of 4 looked up, 1 of them for nothing; 1 of 4 wrong from memory; 3 of 4 right in all.
    assert "50 would be looked up, 25 of them for nothing" in said.inner_text()
    assert "25 would be answered wrongly from memory" in said.inner_text()
    assert "In all, 75 would be right; with nothing looked up 50" in said.inner_text()
    assert "with everything 75" in said.inner_text()
    assert "That is as it is set." in said.inner_text()
    slider = gate.get_by_label("Threshold: below it, things are looked up")
    slider.fill("0.8")
    # The third is looked up, too, and comes out right: all four are.
    assert "75 would be looked up" in said.inner_text()
    assert "In all, 100 would be right" in said.inner_text()
    assert "25 more looked up, 25 fewer wrong from memory, 25 more right in all" in (
        said.inner_text()
    )
    slider.focus()
    page.keyboard.press("Home")
    assert "0 would be looked up, 0 of them" in said.inner_text()
    assert "chance alone" in gate.inner_text()
    titles = gate.locator("figcaption").all_inner_texts()
    assert [title.split(":")[0].split(" and ")[0] for title in titles] == [
        "Accuracy against retrieval rate",
        "Risk",
        "Reliability",
    ]
    assert_accessible(page)


def test_answers_are_found_by_what_went_wrong(watched, running):
    page = watched.page
    page.goto("/")
    page.get_by_role("group", name="Look in").wait_for()
    page.get_by_label("Question").fill(FRANCE)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_role("button", name="Wrong", exact=True).click()
    page.get_by_text("the gate can learn from that").wait_for()
    gate = opened(page)
    # What people said is a record of its own.
    by = gate.get_by_label("Judged by")
    by.wait_for()
    kinds = by.locator("option").all_inner_texts()
    by.select_option(str(next(n for n, kind in enumerate(kinds) if kind.startswith("what"))))
    gate.get_by_text("nobody tried").first.wait_for()
    given = page.get_by_role("region", name="Answers that were given")
    shown = given.get_by_label("Show", exact=True)
    shown.select_option("hindsight=too_sure")
    given.get_by_role("link", name=FRANCE).wait_for()
    shown.select_option("hindsight=too_unsure")
    given.get_by_text("None that is known of").wait_for()
    for kind in ("hindsight=unchanged", "conflict", "reason=disagreement", "abstained=true"):
        shown.select_option(kind)
        given.get_by_text("There are none.").wait_for()
