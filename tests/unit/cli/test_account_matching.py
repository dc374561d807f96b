"""`baton accounts match` and `baton leads account`: what is sent, and what a person reads."""

from __future__ import annotations

import json

import pytest

MATCHING = {
    "account": "brightloom.example",
    "by": "name",
    "score": 92,
    "candidates": [
        {
            "account": "brightloom.example",
            "name": "Brightloom Inc",
            "score": 92,
            "name_score": 94,
            "facts": ["postcode"],
        },
        {
            "account": "brightroom.example",
            "name": "Brightroom",
            "score": 63,
            "name_score": 84,
            "rejected": "nothing but the name agrees",
        },
    ],
    "tie_break": None,
    "actor": None,
}


def test_a_preview_shows_the_candidates_and_why_not(baton, gateway):
    gateway.answers["POST /v1/accounts/match"] = MATCHING
    code, out, _ = baton("accounts", "match", "Brightlom Inc", "--postcode", "94105")
    assert code == 0
    assert gateway.bodies == [{"company": {"name": "Brightlom Inc", "postcode": "94105"}, "email": None}]
    first, *table = out.splitlines()
    assert first == "brightloom.example (by name, 92 of 100)"
    assert "postcode" in table[1]
    assert "nothing but the name agrees" in table[2]
    _, out, _ = baton("accounts", "match", "--email", "a@gmail.com", "--json")
    assert json.loads(out) == MATCHING


@pytest.mark.parametrize(
    ("arguments", "account", "says"),
    [
        (["brightloom.example"], "brightloom.example", "brightloom.example"),
        (["--split"], None, "split from its account"),
    ],
)
def test_a_lead_is_put_into_an_account_or_split(baton, gateway, arguments, account, says):
    gateway.answers["POST /v1/leads/lead-1/account"] = (202, {"lead_id": "lead-1", "account": account})
    code, out, _ = baton("leads", "account", "lead-1", *arguments)
    assert (code, out) == (0, f"lead-1: {says}\n")
    assert gateway.bodies == [{"account": account, "reason": None}]


@pytest.mark.parametrize("arguments", [[], ["a.example", "--split"]])
def test_either_an_account_or_a_split_is_named(baton, gateway, arguments):
    code, _, _ = baton("leads", "account", "lead-1", *arguments)
    assert code != 0
    assert gateway.requests == []
