from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from rag_router.artefacts import CARD, WEIGHTS, Artefact, Card, fingerprint_of
from rag_router.errors import ArtefactError

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
