"""What is believed of a source: what it may say of a lead, and whether its consent is proven. Pure.

Of a source that anybody may post to, only what a person can say of themselves and their company counts. What
it says of facts that a server knows (activities, channel, seniority, verification) is kept among the answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from services.gateway.domain.arrival import invalid
from services.gateway.domain.form_activity import with_activity
from services.gateway.domain.sources import HookSource
from shared.errors import FieldProblem, Reject
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.parts import Answer, Company, Consent, Origin, Person
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.normalise.answers import plain_answers, with_answers

P = TypeVar("P", Person, Company, Origin)

SERVER_SIDE_FIELDS: Final = (
    "person.email_kind",
    "person.email_status",
    "person.seniority",
    "person.department",
    "company.parent",
    "company.revenue_usd",
    "company.funding_total_usd",
    "company.growth_pct",
    "company.hiring",
    "company.last_funding_at",
    "source.channel",
    "source.name",
)
"""The fields that no source of trust `public` decides. Activities are none of theirs either."""

ANSWERS_MAX: Final = 200
RESERVED_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "LeadReceivedV1": ("trigger", "trust"),
    "SignalReceivedV1": ("trust",),
    "OutcomeReceivedV1": ("actor",),
    "Consent": ("proven",),
    "Origin": ("honeypot",),
    "Activity": ("reported_at",),
}
"""The fields that only Baton sets, by the type that has them: a body with one is refused."""
_RESERVED: Final = "This field is set by Baton alone"


def refuse_reserved_fields(body: LeadReceivedV1 | SignalReceivedV1 | OutcomeReceivedV1) -> None:
    """Raise `Reject` (422) for a body with a field that only Baton may set."""
    given: dict[str, object | None] = (
        {"/actor": body.actor} if isinstance(body, OutcomeReceivedV1) else {"/trust": body.trust}
    )
    if isinstance(body, LeadReceivedV1):
        given |= {
            "/trigger": body.trigger,
            "/consent/proven": body.consent.proven,
            "/source/honeypot": body.source.honeypot,
        }
        reported = (
            (f"/activities/{index}/reported_at", one.reported_at) for index, one in enumerate(body.activities)
        )
        given.update(reported)
    problems = tuple(
        FieldProblem(pointer, _RESERVED) for pointer, value in given.items() if value is not None
    )
    if problems:
        raise invalid(problems)


def without_server_side_facts(lead: LeadReceivedV1) -> LeadReceivedV1:
    """Return a lead with what only a server can know among its answers, where it decides nothing.

    Raises `Reject` (422) when these become too many.
    """
    moved: list[tuple[str, Answer]] = []
    for field in SERVER_SIDE_FIELDS:
        part, _, name = field.partition(".")
        if value := getattr(getattr(lead, part), name):
            moved.append((field if part == "source" else name, msgspec.to_builtins(value)))
    if lead.activities:
        moved.append(("activities", msgspec.json.encode(lead.activities).decode()))
    if not moved:
        return lead
    answers = with_answers(plain_answers(lead.answers), moved)
    if len(answers) > ANSWERS_MAX:
        detail = f"{ANSWERS_MAX} are allowed"
        raise Reject(422, "too-many-fields", f"The form has {len(answers)} answers", detail)
    return replace(
        lead,
        person=_without(lead.person, "person"),
        company=_without(lead.company, "company"),
        source=_without(lead.source, "source"),
        activities=[],
        answers=answers,
    )


def _without(part: P, name: str) -> P:
    """Return a part of a lead without the fields that only a server can know."""
    empty = type(part)()
    names = [field.removeprefix(f"{name}.") for field in SERVER_SIDE_FIELDS if field.startswith(f"{name}.")]
    given = [field for field in names if getattr(part, field) != getattr(empty, field)]
    return replace(part, **{field: getattr(empty, field) for field in given}) if given else part


def trusted_lead(
    lead: LeadReceivedV1, source: HookSource, at: datetime, activity: str | None = None
) -> LeadReceivedV1:
    """Return a lead that arrived at `at` with its source's activity, and with how far it is trusted.

    `activity` is what the vendor's preset says that the form is, where the source does not say it.
    """
    consent = lead.consent
    if source.trust == "public" and consent != Consent():
        # What anybody may post never lifts an opt-out.
        consent = replace(consent, proven=bool(consent.opted_out) and source.opt_out == "suppress")
    return replace(with_activity(lead, source, at, activity), trust=source.trust, consent=consent)


def trusted_signal(signal: SignalReceivedV1, source: HookSource) -> SignalReceivedV1:
    """Return a signal from a source with the trust of that source."""
    return replace(signal, trust=source.trust)
