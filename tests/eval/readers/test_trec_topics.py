from __future__ import annotations

import pytest

from rag_router.errors import DataError
from rag_router.eval.readers.formats import find_format
from rag_router.eval.readers.trec_topics import read_topics

OPEN_TAGS = """\
<top>

<num> Number: 301
<title> International Organized
Crime

<desc> Description:
Identify organizations.

<narr> Narrative:
A relevant document names one: a < b.
</top>
"""
CLOSED_TAGS = "<top><num>302</num><title>Topic: the title's own word</title></top>\n"
EARLY = """\
<top>
<head> Tipster Topic Description
<num> Number: 051
<dom> Domain: International Economics
<title> Topic: Airbus Subsidies
<con> Concept(s):
1. Airbus
</top>
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="topics.txt"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_tags_may_be_open_or_closed_and_labels_are_dropped(write):
    path = write(OPEN_TAGS + "\n" + CLOSED_TAGS + EARLY)
    assert find_format(path) == "trec"
    first, second, third = read_topics(path)
    assert (first.id, first.text) == ("301", "International Organized Crime")
    assert first.meta == {
        "description": "Identify organizations.",
        "narrative": "A relevant document names one: a < b.",
    }
    assert (second.id, second.text, second.meta) == ("302", "the title's own word", {})
    assert (third.id, third.text, third.meta) == ("051", "Airbus Subsidies", {})
    assert first.answers == ()


def test_lines_of_id_and_text_are_topics_too(write):
    path = write("301\tOrganized crime\r\n\r\n302\tPolio\r\n", "topics.tsv")
    assert find_format(path) == "trec"
    assert [(q.id, q.text) for q in read_topics(path)] == [
        ("301", "Organized crime"),
        ("302", "Polio"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OPEN_TAGS.replace("<num> Number: 301", ""), ":1: lacks 'num'"),
        (OPEN_TAGS.replace("<num> Number: 301", "<num> Number:"), ":1: num is text"),
        (CLOSED_TAGS + "<top>\n<num> 1\n</top>", ":2: lacks 'title'"),
        (CLOSED_TAGS + "stray\n", ":2: 'stray' is out of place"),
        (CLOSED_TAGS + "</top>\n", ":2: '</top>' is out of place"),
        (CLOSED_TAGS + "<top>\n<top>\n", ":3: '<top>' is out of place"),
        (CLOSED_TAGS + "\n<top>\n<num> 1\n", ":3: the topic is not closed"),
        (CLOSED_TAGS + CLOSED_TAGS, ":2: the id '302' stands twice"),
        ("1\ta\n2\tb\tc\n", ":2: 3 columns instead of 2"),
        ("1\ta\n2\t\n", ":2: title is blank"),
    ],
)
def test_a_broken_topic_is_named_by_the_line_it_begins_in(write, text, said):
    path = write(text)
    with pytest.raises(DataError) as caught:
        list(read_topics(path))
    assert caught.value.message.startswith(f"{path}{said}")
