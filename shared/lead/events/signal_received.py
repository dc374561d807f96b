"""`baton.signal.received.v1`: something happened at an account, or a person did something later."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from shared.lead.events.event_type import event
from shared.lead.events.parts import Answer, Details, Percent, SourceTrust, Time, Word
from shared.lead.events.subjects import account_key, account_name_id, lead_id
from shared.messaging.manifest import SIGNALS_RECEIVED

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

PERSONAL_SIGNALS: Final[frozenset[SignalType]] = frozenset({"opt_out", "activity"})
"""What a person does, rather than what happens at an account."""
SignalDetails = Annotated[dict[Word, Answer | dict[str, Answer | Details]], Meta(max_length=100)]
"""Deep enough to hold an activity that has details of its own."""


class SignalAccount(Struct, frozen=True, omit_defaults=True):
    """Which account; by domain, or at least by name."""

    domain: Word | None = None
    name: Word | None = None


class SignalPerson(Struct, frozen=True, omit_defaults=True):
    """Which person, when the signal is about one."""

    email: Word | None = None


def signal_subject_id(data: SignalReceivedV1) -> str:
    """Return the account that a signal is about, by domain or by name, and for a personal one the lead id.

    A signal without an account is about the lead of its person.
    """
    account = account_key(data.account.domain) or account_name_id(data.account.name)
    is_personal = data.type in PERSONAL_SIGNALS or not account
    return (lead_id(data.person.email) if data.person and is_personal else "") or account


@event("baton.signal.received.v1", SIGNALS_RECEIVED, subject=signal_subject_id, default=True)
class SignalReceivedV1(Struct, frozen=True, omit_defaults=True):
    """One signal. `opt_out` and `activity` name a person; the others an account by domain or name.

    `details.activity` is the activity of a signal of that type; its `at` may be left to `occurred_at`.
    `trust` is set by the gateway alone, for what came through a source; None means a known source.
    """

    type: SignalType
    occurred_at: Time
    account: SignalAccount = SignalAccount()
    person: SignalPerson | None = None
    expires_at: Time | None = None
    strength: Percent | None = None
    details: SignalDetails = {}
    external_id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    trust: SourceTrust | None = None
