"""The page in a real browser, on a scripted model: each part, by mouse, keyboard and ear."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from browsers import assert_accessible
from page_service import HOSTILE

from benchmarks.page import long_answer

VALVE = "How often is the Larkspur valve calibrated?"
FRANCE = "What is the capital of France?"
MOSS = "moss garden grow?"


def asked(page, question, retrieval="auto"):
    page.goto("/")
    page.get_by_role("group", name="Look in").wait_for()
    page.get_by_label("Question").fill(question)
    page.get_by_label("Look things up").select_option(retrieval)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_role("region", name="Answer", exact=True).wait_for()
    return page.get_by_role("region", name="Answer", exact=True)


def test_a_question_is_answered_with_its_stages_and_its_reasons(watched):
    page = watched.page
    answer = asked(page, VALVE)
    assert "90 days" in answer.inner_text()
    assert "From the passages" in answer.inner_text()
    stages = page.locator(".stages li[data-state=done]")
    assert stages.count() >= 4
    assert re.search(r"\d ms|\d s", stages.first.inner_text())
    knowledge = page.get_by_role("region", name="Knowledge").inner_text()
    assert "threshold" in knowledge
    assert "scripted" in knowledge
    found = page.get_by_role("region", name="Passages")
    assert "valve" in found.inner_text()
    assert "90 days" in found.locator("mark").first.inner_text()


def test_an_answer_from_memory_looks_nothing_up_and_is_coloured_so(watched):
    answer = asked(watched.page, FRANCE)
    assert "From memory" in answer.inner_text()
    assert answer.locator(".tokens [data-kind]").count() == len("Paris")
    assert answer.locator(".tokens [data-kind=memory]").count() == len("Paris")
    assert watched.page.get_by_text("It did not look anything up.").is_visible()


def test_each_word_tells_its_figures_on_hover_on_focus_and_in_a_table(watched):
    page = watched.page
    answer = asked(page, VALVE)
    words = answer.locator(".tokens [data-kind]")
    words.nth(1).hover()
    about = answer.locator(".about").inner_text()
    assert "likely" in about
    assert "entropy from memory" in about
    words.first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "0"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.textContent") == "s"
    answer.get_by_text("The same as a table").click()
    page.wait_for_function("document.querySelectorAll('.answer tbody tr').length === 7")


def test_a_citation_leads_to_its_sentence(watched):
    page = watched.page
    answer = asked(page, VALVE)
    answer.locator(".cite").first.click()
    page.wait_for_function("document.activeElement.tagName === 'MARK'")
    assert "90 days" in page.evaluate("document.activeElement.textContent")


def test_saying_nothing_is_a_result_and_no_error(watched):
    page = watched.page
    answer = asked(page, VALVE, "never")
    assert "I don't know." in answer.inner_text()
    assert "What would help: Retrieval was set to never." in answer.inner_text()
    assert page.get_by_role("alert").count() == 0


def test_feedback_reaches_the_service_and_the_gates_view(watched):
    page = watched.page
    asked(page, FRANCE)
    page.get_by_role("button", name="Right", exact=True).click()
    page.get_by_text("the gate can learn from that").wait_for()
    assert (
        page.get_by_role("button", name="Right", exact=True).get_attribute("aria-pressed") == "true"
    )
    asked(page, FRANCE)
    page.get_by_label("The answer is …").fill("Lutetia")
    page.get_by_role("button", name="Send").click()
    page.get_by_text("the gate can learn from that").wait_for()
    page.get_by_role("link", name="Gates").click()
    said = page.get_by_role("region", name="Feedback so far")
    said.get_by_text("Lutetia").first.wait_for()
    page.get_by_label("Show", exact=True).select_option("hindsight=too_sure")
    page.get_by_role("region", name="Answers that were given").get_by_text(FRANCE).first.wait_for()


def test_a_link_to_an_answer_shows_it_again(watched):
    page = watched.page
    asked(page, VALVE)
    page.get_by_role("link", name="Link to this answer").click()
    page.get_by_role("heading", name=VALVE).wait_for()
    page.reload()
    page.get_by_role("heading", name=VALVE).wait_for()
    assert "90 days" in page.get_by_role("region", name="Answer", exact=True).inner_text()


def test_two_settings_are_compared_side_by_side(watched):
    page = watched.page
    page.goto("/#/compare")
    page.get_by_label("Question").fill(VALVE)
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("They differ.").wait_for()
    left = page.get_by_role("region", name="Left", exact=True).inner_text()
    right = page.get_by_role("region", name="Right", exact=True).inner_text()
    assert "I don't know." in left
    assert "90 days" in right


def test_documents_are_uploaded_searched_and_removed(watched, tmp_path):
    page = watched.page
    file = tmp_path / "pumps.md"
    file.write_text("# Pumps\n\nThe Foxglove pump is oiled every 40 days.", encoding="utf-8")
    page.goto("/#/library")
    page.get_by_text("Make a collection").click()
    page.get_by_label("Name", exact=True).fill("pumps")
    page.get_by_role("button", name="Make it").click()
    page.get_by_label("Into").select_option("pumps")
    page.get_by_label("Files").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    page.get_by_text("can be found").wait_for()
    search = page.get_by_role("region", name="Search")
    search.get_by_label("Words or a question").fill("Foxglove oil")
    search.get_by_label("In", exact=True).select_option("pumps")
    search.get_by_role("button", name="Search").click()
    search.get_by_text("shares foxglove, oil").wait_for()
    page.get_by_role("button", name="Remove pumps.md").click()
    page.get_by_role("button", name="Really remove pumps.md?").click()
    page.get_by_role("button", name="Remove pumps.md").wait_for(state="detached")


def test_everything_can_be_done_by_keyboard(watched):
    page = watched.page
    page.goto("/")
    page.get_by_role("group", name="Look in").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "TEXTAREA":
            break
    page.keyboard.type(VALVE)
    page.keyboard.press("Enter")
    page.get_by_role("region", name="Answer", exact=True).wait_for()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.verdict") == "right":
            break
    page.keyboard.press("Space")
    page.get_by_text("the gate can learn from that").wait_for()


@pytest.mark.parametrize(
    ("view", "scheme"),
    [
        ("ask", "light"),
        ("ask", "dark"),
        ("compare", "light"),
        ("library", "dark"),
        ("gates", "dark"),
    ],
)
def test_every_view_keeps_the_rules_of_accessibility(watched, view, scheme):
    page = watched.page
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    if view == "ask":
        asked(page, VALVE)
        page.get_by_text("The same as a table").click()
    else:
        page.goto(f"/#/{view}")
    page.locator(".card").first.wait_for()
    page.wait_for_load_state("networkidle")
    assert_accessible(page)


@pytest.mark.parametrize("width", [360, 768, 3840])
def test_nothing_is_cut_off_from_a_phone_to_a_wall(watched, width):
    page = watched.page
    page.set_viewport_size({"width": width, "height": 800})
    asked(page, MOSS, "always")
    for view in ("compare", "library", "gates", "ask"):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.goto(f"/#/{view}")
        page.locator(".card").first.wait_for()


def hostile_answer():
    """An answer every word of which means harm."""
    answer = long_answer(words=5, passages=len(HOSTILE))
    for passage, text in zip(answer["passages"], HOSTILE, strict=True):
        passage |= {"id": f"{text[:40]}#0", "title": text[:90], "text": text, "why": text[:90]}
    texts = [text[:120] for text in HOSTILE]
    answer["tokens"] = [
        token | {"text": text, "alternatives": [{"text": text, "probability": 0.5}]}
        for token, text in zip(answer["tokens"], texts, strict=True)
    ]
    answer["answer"] = "".join(texts)
    answer["degraded"] = [{"stage": "filter", "what": text} for text in texts]
    answer["knowledge"]["signals"] = dict.fromkeys(texts, 0.5)
    answer["route"]["expert"] |= {
        "score": 1.0,
        "candidates": [{"name": text, "score": 0.5, "why": text} for text in texts],
    }
    answer["citations"] = [
        {
            **{"passage_id": passage["id"], "index": passage["index"]},
            **{"start": 0, "end": len(passage["text"]), "answer_start": 0, "answer_end": 5},
        }
        for passage in answer["passages"]
    ]
    return answer


def test_what_passages_and_models_say_stays_text(watched):
    page = watched.page
    page.set_viewport_size({"width": 360, "height": 800})
    told = json.dumps({"answers": [hostile_answer()]})
    page.route(
        "**/v1/answer",
        lambda route: route.fulfill(
            body=f"event: answers\ndata: {told}\n\n", content_type="text/event-stream"
        ),
    )
    asked(page, MOSS)
    page.wait_for_function(f"document.querySelectorAll('.passage mark').length === {len(HOSTILE)}")
    page.locator(".tokens [data-kind]").first.focus()
    for text in HOSTILE:
        assert text in page.locator(".found").text_content()
        assert text[:120] in page.locator(".tokens").text_content()
    assert page.evaluate("window.harmed") is None
    assert page.locator("main :is(script, style, iframe, img, [onerror], [onclick])").count() == 0
    assert page.locator("main a[href^=javascript]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_dropped_connection_is_told_and_can_be_tried_again(watched):
    page = watched.page
    page.goto("/")
    page.get_by_role("group", name="Look in").wait_for()
    body = 'event: accept\ndata: {"row":0,"stage":"accept"}\n\n'
    page.route(
        "**/v1/answer", lambda route: route.fulfill(body=body, content_type="text/event-stream")
    )
    page.get_by_label("Question").fill(FRANCE)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text("The connection broke").wait_for()
    page.unroute("**/v1/answer")
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("region", name="Answer", exact=True).wait_for()


def test_a_service_that_is_started_again_is_found_again(watched, running):
    page = watched.page
    page.goto("/")
    page.get_by_role("group", name="Look in").wait_for()
    running.stop()
    page.get_by_label("Question").fill(FRANCE)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text("The service does not answer.").first.wait_for()
    running.start()
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("region", name="Answer", exact=True).wait_for()
    # That nobody answered stands on the console, and is no error of the page.
    assert all("ERR_CONNECTION_REFUSED" in error for error in watched.errors)
    watched.errors.clear()


def test_a_question_can_be_stopped(watched):
    page = watched.page
    page.goto("/")
    page.get_by_role("group", name="Look in").wait_for()
    page.route("**/v1/answer", lambda route: None)
    page.get_by_label("Question").fill(FRANCE)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("Stopped; nothing was answered.").wait_for()


def test_the_licence_of_the_rules_stands_beside_them():
    assert (Path(__file__).parent / "axe" / "LICENSE").exists()
