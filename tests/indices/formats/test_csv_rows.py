from __future__ import annotations

import pytest

from rag_router.errors import DocumentError


def rows(documents):
    return [(d.id, d.title, d.sections[0].text, dict(d.meta)) for d in documents]


def test_named_columns_are_id_title_and_text_and_others_join_meta(read):
    table = 'id,title,text,year\n7,Rome,"Capital, of\nItaly",1871\n\n8,Only title,,\n'
    documents = read("a.csv", table)
    assert rows(documents) == [
        ("7", "Rome", "Capital, of\nItaly", {"year": "1871"}),
        ("8", "Only title", "Only title", {"year": ""}),
    ]
    # The first row ends in line 3, because its text holds a line end.
    assert [d.source.rpartition(":")[2] for d in documents] == ["3", "5"]


def test_a_table_without_texts_is_read_as_facts(read):
    documents = read("towns.csv", "city;land\nRome;Italy\nOslo;\n")
    assert rows(documents) == [
        ("towns.csv:1", "towns", "city: Rome\nland: Italy", {"city": "Rome", "land": "Italy"}),
        ("towns.csv:2", "towns", "city: Oslo", {"city": "Oslo", "land": ""}),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(read, delimiter):
    table = f"_id{delimiter}text\n1{delimiter}one, or two; three\n"
    if delimiter in ",;":
        table = table.replace("one, or two; three", '"one, or two; three"')
    assert rows(read("a.csv", table)) == [("1", "", "one, or two; three", {})]


def test_a_long_cell_is_read(read):
    assert len(read("a.csv", "text\n" + "x" * 300_000 + "\n")[0].sections[0].text) == 300_000


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "does not name the columns"),
        ("a,a\n1,2\n", "does not name the columns"),
        ("a,b\n1,2,3\n", ":2: 3 cells under 2 columns"),
        ('a,b\n1,"2\n', "not CSV"),
    ],
)
def test_what_is_no_table_is_an_error_that_says_where(read, table, said):
    with pytest.raises(DocumentError, match=said):
        read("a.csv", table)
