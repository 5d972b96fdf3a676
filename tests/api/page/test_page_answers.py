"""What an answer shows in a real browser: sides, cuts, pages, sources, and what it leaves alone."""

from __future__ import annotations

import json

import pytest
from browsers import assert_accessible

from benchmarks.page import long_answer

VALVE = "How often is the Larkspur valve calibrated?"
TEXT = "The Larkspur \U0001f33f valve is calibrated. Cats sleep. It is so every 90 days."


def told(page, answer, *events):
    """Show this answer to the next question, after these events."""
    blocks = [*events, ("answers", {"answers": [answer]})]
    body = "".join(f"event: {name}\ndata: {json.dumps(event)}\n\n" for name, event in blocks)
    page.route(
        "**/v1/answer", lambda route: route.fulfill(body=body, content_type="text/event-stream")
    )
    page.goto("/")
    page.get_by_role("group", name="Look in").wait_for()
    page.get_by_label("Question").fill(VALVE)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_role("region", name="Answer", exact=True).wait_for()
    return page.get_by_role("region", name="Answer", exact=True)


def citation(passage, start, end):
    return {
        **{"passage_id": passage["id"], "index": passage["index"]},
        **{"start": start, "end": end, "answer_start": 0, "answer_end": 5},
    }


def disputed():
    answer = long_answer(words=3, passages=2)
    one, other = answer["passages"]
    other["kept"] = True
    return answer | {
        "reason": "disagreement",
        "disagreement": [
            {
                **{"answer": text, "confidence": sure, "citations": [citation(passage, 0, 10)]},
                "passages": [{"passage_id": passage["id"], "index": passage["index"]}],
            }
            for text, sure, passage in (("1932", 0.62, one), ("1933", 0.23, other))
        ],
    }


def test_what_passages_disagree_on_stands_side_by_side(watched):
    page = watched.page
    answer = told(page, disputed())
    answer.get_by_text("The passages disagree").first.wait_for()
    answer.locator(".side").nth(1).wait_for()
    left, right = (side.bounding_box() for side in answer.locator(".side").all())
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    second = answer.locator(".side").nth(1)
    assert "1933" in second.inner_text()
    assert "23 % sure" in second.inner_text()
    second.locator(".cite").click()
    page.wait_for_function("document.activeElement.tagName === 'MARK'")
    opened = page.evaluate("document.activeElement.closest('details').textContent")
    assert "Document 1" in opened
    assert_accessible(page)
    page.set_viewport_size({"width": 360, "height": 800})
    # Both in one look, once the page has settled: it scrolls while it is laid out anew.
    page.wait_for_function(
        """() => {
            const [above, below] = [...document.querySelectorAll(".side")]
                .map((side) => side.getBoundingClientRect());
            return innerWidth === 360 && above.bottom <= below.top;
        }"""
    )


def test_what_was_cut_away_before_reading_is_pale_and_the_rest_is_not(watched):
    page = watched.page
    answer = long_answer(words=3, passages=1)
    (passage,) = answer["passages"]
    # Characters are counted whole: the leaf is one, though a browser's strings hold two halves.
    middle = TEXT.index("Cats"), TEXT.index("It is")
    spans = [[0, middle[0]], [middle[1], len(TEXT)]]
    passage |= {"text": TEXT[: middle[0]] + TEXT[middle[1] :], "spans": spans}
    start = passage["text"].index("every")
    answer["citations"] = [citation(passage, start, len(passage["text"]))]
    found = [{key: passage[key] for key in ("id", "index", "title")} | {"text": TEXT}]
    looked = {"row": 0, "stage": "retrieve", "looked": True, "passages": found}
    told(page, answer, ("retrieve", looked))
    text = page.locator(".passage-text")
    assert text.text_content() == TEXT
    pale = [one.text_content() for one in text.locator(".unread").all()]
    assert [one for one in pale if one] == ["Cats sleep. "]
    assert text.locator("mark").text_content() == "every 90 days."
    assert page.get_by_text("What is pale was cut away before reading.").is_visible()


def test_a_passage_tells_its_pages_wherever_it_is_named(watched):
    page = watched.page
    page.goto("/")
    page.get_by_role("group", name="Look in").wait_for()
    page.get_by_label("Question").fill("When does the night shift begin?")
    for name in ("handbook", "towns", "moss"):
        page.get_by_label(name, exact=True).uncheck()
    page.get_by_label("Look things up").select_option("always")
    page.get_by_role("button", name="Ask", exact=True).click()
    sources = page.get_by_role("list", name="Sources")
    sources.wait_for()
    assert "Rules of the house, pages 12–13, rules" in sources.inner_text()
    assert "pages 12–13" in page.get_by_role("region", name="Passages").inner_text()
    sources.get_by_role("button", name="Source 1").click()
    page.wait_for_function("document.activeElement.tagName === 'MARK'")
    page.get_by_role("link", name="Link to this answer").click()
    page.get_by_role("heading", name="When does the night shift begin?").wait_for()
    assert "pages 12–13" in page.get_by_role("list", name="Sources").inner_text()
    assert_accessible(page)
    page.goto("/#/library")
    search = page.get_by_role("region", name="Search")
    search.get_by_label("Words or a question").fill("whistle corridor")
    search.get_by_label("In", exact=True).select_option("rules")
    search.get_by_role("button", name="Search").click()
    search.get_by_text("pages 12–13").wait_for()


def test_link_and_answer_can_be_copied(watched):
    page = watched.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answer = long_answer(words=3, passages=1) | {"trace": "trace_1"}
    answer["citations"] = [citation(answer["passages"][0], 0, 5)]
    told(page, answer)
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == f"{watched.origin}/#/trace/trace_1"
    page.get_by_role("button", name="Copy answer").click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text.startsWith('Q: '))")
    assert "[1] Document 0, handbook" in page.evaluate("navigator.clipboard.readText()")


@pytest.mark.parametrize(("motion", "moves"), [("reduce", "none"), ("no-preference", "breathe")])
def test_nothing_moves_for_those_who_want_no_motion(watched, motion, moves):
    page = watched.page
    page.emulate_media(reduced_motion=motion)
    page.route("**/v1/answer", lambda route: None)
    page.goto("/")
    page.get_by_role("group", name="Look in").wait_for()
    page.get_by_label("Question").fill(VALVE)
    page.get_by_role("button", name="Ask", exact=True).click()
    running = ".stages li[data-state=running] .time"
    page.locator(running).wait_for(state="attached")
    style = f"getComputedStyle(document.querySelector('{running}'), '::after').animationName"
    assert page.evaluate(style) == moves
    page.get_by_label("Question").press("Escape")
    page.get_by_text("Stopped; nothing was answered.").wait_for()


def test_an_answer_that_is_not_there_any_more_says_so(watched):
    page = watched.page
    page.goto("/#/trace/trace_of_nobody")
    page.get_by_role("alert").wait_for()
    assert "No trace named 'trace_of_nobody'" in page.get_by_role("alert").inner_text()
    assert_accessible(page)
    assert all("404" in error for error in watched.errors)
    watched.errors.clear()
