from __future__ import annotations

import re
from functools import cache
from xml.etree import ElementTree

import matplotlib
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sample_report import BARS, DISTRIBUTION, LINES, RELIABILITY

from rag_router.eval.report import (
    Bars,
    Curve,
    Distribution,
    Lines,
    Mark,
    Reliability,
    ReliabilityCurve,
    Series,
)
from rag_router.eval.report.plots import png_of, svg_of

ALL = [LINES, BARS, RELIABILITY, DISTRIBUTION]
SVG = "{http://www.w3.org/2000/svg}"


@cache
def drawn(figure):
    return svg_of(figure, name="f")


def texts(figure):
    root = ElementTree.fromstring(drawn(figure))
    return ["".join(node.itertext()) for node in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("figure", ALL, ids=lambda figure: figure.figure)
def test_the_same_figure_is_the_same_bytes(figure):
    assert svg_of(figure, name="f") == drawn(figure)
    assert png_of(figure) == png_of(figure)


@pytest.mark.parametrize("figure", ALL, ids=lambda figure: figure.figure)
def test_a_png_is_one_wide_enough_for_print_and_says_nothing_of_its_maker(figure):
    png = png_of(figure)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    # The header chunk begins at byte 8: length, "IHDR", then the width in four bytes.
    assert int.from_bytes(png[16:20], "big") >= 700
    assert b"Software" not in png


@pytest.mark.parametrize("figure", ALL, ids=lambda figure: figure.figure)
def test_an_svg_has_no_style_that_a_strict_policy_would_forbid(figure):
    svg = drawn(figure)
    assert "style" not in svg
    assert "<!DOCTYPE" not in svg
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert len(svg) < 60_000


@pytest.mark.parametrize("figure", ALL, ids=lambda figure: figure.figure)
def test_ids_carry_the_name_and_every_link_leads_somewhere(figure):
    svg = svg_of(figure, name="figure-3")
    ids = re.findall(r' id="([^"]*)"', svg)
    links = re.findall(r'href="#([^"]*)"', svg) + re.findall(r"url\(#([^)]*)\)", svg)
    assert links
    assert set(links) <= set(ids)
    assert all(one.startswith("figure-3-") for one in ids)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("figure", ALL, ids=lambda figure: figure.figure)
def test_a_screen_reader_is_told_the_title_which_the_svg_does_not_draw(figure):
    root = ElementTree.fromstring(drawn(figure))
    assert (root.get("role"), root.get("aria-labelledby")) == ("img", "f-title")
    assert root.find(f"{SVG}title").text == figure.title
    assert figure.title not in texts(figure)


@pytest.mark.parametrize("figure", ALL, ids=lambda figure: figure.figure)
def test_colours_are_properties_so_that_a_dark_page_can_change_them(figure):
    svg = drawn(figure)
    colours = re.findall(r"#[0-9a-f]{6}\b", svg)
    assert colours
    assert len(colours) == len(re.findall(r"var\(--[a-z0-9-]+, #[0-9a-f]{6}\)", svg))


def test_axes_curves_and_marks_are_named():
    assert {"share looked up", "accuracy", "p_ik", "never", "always"} <= set(texts(LINES))
    assert {"share of answers", "context", "memory", "plain", "cad"} <= set(texts(BARS))
    assert {"p_ik", "Share that was right"} <= set(texts(RELIABILITY))
    assert {"ms", "never", "always", "median", "95 %"} <= set(texts(DISTRIBUTION))


def test_few_bars_are_labelled_with_their_values():
    assert {".600", ".200", ".800"} <= set(texts(BARS))
    many = Bars("b", "y", tuple(map(str, range(30))), (Series("s", (0.123,) * 30),))
    assert ".123" not in texts(many)


def test_two_marks_in_one_place_are_named_in_two_places():
    figure = Lines("t", "x", "y", (), (Mark("gate", 0.5, 0.5), Mark("oracle", 0.5, 0.5)))
    root = ElementTree.fromstring(svg_of(figure, name="f"))
    places = {node.text: (node.get("x"), node.get("y")) for node in root.iter(f"{SVG}text")}
    assert places["gate"] != places["oracle"]


def test_widely_spread_latencies_are_drawn_on_a_logarithmic_axis():
    # 4000 / 10 = 400 is more than 30: the axis counts 10, 20, 50, 100 and not 0, 1000, 2000.
    assert {"10", "100", "1,000"} <= set(texts(DISTRIBUTION))
    narrow = Distribution("t", "ms", (("a", (100, 110, 120)),))
    assert "10" not in texts(narrow)


@pytest.mark.parametrize(
    "figure",
    [
        Lines("t", "x", "y", ()),
        Lines("t", "x", "y", (Curve("none", (), ()),)),
        Lines("t", "x", "y", (Curve("one", (0.5,), (0.5,)),), (Mark("m", 0.5, 0.5),)),
        Bars("t", "y", (), ()),
        Bars("t", "y", ("a",), (Series("none", (None,)),)),
        Bars("t", "y", ("a",), (Series("below", (-1.0,), (-2.0,), (0.5,)),)),
        Reliability("t", ()),
        Reliability("t", tuple(ReliabilityCurve(f"g{n}", (0.5,), (0.5,), (1,)) for n in range(8))),
        Distribution("t", "ms", ()),
        Distribution("t", "ms", (("none", ()), ("one", (0.0,)))),
        Lines("t", "x", "y", tuple(Curve(f"c{n}", (0, 1), (n, n)) for n in range(30))),
    ],
)
def test_a_figure_with_nothing_or_a_lot_to_show_is_still_drawn(figure):
    ElementTree.fromstring(drawn(figure))


def test_nothing_in_a_name_is_mathematics_or_markup():
    figure = Lines("<b>", "$x^2$", "a & b", (Curve("_hidden", (0, 1), (0, 1)),), (Mark("$", 0, 0),))
    assert {"$x^2$", "a & b", " _hidden", "$"} <= set(texts(figure))


@settings(max_examples=6)
@given(st.text(st.characters()))
@example("\x00\x1b\ud800\ufffe\u2028")
@example("東京 \U0001f600")
@example("")
def test_any_name_can_be_drawn(name):
    figure = Lines(name, name, name, (Curve(name, (0, 1), (0, 1)),), (Mark(name, 0.5, 0.5),))
    ElementTree.fromstring(svg_of(figure, name="f"))


def test_the_settings_of_whoever_runs_it_neither_matter_nor_change():
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30}):
        assert svg_of(LINES, name="f") == drawn(LINES)
        assert matplotlib.rcParams["font.size"] == 30
