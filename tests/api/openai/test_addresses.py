from __future__ import annotations

import pytest

from rag_router.api.openai.addresses import safe_address


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/a?b=1&c=%20#d",
        "http://example.org:8080/",
        "HTTPS://EXAMPLE.ORG",
        "http://127.0.0.1/",
        "https://example.org/Zürich",
        "https://xn--bcher-kva.example/",
    ],
)
def test_addresses_of_the_web_are_followed_as_they_are(address):
    assert safe_address(f" {address}\n") == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        None,
        7,
        "javascript:alert(1)",
        "JaVaScRiPt://example.org/%0aalert(1)",
        "data:text/html;base64,PGI+",
        "file:///etc/passwd",
        "ftp://example.org/",
        "//example.org/a",
        "/\\example.org",
        "https:example.org",
        "https:///example.org",
        "https://",
        "https://example.org@evil.example/",
        "https://example.org:pw@evil.example/",
        "https://@evil.example/",
        "https://example.org:port/",
        "https://еxample.org/",
        "https://example.org/\u202egpj.exe",
        "https://example.org/\u200b",
        "https://example.org/a b",
        "https://example.org/) [x](javascript:alert(1)",
        'https://example.org/" onclick="x',
        "https://example.org/<script>",
        "https://example.org/" + "a" * 2000,
        "java\nscript:alert(1)",
    ],
)
def test_what_is_not_what_it_looks_like_is_no_address(address):
    assert safe_address(address) == ""
