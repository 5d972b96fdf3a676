"""Asking an endpoint that fails in every way: in time, in words, and never with a key shown."""

from __future__ import annotations

import json
import threading
import time

import pytest

from rag_router.errors import CancelledError, RemoteError
from rag_router.models.remote_client import Chat, RemoteClient
from rag_router.models.remote_keys import Key
from rag_router.models.scripted_endpoint import (
    ScriptedEndpoint,
    breaks_off,
    falls_silent,
    hangs,
    refuses,
    says,
    sends,
    trickles,
)
from rag_router.settings import RemoteSettings

SECRET = "sk-very-secret-0123456789"
CHAT = Chat(messages=({"role": "user", "content": "who wrote hamlet"},), max_tokens=24)
QUICK = {
    "connect_s": 1.0,
    "first_byte_s": 0.3,
    "between_bytes_s": 0.3,
    "total_s": 2.0,
    "retries": 0,
    "backoff_s": 0.01,
    "failures": 3,
    "rest_s": 60.0,
}


def client_of(endpoint, *, key=None, **more):
    settings = RemoteSettings(**(QUICK | more))
    return RemoteClient(settings, url=endpoint.url, name="big", model="m-1", key=key)


def ask(*acts, key=None, within_s=None, heard=None, **more):
    """The reply to one chat, and what the endpoint heard."""
    with ScriptedEndpoint(acts) as endpoint:
        client = client_of(endpoint, key=key, **more)
        try:
            return client.chat(CHAT, within_s=within_s, heard=heard), endpoint.heard
        finally:
            client.close()


def failure(*acts, **more):
    """What asking fails with, and how many seconds that took."""
    began = time.monotonic()
    with pytest.raises(RemoteError) as caught:
        ask(*acts, **more)
    return caught.value, time.monotonic() - began


# --- as it should be ----------------------------------------------------------------------------


def test_a_streamed_reply_comes_with_its_words_tokens_and_counts():
    reply, (heard,) = ask(says("William Shakespeare", logprob=-0.25))
    # Pieces of at most six letters: "Willia", "m", " Shakes", "peare".
    assert [token.text for token in reply.tokens] == ["Willia", "m", " Shakes", "peare"]
    assert [token.logprob for token in reply.tokens] == [-0.25] * 4
    assert (reply.text, reply.cut, reply.counted) == ("William Shakespeare", False, True)
    assert (reply.prompt_tokens, reply.completion_tokens) == (100, 4)
    assert heard.path == "/v1/chat/completions"
    assert heard.body == {
        "model": "m-1",
        "messages": [{"role": "user", "content": "who wrote hamlet"}],
        "temperature": 0.0,
        "max_tokens": 24,
        "stream": True,
        "stream_options": {"include_usage": True},
        "logprobs": True,
    }
    assert "authorization" not in heard.headers


def test_a_reply_in_one_piece_is_read_as_well():
    reply, (heard,) = ask(says("Shakespeare"), stream=False)
    assert (reply.text, reply.tokens, reply.counted) == ("Shakespeare", (), True)
    assert heard.body["stream"] is False
    assert "stream_options" not in heard.body


def test_what_nobody_counted_is_estimated():
    reply, _ = ask(says("Shakespeare", usage=False))
    # "Shakes", "peare"; and 4 for the message with "who", " wrote", " hamlet".
    assert (reply.counted, reply.completion_tokens, reply.prompt_tokens) == (False, 2, 7)


def test_words_are_heard_as_they_come():
    pieces = []
    ask(says("William Shakespeare"), heard=pieces.append)
    assert pieces == ["Willia", "m", " Shakes", "peare"]


def test_the_key_is_sent_and_shown_nowhere():
    key = Key(SECRET)
    _, (heard,) = ask(says("x"), key=key)
    assert heard.headers["authorization"] == f"Bearer {SECRET}"
    quoting = refuses(401, said=f"Incorrect API key provided: {SECRET}")
    error, _ = failure(quoting, key=key)
    assert "big answers with HTTP 401: Incorrect API key provided: ***." in str(error)
    assert not error.retryable
    event = json.dumps({"error": {"message": f"bad {SECRET}"}})
    error, _ = failure(sends(f"data: {event}\n\n".encode()), key=key)
    assert SECRET not in str(error)
    assert SECRET not in repr(key) + str(key) + f"{key}"


