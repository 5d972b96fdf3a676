from __future__ import annotations

import json
from dataclasses import dataclass, make_dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.artefacts import CARD, WEIGHTS, Artefact, Card, fingerprint_of, identity_of
from rag_router.assembly import REGISTRIES
from rag_router.errors import ArtefactError
from rag_router.filters.threshold import ThresholdFilter
from rag_router.gates.confidence import ConfidenceGate
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.retrievers.fused import FusedRetriever
from rag_router.retrievers.reranked import RerankedRetriever
from rag_router.retrievers.sparse import SparseRetriever

CARD_OF_TINY = Card(
    method="gate/confidence",
    model="tiny",
    model_fingerprint="f" * 64,
    prompt_hash="a" * 64,
    date="2026-01-31",
    metrics={"auroc": 0.75},
    threshold=0.4,
    notes={"größe": 12},
)
ARTEFACT = Artefact(card=CARD_OF_TINY, weights={"curve": np.array([1.5, -0.25])})


@pytest.fixture
def saved(tmp_path):
    ARTEFACT.save(tmp_path / "gate")
    return tmp_path / "gate"


def test_what_was_saved_comes_back_for_the_same_model_and_prompt(saved):
    back = Artefact.load(saved, model_fingerprint="f" * 64, prompt_hash="a" * 64)
    assert back.weights["curve"].tolist() == [1.5, -0.25]
    assert replace(back.card, weights_sha256="") == CARD_OF_TINY


def test_an_artefact_is_two_files_and_neither_is_a_pickle(saved):
    assert sorted(path.name for path in saved.iterdir()) == [CARD, WEIGHTS]
    assert list(saved.parent.iterdir()) == [saved]


def test_saving_again_replaces_the_artefact(saved):
    Artefact(card=CARD_OF_TINY, weights={"curve": np.zeros(2)}).save(saved)
    assert Artefact.load(saved).weights["curve"].tolist() == [0.0, 0.0]


def test_edited_weights_are_refused(saved):
    payload = bytearray((saved / WEIGHTS).read_bytes())
    payload[-1] ^= 1
    (saved / WEIGHTS).write_bytes(payload)
    with pytest.raises(ArtefactError, match="not what the card says"):
        Artefact.load(saved)


def test_another_model_is_refused_and_both_are_named(saved):
    with pytest.raises(ArtefactError, match=r"model ffffffffffff .tiny.*in use is eeeeeeeeeeee"):
        Artefact.load(saved, model_fingerprint="e" * 64)


def test_another_prompt_is_refused_and_both_are_named(saved):
    with pytest.raises(ArtefactError, match=r"prompt aaaaaaaaaaaa .tiny.*in use is bbbbbbbbbbbb"):
        Artefact.load(saved, model_fingerprint="f" * 64, prompt_hash="b" * 64)


@pytest.mark.parametrize(
    "card", ["", "{", "[]", "[1]", '"text"', "null", "{}", '{"method": "m"}', '{"surprise": 1}']
)
def test_a_card_that_is_none_is_refused(saved, card):
    (saved / CARD).write_text(card)
    with pytest.raises(ArtefactError, match="not a readable artefact"):
        Artefact.load(saved)


@pytest.mark.parametrize("missing", [CARD, WEIGHTS])
def test_a_missing_file_is_an_error_of_its_own(saved, missing):
    (saved / missing).unlink()
    with pytest.raises(ArtefactError, match="not a readable artefact"):
        Artefact.load(saved)


def test_weights_that_are_no_safetensors_are_refused_even_if_the_card_vouches_for_them(saved):
    from hashlib import sha256

    (saved / WEIGHTS).write_bytes(b"\x80\x04K\x01.")
    card = json.loads((saved / CARD).read_text())
    card["weights_sha256"] = sha256(b"\x80\x04K\x01.").hexdigest()
    (saved / CARD).write_text(json.dumps(card))
    with pytest.raises(ArtefactError):
        Artefact.load(saved)


