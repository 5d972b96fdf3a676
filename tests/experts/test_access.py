"""Who may use which expert."""

from __future__ import annotations

import pytest

from rag_router.errors import UnknownNameError, UsageError
from rag_router.experts import Card
from rag_router.experts.access import candidates


def card(name, tenants=None):
    limited = None if tenants is None else frozenset(tenants)
    return Card(name=name, kind="local", model="m", abilities=frozenset(), tenants=limited)


OPEN, COURT, CLINIC = card("open"), card("law", {"court"}), card("health", {"clinic", "court"})
ALL = [OPEN, COURT, CLINIC]


def names(*given, **more):
    return [one.name for one in candidates(*given, **more)]


def test_whom_a_tenant_may_not_use_is_no_candidate():
    assert names(ALL, "court") == ["open", "law", "health"]
    assert names(ALL, "clinic") == ["open", "health"]
    assert names(ALL, None) == ["open"]


def test_a_named_expert_is_the_only_candidate():
    assert names(ALL, "clinic", "health") == ["health"]


def test_a_forbidden_expert_is_refused_as_one_that_does_not_exist():
    with pytest.raises(UnknownNameError) as forbidden:
        candidates(ALL, "clinic", "law")
    with pytest.raises(UnknownNameError) as missing:
        candidates([OPEN, CLINIC], "clinic", "law")
    # Not even the hint tells that somebody of that name is there.
    assert str(forbidden.value) == str(missing.value)


def test_a_tenant_without_any_expert_is_told_so():
    with pytest.raises(UsageError, match="no expert is there"):
        candidates([COURT], None)
