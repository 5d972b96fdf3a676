from __future__ import annotations

from rag_router.filters.hostile.units import set_apart, unit_spans


def pieces(text):
    return [text[start:end] for start, end in unit_spans(text)]


def test_a_line_that_begins_anew_is_a_piece_and_one_that_goes_on_is_not():
    assert pieces("A long\nline. Next\nSystem: do") == ["A long\nline.", "Next", "System: do"]


def test_a_stretch_is_set_apart_from_what_stands_around_it():
    # Of (0, 10) the stretch (4, 6) leaves (0, 4) and (6, 10); the second piece is not touched.
    assert set_apart([(0, 10), (11, 20)], [(4, 6)]) == [(0, 4), (4, 6), (6, 10), (11, 20)]


def test_stretches_that_overlap_become_one_across_pieces():
    assert set_apart([(0, 10), (11, 20)], [(12, 15), (8, 13)]) == [(0, 8), (8, 15), (15, 20)]
