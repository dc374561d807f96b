"""`baton.signal.received.v1`: something happened at an account, or a person did something later."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from shared.events.parts import Details, Percent, Time, Word

SignalType = Literal[
    "executive_hire",
    "job_change",
    "funding_round",
    "contract_expiry",
    "technology_added",
    "technology_removed",
    "hiring_surge",
    "intent_surge",
    "news",
    "opt_out",
    "activity",
]


class SignalAccount(Struct, frozen=True, omit_defaults=True):
    """Which account; by domain, or at least by name."""

    domain: Word | None = None
    name: Word | None = None


class SignalPerson(Struct, frozen=True, omit_defaults=True):
    """Which person, when the signal is about one."""

    email: Word | None = None


class SignalReceivedV1(Struct, frozen=True, omit_defaults=True):
    """One signal. `opt_out` and `activity` name a person; the others an account by domain or name."""

    type: SignalType
    occurred_at: Time
    account: SignalAccount = SignalAccount()
    person: SignalPerson | None = None
    expires_at: Time | None = None
    strength: Percent | None = None
    details: Details = {}
    external_id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
