from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import SettingsError
from rag_router.settings import RedactionSettings
from rag_router.store.redaction import Redactor

ALL = Redactor(RedactionSettings(kinds=("email", "phone", "key")))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Write to ann.lee+x@mail.example.org.", "Write to [email]."),
        ("jürgen@müller.de, please", "[email], please"),
        ("Call +49 30 1234567 now", "Call [phone] now"),
        ("Call (030) 123 45 67", "Call [phone]"),
        ("Call 555-123-4567.", "Call [phone]."),
        ("Call 0041 44 668 18 00!", "Call [phone]!"),
        ("the key sk-abcdEFGH1234567890xyz is", "the key [key] is"),
        ("AKIAIOSFODNN7EXAMPLE", "[key]"),
        (f"rr_0123456789abcdef_{'x' * 43}", "[key]"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_-1 end", "token [key] end"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nok", "[key]\nok"),
        (f"sha {'0a' * 32}", "sha [key]"),
    ],
)
def test_what_is_known_is_named_in_its_place(text, kept):
    assert ALL.text(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "The war of 1939-1945 and the year 2026-11-22 at 16:05:00",
        "It has 53,602 passages, 384 dimensions and costs 1,234.56 EUR",
        "pi is 3.14159265358979 and e 2.718281828459045",
        "@home, a@b, http://example.org/a-very-long-path/of-words-and-nothing-else-in-it-at-all",
        "Donaudampfschifffahrtsgesellschaftskapitän",
    ],
)
def test_what_only_looks_a_little_like_it_stays(text):
    assert ALL.text(text) == text


def test_without_settings_everything_stays():
    assert not Redactor()
    assert Redactor().within({"a": "ann@example.org"}) == {"a": "ann@example.org"}


def test_patterns_of_settings_come_first():
    own = Redactor(RedactionSettings(kinds=("email",), patterns={"patient": r"P-\d{6}"}))
    assert own.text("P-123456 is ann@example.org, not P-12") == "[patient] is [email], not P-12"


def test_all_texts_of_a_document_are_searched_and_ids_of_ours_stay():
    id_ = "trace_" + "0a" * 16
    answer = {
        "id": id_,
        "question": "Who is ann@example.org?",
        "passages": [{"id": f"{id_}#0", "text": "ann@example.org", "score": 0.5, "kept": True}],
    }
    assert ALL.within(answer) == {
        "id": id_,
        "question": "Who is [email]?",
        "passages": [{"id": f"{id_}#0", "text": "[email]", "score": 0.5, "kept": True}],
    }


def test_a_line_of_a_log_keeps_the_ids_that_it_is_found_by():
    id_ = "0123456789abcdef" * 2
    line = f"request {id_} of trace_{id_} failed: ann@example.org has sk-abcdEFGH1234567890xyz"
    assert ALL.line(line) == f"request {id_} of trace_{id_} failed: [email] has [key]"


def test_a_pattern_that_takes_for_ever_is_stopped_and_the_text_blotted_out():
    slow = Redactor(RedactionSettings(patterns={"slow": r"(a|aa)+$"}, milliseconds=20))
    begun = time.perf_counter()
    assert slow.text("a" * 60 + "b") == "[redacted]"
    assert time.perf_counter() - begun < 5.0
    assert slow.text("b") == "b"


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("(", "is no pattern"), ("a*", "finds nothing everywhere"), ("a" * 501, "501 characters")],
)
def test_a_pattern_that_makes_no_sense_is_named(pattern, said):
    with pytest.raises(SettingsError, match=said):
        Redactor(RedactionSettings(patterns={"mine": pattern}))


@given(st.text(alphabet="a1@.+-_/=( )0\n", max_size=400))
def test_the_known_ones_are_quick_on_any_text(text):
    begun = time.perf_counter()
    ALL.text(text)
    assert time.perf_counter() - begun < 1.0


@pytest.mark.parametrize("piece", ["a", "1", "a1", "0 ", "a@", "a.", "-", "+1 ", "eyJ", "@a."])
def test_the_known_ones_are_quick_on_long_texts(piece):
    patient = Redactor(RedactionSettings(kinds=("email", "phone", "key"), milliseconds=1000))
    begun = time.perf_counter()
    patient.text(piece * (20_000 // len(piece)))
    assert time.perf_counter() - begun < 4.0
