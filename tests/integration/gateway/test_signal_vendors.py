"""The signal vendors that come with Baton, over HTTP: ids that wait for who tells them, opt-outs, repeats."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.gateway import RunningGateway

TOKEN = "a-token-of-vendors"
VENDORS = ("klipy", "lusha", "nitrobox", "bombora", "explorium", "opt_out_notice")
SOURCES = "sources:\n" + "".join(
    f"  {vendor.replace('_', '-')}: {{kind: {vendor}, secret_env: VENDOR_TOKEN}}\n" for vendor in VENDORS
)
OLA = "ola.berg@quillstone.example"
JOB_CHANGE = {
    "type": "contact.job_changed",
    "object": "event",
    "data": {
        "contact_id": "p-1",
        "previous_title": "Head of Sales",
        "new_title": "CRO",
        "new_company_id": "c-1",
    },
}
INTERACTION = {
    "type": "interaction.captured",
    "object": "event",
    "data": {
        "id": "int_1",
        "people": [{"id": "p-1", "email": OLA}],
        "company": {"id": "c-1", "domain": "quillstone.example"},
    },
}


@pytest.fixture
async def vendors(start_gateway, monkeypatch) -> RunningGateway:
    monkeypatch.setenv("VENDOR_TOKEN", TOKEN)
    gateway: RunningGateway = await start_gateway()
    await gateway.apply_policy(sources=SOURCES)
    return gateway


async def post(gateway: RunningGateway, source: str, body: Any) -> Any:
    path = f"/hooks/signals/{source}/{TOKEN}"
    status, answer, _ = await gateway.ask("POST", path, json=body, headers={"Authorization": ""})
    assert status == 202, answer
    return answer


async def work(gateway: RunningGateway) -> None:
    """Do what waits: parked items whose ids are known by now."""
    while await gateway.work.step():
        pass


async def test_a_job_change_waits_until_an_interaction_tells_whose_its_ids_are(vendors):
    assert await post(vendors, "klipy", JOB_CHANGE) == {"parked": 1}
    assert await post(vendors, "klipy", INTERACTION) == {"ignored": 1}
    await work(vendors)
    (event,) = await vendors.events("signals.received.v1", 1)
    signal = event.data
    assert (signal.type, event.subject, signal.person.email) == ("job_change", "quillstone.example", OLA)
    assert signal.details["title"] == "CRO"


async def test_a_company_is_known_by_the_id_that_a_contact_told(vendors):
    moved = {"currentCompanyId": 48120077, "currentDomain": "harborline.example", "signalDate": "2026-01-12"}
    change = {"id": "l-1", "type": "companyChange", "entityType": "contact", "entityId": "9", "data": moved}
    surge = {
        "id": "l-2",
        "type": "surgeInHiring",
        "entityType": "company",
        "entityId": "48120077",
        "data": {},
    }
    await post(vendors, "lusha", change)
    await post(vendors, "lusha", surge)
    events = await vendors.events("signals.received.v1", 2)
    assert [(event.data.type, event.subject) for event in events] == [
        ("job_change", "harborline.example"),
        ("hiring_surge", "harborline.example"),
    ]


async def test_an_event_of_a_business_waits_for_the_list_of_matches(vendors):
    hiring = {
        "event_id": "e-1",
        "event_name": "hiring_in_sales_department",
        "business_id": "b-1",
        "data": {"job_count": 5},
    }
    assert await post(vendors, "explorium", hiring) == {"parked": 1}
    await post(
        vendors, "explorium", {"matched_businesses": [{"business_id": "b-1", "domain": "oakfen.example"}]}
    )
    await work(vendors)
    (event,) = await vendors.events("signals.received.v1", 1)
    assert (event.subject, event.data.details["open_roles"]) == ("oakfen.example", 5)


async def test_a_contract_waits_for_the_notice_that_names_its_customer(vendors):
    ended = {
        "notification_type": "contract.terminated",
        "contractIdent": "k-1",
        "endDate": "2027-03-31T23:59:59.999Z",
    }
    assert await post(vendors, "nitrobox", ended) == {"parked": 1}
    named = {
        "notification_type": "contract.updated",
        "contractIdent": "k-1",
        "customer": {"domain": "oakfen.example"},
    }
    assert await post(vendors, "nitrobox", named) == {"ignored": 1}
    await work(vendors)
    (event,) = await vendors.events("signals.received.v1", 1)
    assert (event.data.type, event.subject) == ("contract_expiry", "oakfen.example")
    assert event.data.details["expires_on"] == "2027-03-31"


async def test_a_row_that_is_sent_again_is_the_same_event(vendors):
    row = {"Domain": "harborline.example", "Topic Name": "CRM", "Composite Score": 81, "Date": "2026-01-11"}
    first = await post(vendors, "bombora", [row, {**row, "Composite Score": 59, "Topic Name": "ERP"}])
    surge, low = first["results"]
    assert low["ignored"] == "a score below 60 is no surge"
    assert (await post(vendors, "bombora", [row]))["event_id"] == surge["event_id"]


@pytest.mark.parametrize(
    ("source", "notice"),
    [
        (
            "lusha",
            {
                "contactId": "987",
                "contactOptOutDate": "2026-01-12 14:32:11.412",
                "datapoints": [{"datapointId": OLA, "datapointType": "email"}],
            },
        ),
        ("opt-out-notice", {"type": "opt_out", "email": OLA}),
    ],
)
async def test_an_opt_out_notice_erases_the_person(vendors, source, notice):
    assert (await post(vendors, source, notice))["erased"] == 1
    (event,) = await vendors.events("people.erased.v1", 1)
    assert event.type == "baton.person.erased.v1"


async def test_an_unsubscription_ends_messages_and_erases_nobody(vendors):
    await post(vendors, "opt-out-notice", {"event": "unsubscribed", "email": OLA})
    (event,) = await vendors.events("signals.received.v1", 1)
    assert (event.data.type, event.data.person.email) == ("opt_out", OLA)
