from __future__ import annotations

from dataclasses import replace

import pytest
from little_house import parts

from rag_router.api.openai.profiles import answer_text, source_events, url_citations
from rag_router.api.openai.sources import marked, sources_of
from rag_router.assembly import assemble
from rag_router.settings import Settings
from rag_router.types import Citation, Evidence, Hit, Judged, Passage, Side


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    orchestrator = assemble(Settings(home=folder / "home"), parts(folder))
    return orchestrator.answer(["How often is the Larkspur valve calibrated?"])[0]


def read(id_, *, title="", kept=True, support=None, **meta):
    passage = Passage(id=id_, title=title, text=f"text of {id_}", index="books", meta=meta)
    hit = Hit(passage=passage, retriever="list", score=1.0, rank=1)
    return Judged(hit=hit, kept=kept, support=support)


def cited(id_, start, end):
    return Citation(
        passage_id=id_, index="books", start=0, end=1, answer_start=start, answer_end=end
    )


def answer(answered, text, judged, citations, **more):
    return replace(
        answered,
        text=text,
        message=text,
        evidence=Evidence(judged=tuple(judged)),
        citations=tuple(citations),
        **more,
    )


TEXT = "Rome is old. Oslo is cold."


def two(answered):
    return answer(
        answered,
        TEXT,
        [read("a"), read("b"), read("c", kept=False)],
        [cited("b", 0, 12), cited("a", 13, 26), cited("b", 13, 26)],
    )


def test_sources_are_numbered_in_the_order_in_which_they_are_cited(answered):
    sources = sources_of(two(answered))
    assert [(one.number, one.id) for one in sources] == [(1, "b"), (2, "a")]
    assert sources[0].spans == ((0, 12), (13, 26))


def test_numbers_stand_behind_what_they_are_cited_for(answered):
    assert marked(TEXT, sources_of(two(answered))) == "Rome is old [1]. Oslo is cold [1][2]."


def test_what_was_dropped_is_no_source_even_if_it_is_cited(answered):
    one = answer(answered, TEXT, [read("c", kept=False)], [cited("c", 0, 12)])
    assert sources_of(one) == []


def test_an_answer_with_several_sides_has_its_numbers_already(answered):
    text = "Passages disagree: Rome [1]; Oslo [2]"
    sides = (Side(answer="Rome", confidence=0.5, passages=(), citations=()),)
    one = answer(answered, text, [read("a"), read("b")], [cited("b", 29, 33)], disagreement=sides)
    sources = sources_of(one)
    assert [(source.number, source.id) for source in sources] == [(1, "a"), (2, "b")]
    assert answer_text(one, sources, "openwebui", "") == text


@pytest.mark.parametrize(
    ("meta", "url"),
    [
        ({"url": "https://example.org/a?b=1#c"}, "https://example.org/a?b=1#c"),
        ({"source": "http://example.org/"}, "http://example.org/"),
        ({"url": "javascript:alert(1)"}, "urn:rag-router:books:a%20b"),
        ({"url": "data:text/html,hi"}, "urn:rag-router:books:a%20b"),
        ({"url": "https://example.org/) [x](javascript:y"}, "urn:rag-router:books:a%20b"),
        ({"url": "file:///etc/passwd", "link": 7}, "urn:rag-router:books:a%20b"),
        ({"url": "//example.org/a"}, "urn:rag-router:books:a%20b"),
        ({"url": "https://example.org@evil.example/"}, "urn:rag-router:books:a%20b"),
        ({"url": "nothing", "link": "https://example.org/"}, "https://example.org/"),
    ],
)
def test_only_addresses_that_are_safe_to_follow_are_followed(answered, meta, url):
    (source,) = sources_of(answer(answered, TEXT, [read("a b", **meta)], [cited("a b", 0, 12)]))
    assert source.url == url
    assert source.on_the_web is not url.startswith("urn:")
    (event,) = source_events([source])
    assert ("url" in event["event"]["data"]["source"]) is source.on_the_web


def test_citations_of_the_interface_have_offsets_in_the_answer(answered):
    told = url_citations(sources_of(two(answered)))
    assert [
        (one["url_citation"]["start_index"], one["url_citation"]["end_index"]) for one in told
    ] == [(0, 12), (13, 26), (13, 26)]


def test_the_list_of_sources_is_markdown_that_titles_cannot_break(answered):
    title = "A [b](javascript:x) *c*\u202e <img src=x>"
    one = answer(
        answered,
        "Rome",
        [read("a", title=title, url="https://example.org/"), read("b", title="B_b")],
        [cited("a", 0, 4), cited("b", 0, 4)],
    )
    text = answer_text(one, sources_of(one), "librechat", "")
    assert text.split("\n") == [
        "Rome [1][2]",
        "",
        "**Sources**",
        "",
        r"1. [A \[b\]\(javascript:x\) \*c\* \<img src=x\>](https://example.org/)",
        r"2. B\_b",
    ]


def test_what_was_said_already_is_not_said_again(answered):
    one, sources = two(answered), sources_of(two(answered))
    assert answer_text(one, sources, "strict", TEXT) == ""
    assert answer_text(one, sources, "strict", "Rome is") == " old. Oslo is cold."
    # What is out cannot be marked any more; the numbers stand at the end.
    assert answer_text(one, sources, "openwebui", TEXT) == " [1][2]"


def test_how_likely_a_passage_helps_is_told_and_how_similar_it_is_is_not(answered):
    one = answer(answered, TEXT, [read("a", support=0.71239)], [cited("a", 0, 12)])
    (event,) = source_events(sources_of(one))
    assert event["event"]["data"]["distances"] == [0.7124]
    (event,) = source_events(sources_of(two(answered))[:1])
    assert "distances" not in event["event"]["data"]
