from __future__ import annotations

import pytest

from rag_router.errors import DocumentError


def parts(document):
    return [(section.title, section.text) for section in document.sections]


def test_a_page_is_read_by_its_headings_and_paragraphs(read):
    page = """<title> The
        page </title><h1>Cities</h1><p>Rome is
        the <b>cap</b>ital.<p>It is old.<h2>North</h2><div>Oslo<br>is cold.</div>"""
    (document,) = read("a.html", page)
    assert (document.id, document.title) == ("a.html", "The page")
    assert parts(document) == [
        ("The page > Cities", "Rome is the capital.\n\nIt is old."),
        ("The page > Cities > North", "Oslo is cold."),
    ]
    # 20 characters, two line ends and 10 more stand before the third paragraph's gap of two.
    assert [section.start for section in document.sections] == [0, 20 + 2 + 10 + 2]


def test_scripts_styles_navigation_and_what_is_hidden_are_no_text(read):
    page = """<head><style>p {color: red}</style><script>one()</script></head><body>
        <nav>Menu</nav><p onclick="two()">Shown.<script>three("</p>")</script>
        <p hidden>no<p style="color:red; DISPLAY : none">no<p aria-hidden="true">no
        <!-- no --><template>no</template><noscript>no</noscript><select><option>no</select>
        <iframe src="http://example.org/">no</iframe><svg><text>no</text></svg>"""
    (document,) = read("a.html", page)
    assert parts(document) == [("a", "Shown.")]


def test_a_page_that_is_all_script_holds_no_text(read):
    (document,) = read("a.html", "<title>App</title><div id=root></div><script>run()</script>")
    assert document.is_blank


def test_only_the_main_part_is_read_where_a_page_marks_it(read):
    page = "<header>Site</header><main><h1>News</h1><p>Today.</main><footer>About</footer>"
    (document,) = read("a.html", page)
    assert (document.title, parts(document)) == ("News", [("News", "Today.")])


def test_rows_of_tables_are_lines_and_cells_are_set_off(read):
    page = "<table><tr><th>City<th>Land<tr><td><p>Rome</p><td>Italy</table><ul><li>one<li>two</ul>"
    (document,) = read("a.html", page)
    assert parts(document) == [("a", "City | Land\n\nRome | Italy\n\none\n\ntwo")]


def test_a_page_says_its_encoding(read):
    raw = '<meta http-equiv="a" content="text/html; charset=iso-8859-2"><p>Žluťoučký'
    (document,) = read("a.html", raw.encode("iso8859-2"))
    assert parts(document) == [("a", "Žluťoučký")]
    assert document.meta == {"encoding": "iso-8859-2"}


def test_elements_nested_too_deeply_are_refused(read):
    deep = "<div>" * 300 + "x"
    with pytest.raises(DocumentError, match="nested more than 256 deep"):
        read("a.html", deep)
    (document,) = read("a.html", deep, nesting=400)
    assert parts(document) == [("a", "x")]


@pytest.mark.parametrize("page", ["", " ", "<", "<p", "</p></div>", "<![CDATA[", "plain & simple"])
def test_any_text_is_a_page(read, page):
    (document,) = read("a.html", page)
    assert document.title == "a"
