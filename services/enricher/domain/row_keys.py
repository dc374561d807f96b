"""Which rows an event needs, and what the loaded rows say about an identity. Pure."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from services.enricher.domain.form import company_account
from services.enricher.domain.providers import EnrichForm, EnrichRetry
from services.enricher.domain.record import AliasRow, IdentifierRow, LeadRow, has_stated_address
from services.enricher.domain.resolve import IdentityMatches, shared_identifiers
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.ownership_change import OwnershipChange
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.identity import Identity
from shared.lead.ids import lead_id_of
from shared.lead.normalise.emails import normalise_email
from shared.storage.rows import IdentityMap


class RowKeys(Struct, frozen=True):
    """The lead ids and identifiers of an event. `erases`: everything that is stored of these leads.

    `accounts` are those whose contacts it may change.
    """

    lead_ids: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    erases: bool = False
    accounts: tuple[str, ...] = ()


def keys_of_event(data: Any) -> RowKeys:
    """Return the keys that an event with this data needs."""
    match data:
        case EnrichForm():
            form = data.form.normalised
            keys = keys_of_identity(data.form.identity)
            company, (_, _, mail_domain) = form.company.domain, (form.person.email or "").rpartition("@")
            account = company_account(company or mail_domain)
            return replace(keys, accounts=(account,) if account else ())
        case EnrichRetry():
            return RowKeys(lead_ids=(data.subject,))
        case LeadRoutedV1() | OwnershipChange():
            return RowKeys(lead_ids=(data.lead_id,))
        case PersonErasedV1():
            return RowKeys(lead_ids=tuple(data.lead_ids), erases=True, accounts=tuple(data.accounts))
        case SignalReceivedV1():
            lead_id = opted_out_lead_id(data)
            return RowKeys(lead_ids=(lead_id,) if lead_id else ())
    return RowKeys()


def keys_of_identity(identity: Identity) -> RowKeys:
    """Return the keys that a form of this identity needs."""
    return RowKeys(lead_ids=(identity.lead_id,), identifiers=shared_identifiers(identity))


def opted_out_lead_id(signal: SignalReceivedV1) -> str | None:
    """Return the lead id of the person who opted out, before aliases; `None` for any other signal."""
    if signal.type != "opt_out" or signal.person is None:
        return None
    email = normalise_email(signal.person.email)
    return lead_id_of(f"email:{email.identity}") if email else None


def surviving_lead_id(rows: IdentityMap, lead_id: str) -> str:
    """Return the id of the lead that answers for an id: itself, or the lead that it is an alias of."""
    alias = rows.get(AliasRow, lead_id)
    return alias.lead_id if alias else lead_id


def stored_lead(rows: IdentityMap, lead_id: str) -> LeadRow | None:
    """Return the lead of that id; a row of revision 0 only reserves the id."""
    row = rows.get(LeadRow, lead_id)
    return row if row is not None and row.revision > 0 else None


def identity_matches(rows: IdentityMap, identity: Identity) -> IdentityMatches:
    """Return the stored leads that an identity may mean."""
    own, surviving = identity.lead_id, surviving_lead_id(rows, identity.lead_id)
    lead_ids = {own, surviving}
    owners: dict[str, list[str]] = {}
    for name in shared_identifiers(identity):
        row = rows.get(IdentifierRow, name)
        # A lead that was merged into another is still written here; the other one answers for it.
        answering = [surviving_lead_id(rows, lead_id) for lead_id in row.lead_ids] if row else []
        owners[name] = [lead_id for lead_id in dict.fromkeys(answering) if stored_lead(rows, lead_id)]
        lead_ids.update(owners[name])
    leads = {lead_id: lead for lead_id in lead_ids if (lead := stored_lead(rows, lead_id))}
    return IdentityMatches(
        has_email={lead_id: has_stated_address(lead) for lead_id, lead in leads.items()},
        aliases={own: surviving},
        owners=owners,
    )
