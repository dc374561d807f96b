"""What a source may say: of a public one, facts that only a server knows stay answers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.gateway.domain.form_activity import with_activity
from services.gateway.domain.forms import lead_from_source, read_form
from services.gateway.domain.sources import HookSource, source_of
from services.gateway.domain.trust import SERVER_SIDE_FIELDS
from shared.errors import Reject
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Activity, Company, Origin, Person
from shared.policy.models import FormActivity, SourceConfig, SourceDefaults

AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
PUBLIC = HookSource("web", trust="public", defaults=SourceDefaults(channel="website"))
BOAST = LeadReceivedV1(
    person=Person(
        email="a@b.example", title="CEO", seniority="cxo", department="it", email_status="verified"
    ),
    company=Company(
        name="B",
        employees=90,
        technologies=["dbt"],
        revenue_usd=5,
        growth_pct=40,
        last_funding_at=AT,
        hiring=["it"],
    ),
    source=Origin(channel="partner", name="portal", campaign="spring"),
    activities=[Activity("demo_request", AT)],
    answers={"Seniority": "junior"},
)


def test_server_side_facts_of_a_public_source_are_kept_as_answers():
    assert lead_from_source(BOAST, PUBLIC) == LeadReceivedV1(
        person=Person(email="a@b.example", title="CEO"),
        company=Company(name="B", employees=90, technologies=["dbt"]),
        source=Origin(channel="website", name="web", campaign="spring"),
        answers={
            "seniority": ["junior", "cxo"],
            "department": "it",
            "email status": "verified",
            "revenue usd": 5,
            "growth pct": 40,
            "last funding at": "2026-03-01T09:00:00Z",
            "hiring": ["it"],
            "source channel": "partner",
            "source name": "portal",
            "activities": '[{"type":"demo_request","at":"2026-03-01T09:00:00Z"}]',
        },
    )


@pytest.mark.parametrize("trust", ["signed", "internal"])
def test_a_source_that_proves_itself_is_believed(trust):
    assert lead_from_source(BOAST, HookSource("crm", trust=trust)) == BOAST


@pytest.mark.parametrize(
    ("label", "field"),
    [
        ("source channel", "source.channel"),
        ("source name", "source.name"),
        ("annual revenue usd", "company.revenue_usd"),
    ],
)
def test_a_label_does_not_fill_a_server_side_field_of_a_public_source(label, field):
    assert field in SERVER_SIDE_FIELDS
    lead = read_form({"email": "a@b.example", label: "5000000"}, PUBLIC)
    assert lead.answers == {label: "5000000"}
    assert lead.source == Origin(channel="website", name="web")
    assert read_form({label: "5000000"}, HookSource("crm")).answers == {}


def test_answers_that_become_too_many_for_an_event_are_refused():
    crowded = LeadReceivedV1(
        answers={f"question {number}": "x" for number in range(200)}, source=Origin(channel="partner")
    )
    with pytest.raises(Reject) as rejected:
        lead_from_source(crowded, PUBLIC)
    assert (rejected.value.status, rejected.value.kind) == (422, "too-many-fields")


@pytest.mark.parametrize(
    ("field", "value", "is_caught"),
    [
        ("_gotcha", "x", True),
        (" _GOTCHA ", "x", True),
        ("website_url", "https://a.example", True),
        ("_gotcha", True, True),
        ("_gotcha", "", False),
        ("_gotcha", "  ", False),
        ("_gotcha", None, False),
        ("_gotcha", False, False),
        ("_gotcha", [], False),
        ("gotcha", "x", False),
        ("Website URL", "https://a.example", False),
    ],
)
def test_a_honeypot_catches_what_is_filled_in_under_its_very_name(field, value, is_caught):
    source = source_of("web", SourceConfig(kind="form", public=True, honeypot=("_gotcha", "Website_URL")))
    assert read_form({"email": "a@b.example", field: value}, source).source.honeypot is (is_caught or None)
    if isinstance(value, str):
        lead = lead_from_source(LeadReceivedV1(answers={field: value}), source)
        assert lead.source.honeypot is (is_caught or None)


def test_a_form_has_the_first_activity_of_its_source_beside_its_own():
    source = HookSource("crm", first_activity=lambda _facts, _at: FormActivity(type="call"))
    own = [Activity("webinar", AT)] * 200
    lead = with_activity(LeadReceivedV1(activities=own), source, AT)
    assert len(lead.activities) == 200
    assert lead.activities[-1] == Activity("call", AT)
