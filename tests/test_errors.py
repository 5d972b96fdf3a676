from __future__ import annotations

import pytest

from rag_router import errors
from rag_router.errors import (
    ArtefactError,
    BusyError,
    CancelledError,
    DataError,
    DocumentError,
    FetchError,
    IndexCorruptError,
    ModelError,
    OverloadedError,
    QuestionError,
    QuotaError,
    RagRouterError,
    RemoteError,
    SettingsError,
    UnavailableError,
    UnknownNameError,
    UsageError,
    did_you_mean,
)


@pytest.mark.parametrize(
    ("branch", "leaves", "exit_code"),
    [
        (UsageError, [SettingsError, UnknownNameError], 2),
        (DataError, [QuestionError, DocumentError], 3),
        (UnavailableError, [ModelError, FetchError, ArtefactError, IndexCorruptError], 4),
        (CancelledError, [CancelledError], 130),
    ],
)
def test_each_branch_of_the_tree_exits_with_its_own_code(branch, leaves, exit_code):
    assert branch.exit_code == exit_code
    for leaf in leaves:
        assert issubclass(leaf, branch)
        assert leaf.exit_code == exit_code


def test_only_what_may_pass_by_itself_is_retryable():
    named = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error")]
    assert {error for error in named if error.retryable} == {
        FetchError,
        RemoteError,
        BusyError,
        OverloadedError,
        QuotaError,
    }


def test_every_error_is_drawn_in_the_tree_of_the_docstring():
    for name in errors.__all__:
        if name.endswith("Error"):
            assert name in errors.__doc__
            assert issubclass(getattr(errors, name), RagRouterError)


def test_an_error_reads_as_what_was_seen_and_then_what_would_work():
    assert str(ModelError("no weights.", hint="Fetch them.")) == "no weights. Fetch them."
    assert str(ModelError("no weights.")) == "no weights."


def test_an_unknown_name_suggests_the_nearest_one():
    error = UnknownNameError("gate", "entropi", ["never", "entropy"])
    assert str(error) == "no gate named 'entropi'. Did you mean 'entropy'?"
    assert error.known == ["entropy", "never"]


def test_without_a_near_name_all_names_are_listed():
    assert did_you_mean("zzz", ["always", "never"]) == "Known: always, never."
    assert did_you_mean("zzz", [], "index") == "There is no index at all yet."
    assert did_you_mean("zzz", []) == ""


def test_a_family_is_suggested_to_whoever_asks_for_it_by_its_common_name():
    gates = ["skr_prompt", "skr_classifier", "skr_in_context", "never"]
    assert did_you_mean("skr", gates) == (
        "Did you mean 'skr_classifier', 'skr_in_context' or 'skr_prompt'?"
    )
    assert did_you_mean("skr", ["skr_in_context", "never"]) == "Did you mean 'skr_in_context'?"
    assert did_you_mean("sk", gates).startswith("Known: ")


def test_a_hint_of_ones_own_replaces_the_suggestion():
    error = UnknownNameError("index", "wiki", ["wikis"], hint="Make it first.")
    assert str(error) == "no index named 'wiki'. Make it first."