# --- what goes wrong ----------------------------------------------------------------------------


def test_one_that_hangs_is_given_up_after_its_first_byte_did_not_come():
    error, seconds = failure(hangs())
    assert str(error) == "big said nothing for 0.3 s."
    assert error.retryable
    assert 0.3 <= seconds < 1.5


def test_one_that_falls_silent_is_given_up():
    error, seconds = failure(falls_silent("William"))
    assert str(error) == "big fell silent for 0.3 s in the middle of its answer."
    assert seconds < 1.5


@pytest.mark.parametrize("head", [False, True])
def test_one_that_sends_a_byte_now_and_then_is_given_up_when_all_time_is_over(head):
    # Each single wait is short enough: no time-out of one read would ever end this.
    error, seconds = failure(trickles(0.05, head=head), total_s=0.6, first_byte_s=5.0)
    assert str(error) == "big was not done within 0.6 s."
    assert 0.6 <= seconds < 1.8


def test_the_time_of_whoever_asks_counts_where_it_is_shorter():
    error, seconds = failure(hangs(), first_byte_s=30.0, total_s=60.0, within_s=0.4)
    assert str(error) == "big was not done within 0.4 s."
    assert seconds < 1.6


def test_one_that_closes_before_the_end_has_broken_off():
    error, _ = failure(breaks_off("William"))
    assert str(error).startswith("big broke off: peer closed connection")
    error, _ = failure(breaks_off())
    assert str(error).startswith("big broke off: Server disconnected")


def test_a_stream_that_ends_before_it_says_so_has_broken_off():
    chunk = json.dumps({"choices": [{"index": 0, "delta": {"content": "Will"}}]})
    error, _ = failure(sends(f"data: {chunk}\n\n".encode()))
    assert "big broke off after 4 characters." in str(error)
    error, _ = failure(sends(f'data: {chunk}\n\ndata: {{"choi'.encode()))
    assert "big broke off after 4 characters." in str(error)


@pytest.mark.parametrize(
    ("act", "says_"),
    [
        (sends(b"data: {oops\n\n"), "big sent '{oops', which is no JSON."),
        (sends(b"data: [1]\n\n"), "big sent '[1]', which is no reply."),
        (sends(b'data: {"choices": 3}\n\n'), "big sent a reply without choices."),
        (sends(b"data: \xff\xfe\n\n"), "big sent bytes that are no text."),
        (sends(b"{}", kind="application/json"), "big sent a reply without choices."),
        (
            sends(b'{"choices": [{"message": {"content": 7}}]}', kind="application/json"),
            "big sent a reply without words.",
        ),
        (sends(b"<html>", kind="text/html"), "big sent text/html in place of a chat completion."),
        (sends(b"\x00\x01 garbage\r\n\r\n", bare=True), "big does not speak HTTP as it should"),
    ],
    ids=["json", "list", "shape", "bytes", "whole", "words", "page", "http"],
)
def test_garbage_is_told_as_such(act, says_):
    error, _ = failure(act)
    assert str(error).startswith(says_)
    assert error.retryable


def test_an_error_in_the_middle_of_a_stream_is_one():
    event = json.dumps({"error": {"message": "out of memory"}})
    error, _ = failure(sends(f"data: {event}\n\n".encode()))
    assert str(error) == "big says: out of memory"


def test_no_more_is_read_than_the_settings_allow():
    flood = b": " + b"x" * 5_000 + b"\n"
    error, _ = failure(sends(flood * 2), response_kb=4)
    assert "big sent more than 4 KB" in str(error)


def test_redirects_are_not_followed():
    with ScriptedEndpoint([says("stolen")]) as other:
        error, _ = failure(refuses(307, headers={"Location": f"{other.url}/chat/completions"}))
        assert other.heard == []
    assert "Redirects are not followed" in error.hint
    assert not error.retryable


