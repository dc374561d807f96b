"""Whom an event is about, also where an outside producer did not say."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.identity import identify, normalise_domain, registrable_domain
from shared.lead.normalise import country_code


def subject_of(event: Event[Any]) -> str:
    """Return the lead id or account key that the event is about, or nothing if it cannot be told."""
    return event.subject or _named_by(event.data)


@singledispatch
def _named_by(_data: object) -> str:
    return ""


@_named_by.register
def _(data: LeadReceivedV1) -> str:
    person = data.person
    country = country_code(person.country)
    return _lead(person.email, person.phone, person.linkedin_url, data.company.domain, country)


@_named_by.register
def _(data: OutcomeReceivedV1) -> str:
    return data.lead_id or _lead(data.email)


@_named_by.register
def _(data: ActionReceivedV1) -> str:
    return data.lead_id


@_named_by.register
def _(data: SignalReceivedV1) -> str:
    person = data.person
    return _lead(person.email) if person and person.email else _account(data.account.domain)


@_named_by.register
def _(data: AccountReceivedV1) -> str:
    return _account(data.domain)


def _lead(*known: str | None) -> str:
    identity = identify(*known)
    return identity.lead_id if identity else ""


def _account(domain: str | None) -> str:
    host = normalise_domain(domain)
    return (registrable_domain(host) or host or "") if host else ""
