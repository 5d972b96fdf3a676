"""The parts of asking an endpoint: addresses, keys, events, waits, and leaving it alone."""

from __future__ import annotations

import itertools
import json
import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import SettingsError
from rag_router.models.remote_address import address_of
from rag_router.models.remote_breaker import Breaker
from rag_router.models.remote_keys import Key, load_key
from rag_router.models.remote_reply import ReplyReader
from rag_router.models.remote_stream import EventReader
from rag_router.models.remote_tokens import estimated_tokens, pieces
from rag_router.models.remote_waiting import asked_to_wait, backoff

# --- addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://host.example/v1",
        "https://host.example/v1/",
        "https://host.example/v1/chat/completions",
    ],
)
def test_an_address_leads_to_the_chat_completions(url):
    assert address_of(url, name="big") == "https://host.example/v1/chat/completions"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host.example/v1",
        "file:///etc/passwd",
        "host.example/v1",
        "https:///v1",
        "https://me:hidden@host.example/v1",
        "https://host.example/v1?key=hidden",
        "https://host.example/v1#hidden",
        "https://host.example:port/v1",
        "https://ho st.example/v1",
    ],
)
def test_an_address_of_another_kind_or_with_a_secret_is_refused_and_not_shown(url):
    with pytest.raises(SettingsError, match="the address of big") as caught:
        address_of(url, name="big")
    assert "hidden" not in str(caught.value)


# --- keys ---------------------------------------------------------------------------------------


def test_a_key_is_read_from_the_environment_or_a_file(tmp_path):
    file = tmp_path / "key"
    file.write_text("sk-from-file\n")
    named = load_key(variable="BIG_KEY", file=None, name="big", environment={"BIG_KEY": "sk-1 "})
    assert named.headers() == {"Authorization": "Bearer sk-1"}
    found = load_key(variable=None, file=file, name="big", environment={})
    assert found.headers() == {"Authorization": "Bearer sk-from-file"}
    assert load_key(variable=None, file=None, name="big") is None


def test_a_key_that_is_not_there_or_cannot_be_sent_is_an_error_that_shows_nothing(tmp_path):
    with pytest.raises(SettingsError, match="variable BIG_KEY holds nothing"):
        load_key(variable="BIG_KEY", file=None, name="big", environment={})
    with pytest.raises(SettingsError, match="No such file"):
        load_key(variable=None, file=tmp_path / "none", name="big")
    with pytest.raises(SettingsError, match="both key_env and key_file"):
        load_key(variable="A", file=tmp_path / "none", name="big")
    for text in ("secret\r\nHost: elsewhere", "sécret", "s" * 9_000):
        with pytest.raises(SettingsError, match="does not hold a key") as caught:
            load_key(variable="A", file=None, name="big", environment={"A": text})
        assert text[:6] not in str(caught.value)


def test_a_key_is_not_shown_nor_written():
    key = Key("sk-secret")
    assert (repr(key), str(key), f"{key}") == ("Key(***)",) * 3
    assert key.hidden_in("wrong key sk-secret!") == "wrong key ***!"
    with pytest.raises(TypeError):
        pickle.dumps(key)


# --- events -------------------------------------------------------------------------------------

STREAM = (
    "\ufeff: hello\r\ndata: one\r\n\r\nevent: x\ndata:two\ndata:  three\n\n"
    "id: 4\n\ndata: vier é\u2028漢\r\rdata: [DONE]\n\n"
)
EVENTS = ["one", "two\n three", "vier é\u2028漢", "[DONE]"]


def read(pieces_):
    reader = EventReader()
    return [event for piece in pieces_ for event in reader.feed(piece)], reader.rest()


def test_events_are_read_with_every_line_end_comments_and_several_lines():
    assert read([STREAM.encode()]) == (EVENTS, None)


@given(cuts=st.lists(st.integers(0, len(STREAM.encode()))))
def test_events_are_the_same_wherever_the_stream_is_cut(cuts):
    body = STREAM.encode()
    places = [0, *sorted(cuts), len(body)]
    assert read([body[a:b] for a, b in itertools.pairwise(places)]) == (EVENTS, None)


def test_what_comes_after_the_last_blank_line_is_kept_apart():
    assert read([b"data: a\n\ndata: b"]) == (["a"], "b")
    assert read([b"data: a\n\ndata: b\n"]) == (["a"], "b")
    assert read([b"data: a\n\n: c"]) == (["a"], None)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_as_no_text(body):
    try:
        read([body])
    except UnicodeDecodeError:
        assert body.decode("utf-8", "replace") != body.decode("utf-8", "ignore")