def test_nobody_at_the_address_cannot_be_reached():
    with ScriptedEndpoint([says("x")]) as endpoint:
        client = client_of(endpoint)
    with pytest.raises(RemoteError, match=r"big cannot be reached: .*refused"):
        client.chat(CHAT)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_will_be_refused_again_is_not_asked_again(status):
    with ScriptedEndpoint([refuses(status, said="no")]) as endpoint:
        client = client_of(endpoint, retries=5)
        with pytest.raises(RemoteError, match=f"HTTP {status}: no") as caught:
            client.chat(CHAT)
    assert (len(endpoint.heard), caught.value.retryable) == (1, False)
    # It answered, after all.
    assert client.breaker.state == "closed"


# --- once more ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_who_is_refused_for_now_asks_again(status):
    reply, heard = ask(refuses(status), refuses(status), says("Shakespeare"), retries=2)
    assert (reply.text, len(heard)) == ("Shakespeare", 3)


def test_who_broke_off_is_asked_again_unless_somebody_has_heard_of_it():
    reply, heard = ask(breaks_off("Will"), says("Shakespeare"), retries=1)
    assert (reply.text, len(heard)) == ("Shakespeare", 2)
    pieces = []
    failure(breaks_off("Will"), says("Shakespeare"), retries=1, heard=pieces.append)
    assert pieces == ["Will"]


def test_it_is_asked_again_only_so_often():
    error, _ = failure(refuses(429, said="slow down"), retries=2)
    assert str(error) == "big answers with HTTP 429: slow down."


def test_it_waits_for_as_long_as_it_is_asked_to():
    began = time.monotonic()
    reply, _ = ask(refuses(429, headers={"Retry-After": "1"}), says("x"), retries=1, total_s=5.0)
    assert reply.text == "x"
    assert 1.0 <= time.monotonic() - began < 4.0


def test_it_does_not_begin_to_wait_for_longer_than_there_is_time():
    error, seconds = failure(refuses(429, headers={"Retry-After": "60"}), retries=5)
    assert str(error) == (
        "big answers with HTTP 429. There is no time to wait 60.0 s for another attempt."
    )
    assert seconds < 1.5


def test_what_an_endpoint_does_not_take_is_left_out_from_then_on():
    refusal = refuses(422, said="Unexpected keys in the request: {'logprobs'}")
    with ScriptedEndpoint([refusal, says("a"), says("b")]) as endpoint:
        client = client_of(endpoint)
        assert [client.chat(CHAT).text, client.chat(CHAT).text] == ["a", "b"]
        assert not client.tells_logprobs
    assert ["logprobs" in one.body for one in endpoint.heard] == [True, False, False]


# --- left alone ---------------------------------------------------------------------------------


def test_who_failed_too_often_is_left_alone_without_a_request():
    with ScriptedEndpoint([refuses(500)]) as endpoint:
        client = client_of(endpoint, failures=2)
        for _ in range(2):
            with pytest.raises(RemoteError, match="HTTP 500"):
                client.chat(CHAT)
        with pytest.raises(RemoteError, match="left alone: 2 requests in a row failed") as caught:
            client.chat(CHAT)
    assert len(endpoint.heard) == 2
    assert caught.value.retryable


def test_after_its_rest_one_request_tries_whether_it_answers():
    with ScriptedEndpoint([refuses(500), says("x")]) as endpoint:
        client = client_of(endpoint, failures=1, rest_s=0.2)
        with pytest.raises(RemoteError, match="HTTP 500"):
            client.chat(CHAT)
        assert client.breaker.state == "open"
        time.sleep(0.25)
        assert client.chat(CHAT).text == "x"
        assert client.breaker.state == "closed"


def test_who_gives_up_blames_nobody():
    gone = threading.Event()
    with ScriptedEndpoint([trickles(0.02)]) as endpoint:
        client = client_of(endpoint, failures=1, total_s=10.0)
        threading.Timer(0.2, gone.set).start()
        with pytest.raises(CancelledError):
            client.chat(CHAT, cancelled=gone.is_set)
    assert client.breaker.state == "closed"
