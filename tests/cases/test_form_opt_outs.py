"""Who opted out is not routed, whatever a form or an export calls it; and who did not, is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api

OPTED_OUT: list[dict[str, Any]] = [
    {"doNotEmail": "1"},
    {"HasOptedOutOfEmail": "true"},
    {"Email Opt Out": "t"},
    {"Email Opt Out": "TRUE"},
    {"Do Not Contact": "x"},
    {"unsubscribed": "yes"},
    {"hs_email_optout": "true"},
    {"Unsubscribed from all email": "Yes"},
    {"opted out": "maybe"},
    {"Opt-out date": "2024-05-01"},
    {"Abgemeldet": "ja"},
    {"Ne pas contacter": "oui"},
    {"subscription status": "Unsubscribed"},
    {"email marketing status": "opted out"},
    {"newsletter": "unsubscribed"},
    {"consent": "withdrawn"},
    {"email permission": "revoked"},
    {"suppressed": "yes"},
    {"Marketing emails": "unsubscribed"},
    {"No marketing": "yes"},
    {"Remove from list": "yes"},
    {"Kein Newsletter": "ja"},
    {"Refus emailing": "oui"},
    {"Não enviar emails": "sim"},
    {"opt_out": ["no", "yes"]},
]
NOT_OPTED_OUT: list[dict[str, Any]] = [
    {"Email Opt Out": "FALSE"},
    {"Do Not Contact": "0"},
    {"unsubscribed": ""},
    {"opted out": "no"},
    {"Abgemeldet": "nein"},
    {"opt_out": "n/a"},
    {"Opted Out": "not opted out"},
    {"unsubscribed": "still subscribed"},
    {"Email Opt Out": "Opted in"},
    {"subscription status": "subscribed"},
    {"unsubscribe link": "https://example.com/u/1"},
    {"HasOptedOutOfFax": "true"},
    {"newsletter": "no"},
    {"marketing emails": "subscribed"},
    {"company status": "removed"},
    {"No marketing budget": "yes"},
]
FORMS: list[dict[str, Any]] = [*OPTED_OUT, *NOT_OPTED_OUT]


@pytest.fixture(scope="module")
def views(api: Api) -> list[dict[str, Any]]:
    sent = []
    for index, fields in enumerate(FORMS):
        answer = api.http.post("/hooks/forms/website", json={"email": f"hal@optout{index}.example", **fields})
        assert answer.status_code == 202, answer.text
        sent.append(answer.json())
    return [api.settled(one) for one in sent]


@pytest.mark.parametrize(("index", "fields"), list(enumerate(OPTED_OUT)))
def test_an_opt_out_is_suppressed(views: list[dict[str, Any]], index: int, fields: dict[str, Any]) -> None:
    assert (views[index]["status"], views[index]["decision"].get("reason")) == ("suppressed", "opted_out")


@pytest.mark.parametrize(("index", "fields"), list(enumerate(NOT_OPTED_OUT, len(OPTED_OUT))))
def test_what_is_no_opt_out_is_routed(
    views: list[dict[str, Any]], index: int, fields: dict[str, Any]
) -> None:
    assert views[index]["status"] == "routed"
