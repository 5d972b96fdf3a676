from __future__ import annotations

from rag_router.indices.markdown import read_markdown


def test_the_first_heading_is_the_title_and_sections_carry_their_path():
    text = "Before.\n# Rome\nAbout.\n## River\nTiber.\n### Bridges\nMany.\n## Hills\nSeven.\n"
    title, sections = read_markdown(text, "file")
    assert title == "Rome"
    assert [(s.title, s.text.strip()) for s in sections] == [
        ("Rome", "Before."),
        ("Rome", "About."),
        ("Rome > River", "Tiber."),
        ("Rome > River > Bridges", "Many."),
        ("Rome > Hills", "Seven."),
    ]


def test_sections_know_where_they_begin():
    text = "# Rome\nAbout.\n## River ##\nTiber."
    _, sections = read_markdown(text, "file")
    assert [text[s.start : s.start + len(s.text)] for s in sections] == ["About.\n", "Tiber."]
    assert sections[1].title == "Rome > River"


def test_a_document_without_a_first_level_heading_takes_the_fallback():
    title, sections = read_markdown("Text.\n## Part\nMore.", "file")
    assert (title, [s.title for s in sections]) == ("file", ["file", "file > Part"])


def test_another_first_level_heading_stands_below_the_title():
    _, sections = read_markdown("# One\na\n# Two\nb\n## Three\nc", "file")
    assert [s.title for s in sections] == ["One", "One > Two", "One > Two > Three"]


def test_headings_in_fenced_code_are_code():
    text = "# Title\n```sh\n# comment\n~~~\n```\n~~~~\n# no\n~~~\n# no\n~~~~\n#hashtag\n# Yes\nend"
    title, sections = read_markdown(text, "file")
    assert title == "Title"
    assert [s.title for s in sections] == ["Title", "Title > Yes"]


def test_empty_headings_and_blank_sections_give_nothing():
    title, sections = read_markdown("# T\n\n## A\n\n## B\ntext", "file")
    assert (title, [s.title for s in sections]) == ("T", ["T > B"])
