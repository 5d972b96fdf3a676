from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_report import BARS, LINES, report

from rag_router.errors import DataError, UnavailableError
from rag_router.eval.report import Report, read_report, write_report

SMALL = {"figures": (), "tables": ()}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_report_is_a_page_its_pictures_and_json_that_reads_back(tmp_path):
    folder = tmp_path / "runs" / "today"
    written = write_report(report(), folder)
    assert [path.relative_to(folder).as_posix() for path in written] == [
        "01-accuracy-against-retrieval-rate.png",
        "02-whom-it-follows.png",
        "03-calibration.png",
        "04-latency.png",
        "report.json",
        "report.html",
    ]
    assert sorted(written) == sorted(folder.iterdir())
    assert read_report(folder) == report()
    assert written[0].read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert written[-1].read_bytes().startswith(b"<!doctype html>")


def test_the_same_report_is_the_same_bytes(tmp_path):
    write_report(report(figures=(LINES,)), tmp_path / "a")
    write_report(report(figures=(LINES,)), tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@settings(max_examples=20)
@given(st.text(st.characters()), st.floats(allow_nan=False, allow_infinity=False), st.integers())
def test_any_text_and_number_survives(tmp_path_factory, text, x, n):
    made = Report(
        kind="gates",
        title=text,
        summary={text: {"x": x, "n": n, "list": [text, None, True]}},
        manifest={text: text},
        questions=({"id": text, "question": text, "x": x, "n": n},),
    )
    folder = tmp_path_factory.mktemp("report")
    write_report(made, folder)
    assert read_report(folder) == made


@pytest.mark.parametrize("whole_files", [0, 1, 2])
def test_a_write_that_fails_half_way_leaves_the_old_report(tmp_path, whole_files):
    write_report(report(figures=(LINES,)), tmp_path)
    before = contents(tmp_path)
    seen = []

    def full_disk(file, content):
        seen.append(content)
        if len(seen) <= whole_files:
            file.write(content)
        else:
            file.write(content[: len(content) // 2])
            raise OSError(28, "No space left on device")

    with pytest.raises(UnavailableError, match="No space left on device"):
        write_report(report(title="New", figures=(BARS,)), tmp_path, store=full_disk)
    assert contents(tmp_path) == before


def test_an_interrupted_write_leaves_the_old_report(tmp_path):
    def interrupted(file, content):
        raise KeyboardInterrupt

    write_report(report(**SMALL), tmp_path)
    before = contents(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        write_report(report(title="New", **SMALL), tmp_path, store=interrupted)
    assert contents(tmp_path) == before


def test_a_new_report_takes_the_place_of_the_old_one_with_its_pictures(tmp_path):
    (tmp_path / "notes.png").write_bytes(b"mine")
    write_report(report(figures=(LINES, BARS)), tmp_path)
    write_report(report(title="New", figures=(BARS,)), tmp_path)
    assert sorted(contents(tmp_path)) == [
        "01-whom-it-follows.png",
        "notes.png",
        "report.html",
        "report.json",
    ]
    assert read_report(tmp_path).title == "New"


def test_a_broken_earlier_report_is_simply_replaced(tmp_path):
    (tmp_path / "report.json").write_text("{", encoding="utf-8")
    write_report(report(**SMALL), tmp_path)
    assert read_report(tmp_path) == report(**SMALL)


def test_names_of_pictures_are_slugs_and_never_the_same(tmp_path):
    titles = ["Précision @ 10/20 ../x", "東京", "東京", "x" * 200]
    figures = tuple(type(LINES)(title, "x", "y", ()) for title in titles)
    *pictures, _, _ = write_report(report(figures=figures), tmp_path)
    assert [path.name for path in pictures] == [
        "01-precision-10-20-x.png",
        "02-figure.png",
        "03-figure.png",
        f"04-{'x' * 60}.png",
    ]


def test_a_folder_that_is_a_file_cannot_be_written(tmp_path):
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(UnavailableError, match="cannot be written"):
        write_report(report(**SMALL), tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tree: tree | {"format": 2}, "has format 2"),
        (lambda tree: tree | {"kind": "gate"}, "kind"),
        (lambda tree: tree | {"figures": [{"figure": "pie"}]}, "figures"),
        (lambda tree: tree | {"flags": ["title"]}, "no question has the flag"),
        (lambda tree: [tree], "has format None"),
        (lambda tree: {"format": 1}, "is not a report"),
    ],
)
def test_what_is_no_report_is_refused(tmp_path, change, message):
    write_report(report(**SMALL), tmp_path)
    path = tmp_path / "report.json"
    path.write_text(json.dumps(change(json.loads(path.read_text(encoding="utf-8")))))
    with pytest.raises(DataError, match=message):
        read_report(tmp_path)


def test_no_report_is_an_error_that_names_the_file(tmp_path):
    with pytest.raises(DataError, match=r"report\.json cannot be read"):
        read_report(tmp_path)
