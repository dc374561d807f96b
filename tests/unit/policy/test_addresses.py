"""Addresses in a policy: web addresses, and the origins that browsers send."""

from __future__ import annotations

import pytest

from shared.policy.addresses import is_origin, is_web_address
from shared.policy.form_fields import FORM_FIELDS, is_form_field


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://www.example.com", True),
        ("http://localhost:8080", True),
        ("https://example.com:443", True),
        ("HTTPS://Example.com", False),
        ("https://example.com/", False),
        ("https://example.com/thanks?a=b", False),
        ("https://[::1]:8080", True),
    ],
)
def test_a_web_address_is_http_with_a_host(text: str, origin: bool) -> None:
    assert is_web_address(text)
    assert is_origin(text.casefold()) is (origin or text.startswith("HTTPS"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "www.example.com",
        "//example.com",
        "ftp://example.com",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https://user@example.com",
        "https://user:secret@example.com",
        "https://example.com:0",
        "https://example.com:99999",
        "https://example.com:port",
        "https://exa mple.com",
        "https://example.com/a b",
        "https://example.com\\@evil.example",
        "https://example.com/\n",
        "https://example.com/\x00",
        "https://[::1",
    ],
)
def test_what_is_no_web_address_is_no_origin_either(text: str) -> None:
    assert not is_web_address(text)
    assert not is_origin(text)


def test_an_address_has_no_fragment() -> None:
    assert not is_web_address("https://example.com/#top")
    assert not is_origin("https://example.com#top")


@pytest.mark.parametrize("name", [*FORM_FIELDS, "answers.team size", "answers.x"])
def test_a_form_can_fill_these_fields(name: str) -> None:
    assert is_form_field(name)


@pytest.mark.parametrize(
    "name", ["", "answers", "answers.", "person", "person.mail", "score.fit", "Answers.x"]
)
def test_a_form_cannot_fill_these_fields(name: str) -> None:
    assert not is_form_field(name)
