"""Whose the ids of a vendor are: what records tell, those of which nothing is made included."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.gateway.domain.arrival import Arrival
from services.gateway.domain.known_entities import Entity, EntityId
from services.gateway.domain.preset_items import PresetRequest, read_items
from services.gateway.domain.preset_outcomes import UnknownEntity, decide_item, entities_of_item
from services.gateway.domain.sources import HookSource
from shared.integrations.catalog import built_in_integrations
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.events.subjects import lead_id

AT = datetime(2026, 1, 15, 10, tzinfo=UTC)
SIGNALS = built_in_integrations().signals
INTERACTION = {
    "type": "interaction.captured",
    "object": "event",
    "data": {
        "id": "int_1",
        "people": [{"id": "p-1", "email": "Ola.Berg@quillstone.example"}],
        "company": {"id": "c-1", "domain": "quillstone.example"},
    },
}
JOB_CHANGE = {
    "type": "contact.job_changed",
    "object": "event",
    "data": {"contact_id": "p-1", "new_title": "CRO", "new_company_id": "c-1"},
}
MATCHES = {
    "matched_businesses": [
        {"business_id": "b-1", "domain": "oakfen.example"},
        {"business_id": "b-2", "domain": "harborline.example"},
        {"business_id": "b-3"},
    ]
}


def entities_from(
    vendor: str, body: Any, entities: dict[EntityId, Entity] | None = None
) -> tuple[list[Any], dict[EntityId, Entity]]:
    preset = SIGNALS[vendor].preset
    source = HookSource(name=vendor, kind=vendor)
    decided: list[Any] = []
    found: dict[EntityId, Entity] = {}
    for item in read_items(preset, PresetRequest(body, body, AT)) or ():
        decided.append(decide_item(item, source, Arrival(AT, bytes, ""), entities or {}))
        found |= entities_of_item(item, decided[-1])
    return decided, found


def test_what_an_interaction_tells_resolves_the_ids_of_a_job_change():
    with pytest.raises(UnknownEntity):
        entities_from("klipy", JOB_CHANGE)
    _, entities = entities_from("klipy", INTERACTION)
    email = "ola.berg@quillstone.example"
    assert entities == {
        EntityId("person", "p-1"): Entity(email, "quillstone.example", lead_id(email)),
        EntityId("account", "c-1"): Entity(domain="quillstone.example"),
    }
    (received,), _ = entities_from("klipy", JOB_CHANGE, entities)
    signal = received.event.data
    assert isinstance(signal, SignalReceivedV1)
    assert (signal.type, signal.account.domain) == ("job_change", "quillstone.example")
    assert signal.person is not None
    assert signal.person.email == email


def test_a_list_of_matches_tells_the_id_of_each_company():
    _, entities = entities_from("explorium", MATCHES)
    assert {entity.id: known.domain for entity, known in entities.items()} == {
        "b-1": "oakfen.example",
        "b-2": "harborline.example",
    }


def test_a_contract_that_names_its_customer_tells_whose_it_is():
    named = {
        "notification_type": "contract.updated",
        "contractIdent": "k-1",
        "customer": {"domain": "oakfen.example"},
    }
    _, entities = entities_from("nitrobox", named)
    ended = {
        "notification_type": "contract.terminated",
        "contractIdent": "k-1",
        "endDate": "2026-03-31T23:59:59.999Z",
    }
    (received,), _ = entities_from("nitrobox", ended, entities)
    assert received.event.subject == "oakfen.example"
    assert received.event.data.details["expires_on"] == "2026-03-31"
