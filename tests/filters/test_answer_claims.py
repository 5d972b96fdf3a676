from __future__ import annotations

import pytest

from rag_router.filters.claims import Claim, claims_of


@pytest.mark.parametrize(
    ("text", "core"),
    [
        ("The answer is Paris.", "Paris."),
        ("The correct answer to this question is: Paris.", "Paris."),
        ("According to the passage, it was Paris.", "Paris."),
        ("Paris, according to the text.", "Paris"),
        ("It is Paris, as the passage says.", "Paris"),
        ("Answer: Paris", "Paris"),
        ("Paris is the answer", "Paris is the answer"),
        ("It is.", "It is."),
    ],
)
def test_words_that_lead_to_an_answer_claim_nothing(text, core):
    assert Claim(text).core == core


def test_a_claim_stands_where_it_did_with_its_lead():
    assert [(c.start, c.end) for c in claims_of("It is Rome. The answer is Paris.")] == [
        (0, 11),
        (12, 32),
    ]


def test_news_are_the_words_that_were_not_asked_for():
    claim = Claim("The river of Rome is the Tiber")
    assert claim.news(Claim("Which river has Rome?")).terms == {"tiber"}
    assert claim.news(claim).terms == claim.terms
