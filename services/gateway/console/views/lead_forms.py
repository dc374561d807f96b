"""The small forms of the actions on a lead: give back, snooze, hand off, reassign, outcome. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from services.gateway.console import words
from services.gateway.console.views.lead_card import LeadCard, NamedRep
from services.router.domain.refusals import rep_named
from shared.policy.models import Policy

FormVerb = Literal["reject", "snooze", "handoff", "reassign", "outcome"]

OUTCOMES: Final = {
    "meeting_booked": "Meeting booked",
    "meeting_held": "Meeting held",
    "reply": "They replied",
    "opportunity": "Opportunity",
    "won": "Won",
    "lost": "Lost",
}
_MORNING: Final = time(9)
_VERB_WORDS: Final = {
    "reject": "Give back",
    "snooze": "Snooze",
    "handoff": "Hand off",
    "reassign": "Reassign",
    "outcome": "What came of it?",
}


class FormChoice(Struct, frozen=True):
    """A button: what it posts, its words, and the digit that presses it, empty from the tenth on."""

    value: str
    name: str
    key: str = ""


class NoteField(Struct, frozen=True):
    """One thing to tell whoever takes over. It is filled from the brief; `fault` says what is missing."""

    name: str
    label: str
    value: str
    needed_by: str
    fault: str = ""


class LeadForm(Struct, frozen=True, kw_only=True):
    """The form of one action, for the leads `lead_ids`; several when they are selected together.

    `owner` is who has the lead until then, to whom it can be given back.
    """

    verb: FormVerb
    title: str
    path: str
    lead_ids: Sequence[str]
    choices: Sequence[FormChoice] = ()
    queues: Sequence[str] = ()
    reps: Sequence[NamedRep] = ()
    notes: Sequence[NoteField] = ()
    chosen: str = ""
    owner: str = ""
    fault: str = ""


def lead_form(
    verb: FormVerb,
    card: LeadCard,
    policy: Policy,
    now: datetime,
    *,
    given: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
) -> LeadForm:
    """Return the form of an action on one lead.

    `given` are the notes that were posted, and `faults` what was wrong, by the name of the note; "" for the
    whole form.
    """
    given, faults = given or {}, faults or {}
    return LeadForm(
        verb=verb,
        title=_VERB_WORDS[verb],
        path=f"/leads/{card.lead_id}/{verb}",
        lead_ids=[card.lead_id],
        choices=_choices(verb, policy, card.owner.id if card.owner else None, now),
        queues=list(policy.routing.queues) if verb in ("handoff", "reassign") else (),
        reps=_reps(policy, card.owner) if verb in ("handoff", "reassign") else (),
        notes=_notes(card, policy, given, faults) if verb == "handoff" else (),
        chosen=given.get("to", ""),
        owner=card.owner.id if card.owner else "",
        fault=faults.get("", ""),
    )


def bulk_form(verb: FormVerb, lead_ids: Sequence[str], policy: Policy, now: datetime) -> LeadForm:
    """Return the form of an action on several leads."""
    return LeadForm(
        verb=verb,
        title=f"{_VERB_WORDS[verb]}: {words.counted(len(lead_ids), 'lead')}",
        path=f"/bulk/{verb}",
        lead_ids=lead_ids,
        choices=_choices(verb, policy, None, now),
        queues=list(policy.routing.queues) if verb == "reassign" else (),
        reps=_reps(policy, None) if verb == "reassign" else (),
    )


def _choices(verb: FormVerb, policy: Policy, rep: str | None, now: datetime) -> list[FormChoice]:
    if verb == "reject":
        named = [(reason, words.title(reason)) for reason in policy.routing.reject_reasons]
        named.append(("", "No reason"))
    elif verb == "snooze":
        named = [(until.isoformat(), name) for name, until in snooze_times(_zone_of(policy, rep), now)]
    elif verb == "outcome":
        named = list(OUTCOMES.items())
    else:
        return []
    return [
        FormChoice(value, name, str(number) if number < 10 else "")
        for number, (value, name) in enumerate(named, 1)
    ]


def snooze_times(zone: ZoneInfo | None, now: datetime) -> list[tuple[str, datetime]]:
    """Return the times that a snooze is offered until, in the rep's own zone, else in UTC."""
    here = now.astimezone(zone or UTC)
    tomorrow = datetime.combine(here.date() + timedelta(days=1), _MORNING, here.tzinfo)
    monday = datetime.combine(here.date() + timedelta(days=7 - here.weekday()), _MORNING, here.tzinfo)
    return [
        ("1 hour", now + timedelta(hours=1)),
        ("4 hours", now + timedelta(hours=4)),
        ("Tomorrow, 9:00", tomorrow.astimezone(UTC)),
        ("Monday, 9:00", monday.astimezone(UTC)),
    ]


def _zone_of(policy: Policy, rep_id: str | None) -> ZoneInfo | None:
    rep = rep_named(policy, rep_id)
    return ZoneInfo(rep.time_zone) if rep is not None and rep.time_zone else None


def _reps(policy: Policy, owner: NamedRep | None) -> list[NamedRep]:
    return [
        NamedRep(rep.id, rep.name)
        for rep in policy.team.reps
        if rep.queues and (not owner or rep.id != owner.id)
    ]


def _notes(
    card: LeadCard, policy: Policy, given: Mapping[str, str], faults: Mapping[str, str]
) -> list[NoteField]:
    """Return a field for each thing that some queue demands, and for what the brief says something of."""
    needed: dict[str, list[str]] = {}
    for queue, names in policy.routing.hand_off.known_first.items():
        for name in names:
            needed.setdefault(name, []).append(queue)
    known = {note.name.casefold(): note.text for note in card.notes}
    known |= {one.name.casefold(): one.evidence for one in card.elements if one.state != "unknown"}
    labels = [*needed, *(name for name in ("need", "budget", "timeline", "next_step") if name not in needed)]
    return [
        NoteField(
            name=name,
            label=words.title(name),
            value=given.get(name, known.get(words.plain(name), "")),
            needed_by=", ".join(needed.get(name, ())),
            fault=faults.get(name, ""),
        )
        for name in labels
    ]
