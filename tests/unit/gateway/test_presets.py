"""Vendors' shapes: each becomes the lead that the person meant, and nothing sent breaks the reading."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.preset_outcomes import form_of
from services.gateway.domain.sources import HookSource
from services.gateway.intake.vendor_items import HookRequest, read_request
from shared.integrations.catalog import built_in_integrations
from shared.lead.events.lead_received import LeadReceivedV1

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
TYPEFORM: dict[str, Any] = {
    "event_id": "LtWXD3crgy",
    "event_type": "form_response",
    "form_response": {
        "form_id": "lT4Z3j",
        "token": "a3a12ec67a1365927098a606107fac15",
        "submitted_at": "2026-03-02T09:00:00Z",
        "hidden": {"utm_source": "google"},
        "definition": {
            "fields": [
                {"id": "1", "title": "Where can we reach you?", "type": "email", "ref": "a"},
                {"id": "2", "title": "Company size", "type": "multiple_choice", "ref": "b"},
                {"id": "3", "title": "Interest", "type": "multiple_choice", "ref": "c"},
                {"id": "4", "title": "Full name", "type": "short_text", "ref": "d"},
            ]
        },
        "answers": [
            {
                "type": "email",
                "email": "ana@kestrel.example",
                "field": {"id": "1", "type": "email", "ref": "a"},
            },
            {"type": "choice", "choice": {"label": "51-200"}, "field": {"id": "2"}},
            {"type": "choices", "choices": {"labels": ["price", "demo"]}, "field": {"id": "3"}},
            {"type": "text", "text": "Ana Ruiz", "field": {"id": "4"}},
            {"type": "boolean", "boolean": True, "field": {"id": "5", "ref": "newsletter"}},
            {"type": "phone_number", "phone_number": "+14155550100", "field": {"id": "6"}},
        ],
    },
}
WEBFLOW = {
    "triggerType": "form_submission",
    "payload": {
        "id": "6321ca84df3949bfc6752327",
        "name": "Contact",
        "formId": "65429eadebe8a9f3a30f62d0",
        "submittedAt": "2026-03-02T09:00:00.000Z",
        "data": {"Full Name": "Ana Ruiz", "Work Email": "ana@kestrel.example", "Company Size": "51-200"},
    },
}
HUBSPOT = {
    "vid": 1,
    "properties": {
        "email": {"value": "ana@kestrel.example"},
        "firstname": {"value": "Ana"},
        "lastname": "Ruiz",
        "numemployees": {"value": "51-200"},
        "hs_analytics_source": {"value": "DIRECT_TRAFFIC"},
    },
}
META = {
    "id": "1234567890",
    "form_id": "42",
    "created_time": "2026-03-02T09:00:00+0000",
    "field_data": [
        {"name": "email", "values": ["ana@kestrel.example"]},
        {"name": "full_name", "values": ["Ana Ruiz"]},
        {"name": "company_size", "values": ["51-200"]},
    ],
}
BODIES: dict[str, dict[str, Any]] = {
    "typeform": TYPEFORM,
    "webflow": WEBFLOW,
    "hubspot": HUBSPOT,
    "meta": META,
}
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def read(body: dict[str, Any], kind: str, **fields: str) -> LeadReceivedV1:
    preset = built_in_integrations().forms[kind].preset
    source = HookSource("s", kind, fields=fields, preset=preset)
    sent = HookRequest(msgspec.json.encode(body), "application/json")
    (item,) = read_request(preset, sent, AT).items
    return form_of(item, source).lead


@pytest.mark.parametrize("kind", BODIES)
def test_person_and_company_size_are_read_from_every_vendor(kind):
    lead = read(BODIES[kind], kind)
    assert (lead.person.email, lead.person.first_name, lead.person.last_name) == (
        "ana@kestrel.example",
        "Ana",
        "Ruiz",
    )
    assert lead.company.employees == 51


@pytest.mark.parametrize("kind", ["typeform", "webflow", "meta"])
def test_a_response_has_an_id_of_its_own_so_that_it_counts_once(kind):
    lead = read(BODIES[kind], kind)
    assert lead.event_id
    assert lead.source.form_id
    assert lead.source.submitted_at == AT


def test_typeform_choices_hidden_fields_consent_and_phone_are_read():
    lead = read(TYPEFORM, "typeform")
    assert lead.answers == {"interest": ["price", "demo"]}
    assert (lead.source.utm, lead.consent.marketing) == ({"source": "google"}, True)
    assert lead.person.phone == "+14155550100"


def test_a_mapped_typeform_question_is_not_read_by_its_kind():
    answer = {"type": "email", "email": "ben@kestrel.example", "field": {"ref": "Colleague"}}
    lead = read({"form_response": {"answers": [answer]}}, "typeform", colleague="answers.colleague")
    assert (lead.person.email, lead.answers) == (None, {"colleague": "ben@kestrel.example"})


@pytest.mark.parametrize("id_", [[], {}, None, 1.5])
def test_a_question_whose_id_is_no_text_is_read(id_):
    question = {"id": id_, "title": "Company"}
    answer = {"type": "text", "text": "Kestrel", "field": {"id": id_}}
    response = {"definition": {"fields": [question]}, "answers": [answer]}
    lead = read({"form_response": response}, "typeform")
    assert "Kestrel" in (lead.company.name, *lead.answers.values())


def test_internal_properties_of_hubspot_are_left_out():
    assert read(HUBSPOT, "hubspot").answers == {}


def test_an_opt_out_in_hubspot_is_an_opt_out():
    told = {"properties": {"email": {"value": "ana@kestrel.example"}, "hs_email_optout": {"value": "true"}}}
    assert read(told, "hubspot").consent.opted_out


@pytest.mark.parametrize("kind", BODIES)
def test_a_flat_form_is_read_whatever_the_kind(kind):
    assert read({"email": "ana@kestrel.example"}, kind).person.email == "ana@kestrel.example"


@given(st.sampled_from([*BODIES]), st.dictionaries(TEXT, JSON, max_size=4), JSON, st.data())
def test_any_body_is_read_without_an_error(kind, body, part, data):
    told_by = data.draw(st.sampled_from(["form_response", "payload", "properties", "field_data", "x"]))
    inner = data.draw(st.sampled_from(["answers", "definition", "data", "hidden", "email"]))
    body[told_by] = data.draw(st.sampled_from([part, {inner: part}, [part], [{inner: part}]]))
    msgspec.json.encode(read(body, kind))
