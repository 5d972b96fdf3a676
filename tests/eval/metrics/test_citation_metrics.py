from __future__ import annotations

import pytest

from rag_router.eval.metrics.citations import CitedClaim, citation_score


def holds(premise, claim):
    return all(word in premise.split() for word in claim.split())


def score(*claims):
    return citation_score([CitedClaim(claim, tuple(cited)) for claim, *cited in claims], holds)


def test_a_citation_too_many_lowers_precision_and_not_recall():
    # "c d" does not imply "a b", and "a b" does without it.
    found = score(("a b", "a b", "c d"))
    assert (found.recall, found.precision) == (1.0, 1 / 2)
    assert found.f1 == pytest.approx(2 * 1 * 0.5 / 1.5)


def test_two_that_imply_a_claim_only_together_are_both_of_use():
    assert score(("a b", "a", "b")).precision == 1.0


def test_where_the_claim_is_not_implied_no_citation_is_of_use():
    found = score(("a b", "a"), ("c", "c"))
    assert (found.recall, found.precision) == (1 / 2, 1 / 2)


def test_without_citations_recall_is_none_of_the_claims_and_precision_is_unknown():
    found = score(("a",))
    assert (found.recall, found.precision, found.f1) == (0.0, None, None)


def test_without_claims_nothing_is_known():
    assert citation_score([], holds).recall is None
