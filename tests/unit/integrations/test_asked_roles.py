"""The people of a company are asked for in the vendor's own words for buying roles."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from shared.integrations.provider_preset import ProviderPreset
from shared.integrations.vendor_requests import ask_request

ASKED = {"domain": "kestrel.example", "roles": "economic_buyer,technical"}
WORDS = {"roles": {"economic_buyer": "c_suite, vp", "technical": "it"}}


def body_of(body: Any, **given: Any) -> Any:
    """Return the body of the request of a made-up vendor whose preset has this body."""
    ask = {"contacts": {"method": "POST", "path": "/people", "body": body, "items": "people"}}
    preset = {
        "vendor": "rolodex",
        "title": "Rolodex",
        "docs": "https://docs.rolodex.example",
        "base_url": "https://api.rolodex.example",
        "auth": {"header": "x-key"},
        "ask": ask,
        "answer": {"person.title": "title"},
        **given,
    }
    request = ask_request(ProviderPreset.model_validate(preset), "contacts", ASKED, "key")
    assert request is not None
    return msgspec.json.decode(request.content or b"null")


@pytest.mark.parametrize(
    ("tables", "words"),
    [({}, ["economic_buyer", "technical"]), (WORDS, ["c_suite", "vp", "it"])],
    ids=["own words", "the vendor's"],
)
def test_roles_are_a_text_or_a_list(tables: dict[str, Any], words: list[str]):
    body = {"site": "{domain}", "levels": ["{roles}"], "text": "{roles}", "fixed": ["a", "{domain}"]}
    assert body_of(body, tables=tables) == {
        "site": "kestrel.example",
        "levels": words,
        "text": ",".join(words),
        "fixed": ["a", "kestrel.example"],
    }