# --- replies ------------------------------------------------------------------------------------


def reply_of(*chunks):
    reader = ReplyReader("big")
    for chunk in chunks:
        reader.take_event(chunk if isinstance(chunk, str) else json.dumps(chunk))
    return reader.reply([{"role": "user", "content": "who"}])


def delta(content, finish=None, **more):
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    return {"choices": [choice | more]}


def test_a_reply_may_end_with_a_reason_or_with_the_word_done():
    assert reply_of(delta(" Ro"), delta("me ", "stop")).text == "Rome"
    assert reply_of(delta("Rome"), "[DONE]").text == "Rome"
    assert reply_of(delta("Rome", "length")).cut


def test_other_choices_and_chunks_without_words_add_nothing():
    other = {"choices": [{"index": 1, "delta": {"content": "Paris"}}]}
    empty = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]}
    usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 1}}
    reply = reply_of(empty, other, delta("Rome", "stop"), usage)
    assert (reply.text, reply.prompt_tokens, reply.counted) == ("Rome", 7, True)


def test_tokens_that_do_not_make_up_the_words_are_not_told():
    told = {"content": [{"token": "Ro", "logprob": -0.5}]}
    assert reply_of(delta("Rome", "stop", logprobs=told)).tokens == ()
    told = {"content": [{"token": "Rome", "logprob": 1e-9}]}
    assert reply_of(delta("Rome", "stop", logprobs=told)).tokens[0].logprob == 0.0


def test_counts_that_cannot_be_are_estimated_instead():
    reply = reply_of(delta("Rome", "stop") | {"usage": {"prompt_tokens": -1}})
    # "Rome"; and 4 for the message with "who".
    assert (reply.counted, reply.completion_tokens, reply.prompt_tokens) == (False, 1, 5)


# --- tokens -------------------------------------------------------------------------------------


@given(st.text())
def test_pieces_join_to_the_text_they_were_cut_from(text):
    assert "".join(pieces(text)) == text


def test_tokens_are_estimated_by_words_numbers_and_signs():
    # "Who", " wrote", " Hamlet", " in", " 160", "1", "?"
    assert estimated_tokens("Who wrote Hamlet in 1601?") == 7


# --- waiting ------------------------------------------------------------------------------------

NOW = 784111777.0
"""Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110."""


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60.0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),
        ("9" * 30, math.inf),
        ("-5", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("Sun, 99 Nov 1994 08:50:37 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value, seconds):
    assert asked_to_wait(value, now=NOW) == seconds


def wait(attempt, *, seed=0, request="r"):
    return backoff(attempt, first_s=0.5, longest_s=8.0, seed=seed, request=request)


def test_waits_double_to_a_most_and_are_drawn_below_it():
    mosts = [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    assert all(0 <= wait(n) < most for n, most in enumerate(mosts))
    assert 0 <= wait(10_000) < 8.0


def test_waits_go_by_seed_request_and_attempt_alone():
    assert wait(3) == wait(3)
    assert len({wait(3), wait(3, seed=1), wait(3, request="s"), wait(4)}) == 4


# --- leaving alone ------------------------------------------------------------------------------


class Watch:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def breaker(**more):
    watch = Watch()
    return Breaker(failures=2, rest_s=30.0, clock=watch, **more), watch


def fail(one, times, **more):
    for _ in range(times):
        assert one.admit()
        one.did_fail(**more)


def test_it_opens_after_failures_in_a_row_and_not_before():
    one, _ = breaker()
    fail(one, 1)
    assert one.admit()
    one.succeeded()
    fail(one, 1)
    assert one.state == "closed"
    fail(one, 1)
    assert (one.state, one.admit(), one.rests_s) == ("open", False, 30.0)


def test_half_open_one_may_try_and_its_outcome_decides():
    one, watch = breaker()
    fail(one, 2)
    watch.now = 30.0
    assert one.state == "half-open"
    assert (one.admit(), one.admit()) == (True, False)
    one.did_fail()
    assert (one.state, one.rests_s) == ("open", 30.0)
    watch.now = 60.0
    assert one.admit()
    one.succeeded()
    assert (one.state, one.failed) == ("closed", 0)


def test_who_tried_and_gave_up_lets_another_try():
    one, watch = breaker()
    fail(one, 2)
    watch.now = 31.0
    assert one.admit()
    one.gave_up()
    assert one.admit()


def test_it_rests_for_as_long_as_it_is_asked_to():
    one, _ = breaker()
    fail(one, 2, rest_s=90.0)
    assert one.rests_s == 90.0
