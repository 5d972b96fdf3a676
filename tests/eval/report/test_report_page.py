from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_report import LINES, Page, report

from rag_router.eval.report import Curve, Lines, Mark, Table
from rag_router.eval.report.page import embedded, page_of

HTML = page_of(report())
PAGE = Page(HTML)
NASTY = "<script>alert(1)</script></script><img src=x onerror=alert(2)>\u2028\u2029\x00\ud800&\"'"


def rows_of(page):
    said = json.loads(page.scripts["rows"])
    return [dict(zip(said["columns"], row, strict=True)) for row in said["rows"]]


def test_the_page_says_what_it_is():
    assert "Natural Questions" in PAGE.text
    assert "Measured on 2026-01-02 at 03:04 UTC." in PAGE.text
    assert PAGE.find("html", lang="en")


@pytest.mark.parametrize(
    "number", ["2,000", ".123", ".11 [.09, .13]", "81.5", ".43 [.41, .45]", "212", ".543", "33.3"]
)
def test_every_number_of_the_summary_is_shown(number):
    assert number in PAGE.text


def test_exact_numbers_stay_in_the_markup():
    exact = {found["value"] for found in PAGE.find("data")}
    assert {"2000", "0.1234", "[0.1111, 0.09, 0.13]", "81.53", "0.5432"} <= exact


def test_the_best_of_a_column_is_marked_for_eyes_and_for_screen_readers():
    assert len(PAGE.find("td", **{"class": "number best"})) == 2
    assert PAGE.text.count("(best)") == 2


def test_tables_figures_and_how_it_was_made_are_there():
    assert ".53 [.50, .56]" in PAGE.text
    assert "Intervals of 95 %." in PAGE.text
    assert len(PAGE.find("svg")) == len(PAGE.find("figcaption")) == 4
    assert "Q: {q}\nA:" in PAGE.text
    assert "needs hidden states" in PAGE.text


def test_questions_can_be_searched_filtered_paged_and_sorted():
    for tag, name in [("input", "search"), ("fieldset", "flags"), ("select", "size")]:
        assert PAGE.find(tag, id=name)
    for name in ("first", "previous", "next", "last"):
        assert PAGE.find("button", id=name, type="button")
    assert PAGE.find("p", id="status", role="status")
    assert json.loads(PAGE.scripts["rows"])["flags"] == ["gate was wrong"]
    assert "aria-sort" in PAGE.scripts[""]


def test_every_heading_has_a_scope_and_every_section_a_name():
    assert {found["scope"] for found in PAGE.find("th")} == {"col", "row"}
    ids = {found.get("id") for _, found in PAGE.elements}
    assert {found["aria-labelledby"] for found in PAGE.find("section")} <= ids
    assert all(link["href"].removeprefix("#") in ids for link in PAGE.find("a"))


def test_nothing_runs_or_loads_but_the_one_style_and_the_one_script():
    (meta,) = PAGE.find("meta", **{"http-equiv": "Content-Security-Policy"})
    policy = dict(part.split(maxsplit=1) for part in meta["content"].split(";"))
    hashes = {
        f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
        for text in (PAGE.scripts[""], *PAGE.styles)
    }
    assert policy["default-src"] == "'none'"
    assert {policy["script-src"], policy["style-src"]} == hashes
    assert len(PAGE.scripts) == 2
    for _, attributes in PAGE.elements:
        assert not {"src", "style", "srcset", "data"} & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#")


def test_the_policy_comes_before_whatever_it_is_to_stop():
    assert HTML.index("Content-Security-Policy") < HTML.index("<style")


def test_text_from_outside_is_never_markup():
    nasty = report(
        title=NASTY,
        summary={NASTY: {NASTY: {NASTY: NASTY}}, "why": {NASTY: NASTY}, "text": NASTY},
        manifest={NASTY: NASTY, "date": NASTY, "list": [NASTY, {NASTY: NASTY}]},
        tables=(Table(NASTY, (NASTY, "b"), ((NASTY, NASTY),), NASTY),),
        figures=(
            Lines(NASTY, NASTY, NASTY, (Curve(NASTY, (0, 1), (0, 1)),), (Mark(NASTY, 0, 0),)),
        ),
        questions=({"id": NASTY, "question": NASTY, NASTY: True},),
        flags=(NASTY,),
    )
    html = page_of(nasty)
    page = Page(html)
    assert "<script>alert" not in html
    assert "<img" not in html
    assert not page.find("img")
    assert len(page.find("script")) == 2
    assert not [name for _, found in page.elements for name in found if name.startswith("on")]
    assert rows_of(page) == [{"id": NASTY, "question": NASTY, NASTY: True}]
    assert not set("<>&\u2028\u2029\ud800") & set(page.scripts["rows"])


@settings(max_examples=25)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": st.text(st.characters()), "question": st.text(st.characters())},
            optional={
                "answer": st.text() | st.none(),
                "p": st.floats(allow_nan=False, allow_infinity=False),
                "n": st.integers(-(2**53), 2**53),
                "wrong": st.booleans(),
            },
        ),
        min_size=1,
        max_size=4,
    )
)
def test_the_rows_in_the_page_are_the_rows_of_the_report(rows):
    made = report(questions=tuple(rows), flags=(), tables=(), figures=())
    found = rows_of(Page(page_of(made).encode("utf-8", "replace").decode()))
    assert found == [{key: row.get(key) for key in made.columns} for row in rows]


@given(st.text(st.characters()))
def test_embedded_json_reads_back_and_cannot_end_its_script(text):
    assert json.loads(embedded([text])) == [text]
    assert not re.search("[<>&\u2028\u2029]", embedded([text]))


def test_a_run_without_questions_needs_no_script():
    page = Page(page_of(report(questions=(), figures=(), tables=(), summary={}, manifest={})))
    assert page.scripts == {}
    assert not page.find("section", id="questions")
    assert all(link["href"] != "#questions" for link in page.find("a"))


def test_the_same_report_is_the_same_page():
    assert page_of(report()) == HTML


def test_the_script_makes_no_markup_from_text():
    script = (resources.files("rag_router.eval.report") / "page.js").read_text(encoding="utf-8")
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", ".src"):
        assert way not in script


def test_thousands_of_questions_make_a_modest_page():
    words = "Who wrote the opera that was first performed in Vienna in the year 1805, and for whom?"
    rows = tuple(
        {
            "id": f"nq-{n:05}",
            "question": f"{words} ({n})",
            "gold": "Ludwig van Beethoven",
            "answer": "It was Ludwig van Beethoven",
            "expert": "gemma-3-270m",
            **{f"figure {m}": n / 7 + m for m in range(4)},
            **{f"flag {m}": n % (m + 2) == 0 for m in range(3)},
        }
        for n in range(2000)
    )
    made = report(questions=rows, figures=(LINES,), flags=("flag 0", "flag 1", "flag 2"))
    assert len(made.columns) == 12
    assert len(page_of(made).encode()) < 1_500_000
