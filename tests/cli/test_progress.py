"""How far something is: a bar on a terminal, a line every now and then in a log."""

from __future__ import annotations

from rag_router.cli.options import progress
from rag_router.cli.plain_progress import PlainProgress


def test_what_is_done_soon_leaves_nothing_behind_where_there_is_no_terminal(capsys):
    bar, move = progress("counting")
    with bar:
        for done in range(5):
            move(done, 5)
    assert capsys.readouterr() == ("", "")


def test_what_takes_long_says_a_line_each_minute_at_most():
    times = iter([0.0, 59.9, 60.0, 100.0, 125.0])
    lines = []
    plain = PlainProgress("counting", clock=lambda: next(times), say=lines.append)
    for done in (1, 2, 3, 4):
        plain.move(done, 9)
    # Begun at 0; of what is heard at 59.9, 60, 100 and 125 the second and the fourth are due.
    assert lines == ["counting: 2 of 9", "counting: 4 of 9"]


def test_lines_go_to_standard_error(capsys):
    PlainProgress("counting", every_s=0.0, clock=lambda: 0.0).move(1, 2)
    assert capsys.readouterr() == ("", "counting: 1 of 2\n")