def test_a_folder_of_something_else_is_never_written_over(tmp_path):
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter.txt").write_text("years of work")
    with pytest.raises(ArtefactError, match="is not an artefact"):
        ARTEFACT.save(folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["thesis", "chapter.txt"]


def test_a_fingerprint_tells_where_one_part_ends_and_the_next_begins():
    assert fingerprint_of("ab", "c") != fingerprint_of("a", "bc")
    assert fingerprint_of("ab") != fingerprint_of("ab", "")
    assert fingerprint_of("é") == fingerprint_of("é".encode())


# --- the identity of a value --------------------------------------------------------------------


@dataclass(frozen=True)
class Weighed:
    """A value that holds an array."""

    weights: Any
    scale: float = 1.0


def longer(last: float) -> np.ndarray:
    """So many numbers that `repr` leaves out the middle."""
    values = np.zeros(5000)
    values[2500] = last
    return values


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ConfidenceGate(threshold=0.5), ConfidenceGate(threshold=0.6)),
        (ConfidenceGate(curve=(1.0, 0.0, 0.0)), ConfidenceGate(curve=(1.0, 0.0, 1e-12))),
        (ThresholdFilter(), ThresholdFilter(min_support=0.1)),
        (SparseRetriever(k=3), SparseRetriever(k=4)),
        (
            FusedRetriever(members=(SparseRetriever(k=3),)),
            FusedRetriever(members=(SparseRetriever(k=4),)),
        ),
        (Weighed(longer(0.0)), Weighed(longer(1e-9))),
        (Weighed(np.zeros(4)), Weighed(np.zeros((2, 2)))),
        (Weighed(np.zeros(4)), Weighed(np.zeros(4, dtype=np.float32))),
        (Weighed(np.zeros(1)), Weighed((0.0,))),
        (Weighed(()), Weighed((), scale=2.0)),
        (1, 1.0),
        (1, True),
        (1, "1"),
        ("1", b"1"),
        (None, "None"),
        (0.1 + 0.2, 0.3),
        (("ab", "c"), ("a", "bc")),
        ((1, (2, 3)), ((1, 2), 3)),
        ((1, 2), (2, 1)),
        ((1, 2), frozenset({1, 2})),
        ((), {}),
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"b": 1}),
        ({1: "a"}, {"1": "a"}),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
    ],
)
def test_values_that_differ_anywhere_differ_in_their_identity(one, other):
    assert identity_of(one) != identity_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ConfidenceGate(threshold=0.5), ConfidenceGate(threshold=0.5)),
        # The settings say 1, Python says 1.0; the field is a float.
        (ConfidenceGate(threshold=1), ConfidenceGate(threshold=1.0)),
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}),
        (frozenset({"a", "b", "c"}), frozenset({"c", "b", "a"})),
        ((1, 2), [1, 2]),
        (np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))),
        (np.arange(10)[::2], np.array([0, 2, 4, 6, 8])),
        (ScriptedModel({"a": Reply("b")}), ScriptedModel({"a": Reply("b")})),
    ],
)
def test_values_that_are_equal_have_the_same_identity(one, other):
    assert identity_of(one) == identity_of(other)


def test_what_has_a_fingerprint_is_told_by_it():
    assert identity_of(ScriptedModel({}, name="a")) != identity_of(ScriptedModel({}, name="b"))


def test_two_plug_ins_may_call_their_classes_the_same():
    one, other = (
        make_dataclass("Gate", [("k", int)], frozen=True, namespace={"__module__": module})
        for module in ("ours", "theirs")
    )
    assert identity_of(one(k=1)) != identity_of(other(k=1))


@pytest.mark.parametrize(
    "odd",
    [object(), lambda: None, {1, 2}, Weighed(object()), ("a", object()), {"a": object()}, Weighed],
)
def test_what_cannot_be_told_apart_is_refused(odd):
    with pytest.raises(TypeError, match=r"the identity of a .* cannot be told"):
        identity_of(odd)


def test_an_array_of_objects_is_refused_since_its_bytes_are_addresses():
    with pytest.raises(TypeError, match="ndarray"):
        identity_of(np.array([object()], dtype=object))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON)
def test_identities_are_equal_exactly_where_the_values_are(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (identity_of(one) == identity_of(other)) == same


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in REGISTRIES.items() for name in names]
)
def test_every_component_can_be_told_from_others(kind, name):
    # What is kept of an answer is kept under the components that made it.
    assert len(identity_of(REGISTRIES[kind].build(name))) == 64


def test_what_does_not_count_in_comparisons_tells_nothing_apart():
    stopped = RerankedRetriever(clock=lambda: 0.0)
    assert identity_of(stopped) == identity_of(RerankedRetriever())
    assert identity_of(stopped) != identity_of(RerankedRetriever(seconds=1.0))
