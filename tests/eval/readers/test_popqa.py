from __future__ import annotations

import pytest

from rag_router.errors import DataError
from rag_router.eval.readers.formats import find_format
from rag_router.eval.readers.popqa import read_popqa

HEADER = "id\tsubj\tprop\ts_aliases\ts_pop\to_pop\tquestion\tpossible_answers"
# A cell with quotes is quoted itself, and its own quotes are doubled.
FIRST = (
    '42\tGeorge Rankin\toccupation\t"[""G. Rankin""]"\t142\t25692\t'
    'What is his job?\t"[""politician"", ""pol""]"'
)
SECOND = "43\tJohn\toccupation\t[]\t\t7\tWhat is John's job?\t[]"


@pytest.fixture
def write(tmp_path):
    def write(*lines):
        path = tmp_path / "popQA.tsv"
        path.write_text("\n".join(lines), encoding="utf-8-sig")
        return path

    return write


def test_columns_that_are_not_the_question_join_meta(write):
    path = write(HEADER, FIRST, SECOND)
    assert find_format(path) == "popqa"
    first, second = read_popqa(path)
    assert (first.id, first.text) == ("42", "What is his job?")
    assert first.answers == ("politician", "pol")
    assert first.meta == {
        "subj": "George Rankin",
        "prop": "occupation",
        "s_aliases": ["G. Rankin"],
        "s_pop": 142,
        "o_pop": 25692,
    }
    assert second.answers == ()
    assert second.meta == {"subj": "John", "prop": "occupation", "s_aliases": [], "o_pop": 7}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("44\tonly", "2 columns, but the header has 8"),
        (SECOND.replace("\t7\t", "\tmany\t"), "o_pop: invalid literal"),
        (SECOND.replace("[]", "[politician"), "not JSON"),
        (SECOND.removesuffix("[]") + '"[""a', "not tab-separated"),
        (SECOND.removesuffix("[]") + '"[""\\ud800""]"', "half a character"),
        (SECOND.removesuffix("[]") + "5", "possible_answers is a list"),
        (SECOND.removeprefix("43"), "lacks 'id'"),
    ],
)
def test_a_broken_line_is_named(write, line, said):
    path = write(HEADER, FIRST, line)
    with pytest.raises(DataError) as caught:
        list(read_popqa(path))
    assert caught.value.message.startswith(f"{path}:3: ")
    assert said in caught.value.message


def test_a_header_without_a_needed_column_is_named(write):
    with pytest.raises(DataError, match=r"popQA.tsv:1: lacks the column 'possible_answers'"):
        list(read_popqa(write("id\tquestion", "1\ta")))
