"""What is known of a lead before it is scored: what it says itself, and how it stands with others. Pure."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct
from msgspec.structs import astuple

from services.enricher.domain.record import LeadRow
from shared.lead.events.parts import Activity, Company, Person
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.fields import FactKeys
from shared.lead.normalise.spam import spam_score

_PERSON: Final = tuple(f"person.{name}" for name in Person.__struct_fields__)
_COMPANY: Final = tuple(f"company.{name}" for name in Company.__struct_fields__)


class ActiveOwner(Struct, frozen=True):
    """An active owner: of the lead itself (then it may be accepted) or of its account."""

    queue: str
    accepted: bool = False


class AccountContext(Struct, frozen=True):
    """What others know about the lead and its account. Each of `owners` may turn out to be the active one.

    `grades_before` are the grades that the lead was last given; for a new lead, none.
    """

    relation: str = "none"
    open_opportunity: bool | None = None
    owners: tuple[ActiveOwner | None, ...] = (None,)
    signals: tuple[SignalReceivedV1, ...] = ()
    activities: tuple[Activity, ...] = ()
    grades_before: str | None = None


def lead_facts(lead: LeadRow, context: AccountContext, *, with_spam: bool) -> dict[str, Any]:
    """Return what is known of a lead and its account, by the names of the policy's fields.

    How much a message looks like spam is found out `with_spam` only: it takes longer than all the rest.
    """
    person, source = lead.person, lead.source
    facts: dict[str, Any] = {
        **dict(zip(_PERSON, astuple(person), strict=True)),
        **dict(zip(_COMPANY, astuple(lead.company), strict=True)),
        FactKeys.CHANNEL: source.channel,
        FactKeys.SOURCE_NAME: source.name,
        FactKeys.CAMPAIGN: source.campaign,
        FactKeys.MESSAGE: lead.message,
        FactKeys.MARKETING: lead.consent.marketing,
        FactKeys.OPTED_OUT: lead.consent.opted_out,
        FactKeys.RELATION: context.relation,
        FactKeys.OPEN_OPPORTUNITY: context.open_opportunity,
        FactKeys.REVISION: lead.revision + 1,
    }
    facts |= {f"{FactKeys.UTM}{name}": text for name, text in source.utm.items()}
    facts |= {f"{FactKeys.ANSWERS}{name}": answer for name, answer in lead.answers.items()}
    if person.email:
        facts[FactKeys.EMAIL_DOMAIN] = person.email.rpartition("@")[2]
    if with_spam:
        spam = spam_score(lead.message, person.first_name, person.last_name)
        facts[FactKeys.SPAM_SCORE] = spam.score
    return {name: value for name, value in facts.items() if value or value == 0}
