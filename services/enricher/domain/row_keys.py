"""Which rows an event may need, and what the rows say about an identity. Pure."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from services.enricher.domain.providers import EnrichForm, EnrichRetry
from services.enricher.domain.record import AliasRow, IdentifierRow, LeadRow
from services.enricher.domain.resolve import Known, shared_identifiers
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.identity import Identity
from shared.lead.ids import lead_id_of
from shared.lead.normalise.emails import normalise_email
from shared.storage.rows import IdentityMap


class Reach(Struct, frozen=True):
    """Identifiers and lead ids that an event names. `erases`: everything about these leads goes."""

    lead_ids: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    erases: bool = False


def reach(data: Any) -> Reach:
    """Return what an event with this data names."""
    match data:
        case EnrichForm():
            return reach_of(data.form.identity)
        case EnrichRetry():
            return Reach(lead_ids=(data.subject,))
        case PersonErasedV1():
            return Reach(lead_ids=tuple(data.lead_ids), erases=True)
        case SignalReceivedV1():
            person = opted_out_person(data)
            return Reach(lead_ids=(person,) if person else ())
    return Reach()


def reach_of(identity: Identity) -> Reach:
    """Return what a form of this identity names."""
    return Reach(lead_ids=(identity.lead_id,), identifiers=shared_identifiers(identity))


def opted_out_person(signal: SignalReceivedV1) -> str | None:
    """Return the lead id of the person whom an opt-out names; `None` for any other signal."""
    if signal.type != "opt_out" or signal.person is None:
        return None
    email = normalise_email(signal.person.email)
    return lead_id_of(f"email:{email.identity}") if email else None


def survivor(world: IdentityMap, lead_id: str) -> str:
    """Return the lead that an id stands for."""
    alias = world.get(AliasRow, lead_id)
    return alias.lead_id if alias else lead_id


def lead_in(world: IdentityMap, lead_id: str) -> LeadRow | None:
    """Return the lead of that id; a row that only keeps the id is none."""
    row = world.get(LeadRow, lead_id)
    return row if row is not None and row.revision > 0 else None


def known_in(world: IdentityMap, identity: Identity) -> Known:
    """Return what the rows say about the leads that an identity may mean."""
    own, answering = identity.lead_id, survivor(world, identity.lead_id)
    lead_ids = {own, answering}
    owners: dict[str, list[str]] = {}
    for name in shared_identifiers(identity):
        row = world.get(IdentifierRow, name)
        owners[name] = [lead for lead in row.lead_ids if lead_in(world, lead)] if row else []
        lead_ids.update(owners[name])
    leads = {lead_id: lead for lead_id in lead_ids if (lead := lead_in(world, lead_id))}
    return Known(
        has_email={lead_id: lead.person.email is not None for lead_id, lead in leads.items()},
        aliases={own: answering},
        owners=owners,
    )
