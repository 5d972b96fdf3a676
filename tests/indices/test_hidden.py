from __future__ import annotations

import json

from rag_router.indices.documents import Document, Section
from rag_router.indices.hidden import unhidden
from rag_router.indices.readers import read_paths

HIDDEN = "\u202e\u2066\u200b\u00ad\ufeff\U000e0041"


def test_what_nobody_sees_is_left_out_and_counted():
    sections = (
        Section(title=f"A{HIDDEN}", text=f"Rome{HIDDEN} is old.", pages=((0, 1), (14, 2))),
        Section(title="B", text="Oslo.", start=20),
    )
    document = Document(id="d", title=f"{HIDDEN}T", source="s", sections=sections)
    seen, count = unhidden(document)
    assert count == 3 * 6
    assert (seen.title, seen.sections[0].title) == ("T", "A")
    assert seen.sections[0].text == "Rome is old."
    # The second page began 14 characters in, of which 6 are gone.
    assert seen.sections[0].pages == ((0, 1), (8, 2))
    assert seen.sections[1].start == 20 - 6


def test_every_page_begins_where_its_words_do():
    pages = [f"Page {n}{HIDDEN * (n % 3)} is here." for n in range(3_000)]
    begins = [0]
    for page in pages[:-1]:
        begins.append(begins[-1] + len(page) + 2)
    numbers = tuple((begin, n) for n, begin in enumerate(begins))
    section = Section(title="T", text="\n\n".join(pages), pages=numbers)
    seen, count = unhidden(Document(id="d", title="T", source="s", sections=(section,)))
    assert count == 3_000 * 6
    text = seen.sections[0].text
    for begin, n in seen.sections[0].pages:
        assert text.startswith(f"Page {n} is here.", begin)


def test_a_document_without_any_is_the_same_one():
    sections = (Section(title="T", text="Zürich, 東京 \N{HEAVY BLACK HEART}\ufe0f می‌خواهم"),)
    document = Document(id="d", title="T", source="s", sections=sections)
    seen, count = unhidden(document)
    assert (seen is document, count) == (True, 0)


def test_readers_leave_hidden_characters_out_and_say_how_many(tmp_path):
    (tmp_path / "a.md").write_text(f"# Ti{HIDDEN}tle\n\nText{HIDDEN}.", encoding="utf-8")
    row = {"id": "j", "title": "J", "text": f"Li{HIDDEN}ne"}
    (tmp_path / "b.jsonl").write_text(json.dumps(row), encoding="utf-8")
    documents, skipped = read_paths([tmp_path])
    assert [(d.title, d.sections[0].text) for d in documents] == [
        ("Title", "\nText."),
        ("J", "Line"),
    ]
    assert [(one.reason, one.count) for one in skipped] == [
        ("hidden characters are left out", 18),
        ("hidden characters are left out", 6),
    ]
    assert not any(one.broken for one in skipped)
