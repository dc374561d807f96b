"""Which rows an event needs, and which stored leads an identity may mean."""

from __future__ import annotations

from typing import Any

import pytest

from services.enricher.domain.providers import EnrichForm, EnrichRetry
from services.enricher.domain.record import AliasRow, IdentifierRow, LeadRow
from services.enricher.domain.row_keys import (
    RowKeys,
    identity_matches,
    keys_of_event,
    keys_of_identity,
    opted_out_lead_id,
    stored_lead,
    surviving_lead_id,
)
from shared.lead.events.parts import Person
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.signal_received import SignalPerson, SignalReceivedV1
from shared.lead.identity import Identity, identify
from shared.lead.ids import lead_id_of
from shared.storage.rows import IdentityMap
from tests.support.forms import ANA, AT, form

PHONE, PROFILE = "+4930901820", "https://www.linkedin.com/in/ana"
ANA_ID, DOMAIN = lead_id_of(f"email:{ANA}"), "brightloom.example"


def identity(**texts: str) -> Identity:
    found = identify(**texts)
    assert found is not None
    return found


def opt_out(email: str | None, type_: Any = "opt_out") -> SignalReceivedV1:
    person = SignalPerson(email=email) if email is not None else None
    return SignalReceivedV1(type=type_, occurred_at=AT, person=person)


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (EnrichForm(form()), RowKeys((ANA_ID,), accounts=(DOMAIN,))),
        (
            EnrichForm(form(phone=PHONE, linkedin_url=PROFILE)),
            RowKeys((ANA_ID,), (f"phone:{PHONE}", f"linkedin:{PROFILE}"), accounts=(DOMAIN,)),
        ),
        (EnrichRetry("lead-1", "enricher", "enrich-again", AT), RowKeys(("lead-1",))),
        (
            PersonErasedV1(["lead-1", "lead-2"], email_hash="x", at=AT, accounts=[DOMAIN]),
            RowKeys(("lead-1", "lead-2"), (), True, (DOMAIN,)),
        ),
        (opt_out(ANA), RowKeys((ANA_ID,))),
        (opt_out(None), RowKeys()),
        (opt_out(ANA, "funding_round"), RowKeys()),
        (Person(), RowKeys()),
    ],
    ids=[
        "form",
        "form-with-identifiers",
        "retry",
        "erasure",
        "opt-out",
        "nobody",
        "other-signal",
        "other-event",
    ],
)
def test_an_event_needs_the_rows_of_its_leads_and_identifiers(data, keys):
    assert keys_of_event(data) == keys


def test_an_account_lead_needs_no_identifiers():
    company = identity(domain="brightloom.example")
    assert keys_of_identity(company) == RowKeys((company.lead_id,))


@pytest.mark.parametrize(
    ("email", "lead_id"),
    [
        (ANA, ANA_ID),
        ("Ana+x@Brightloom.example", ANA_ID),
        ("at example", None),
        ("", None),
        (None, None),
    ],
)
def test_an_opt_out_is_about_the_lead_of_its_address(email, lead_id):
    assert opted_out_lead_id(opt_out(email)) == lead_id


def test_a_reserved_id_is_no_lead():
    rows = IdentityMap([LeadRow("reserved"), LeadRow("lead", revision=1)])
    assert stored_lead(rows, "reserved") is None
    assert stored_lead(rows, "unknown") is None
    assert stored_lead(rows, "lead") == LeadRow("lead", revision=1)


def test_an_alias_survives_as_the_lead_that_answers_for_it():
    rows = IdentityMap([AliasRow("alias", "lead")])
    assert (surviving_lead_id(rows, "alias"), surviving_lead_id(rows, "lead")) == ("lead", "lead")


def test_the_matches_of_an_identity_are_the_owners_of_its_identifiers():
    rows = IdentityMap(
        [
            LeadRow("caller", revision=1),
            LeadRow("ben", revision=2, person=Person(email="ben@brightloom.example")),
            LeadRow("reserved"),
            IdentifierRow(f"phone:{PHONE}", ["ben", "reserved", "caller", "erased"]),
        ]
    )
    matches = identity_matches(rows, identity(email=ANA, phone=PHONE, linkedin_url=PROFILE))
    assert matches.owners == {f"phone:{PHONE}": ["ben", "caller"], f"linkedin:{PROFILE}": []}
    assert matches.has_email == {"caller": False, "ben": True}
    assert matches.aliases == {ANA_ID: ANA_ID}


def test_the_matches_of_an_alias_are_the_lead_that_answers_for_it():
    rows = IdentityMap([LeadRow("caller", revision=1), AliasRow(ANA_ID, "caller"), LeadRow(ANA_ID)])
    matches = identity_matches(rows, identity(email=ANA))
    assert (matches.aliases, matches.has_email) == ({ANA_ID: "caller"}, {"caller": False})


def test_an_identity_that_nobody_has_matches_nothing():
    matches = identity_matches(IdentityMap(), identity(email=ANA, phone=PHONE))
    assert (matches.has_email, matches.owners) == ({}, {f"phone:{PHONE}": []})
