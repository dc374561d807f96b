"""Says in one line what an event of a lead's timeline means, for people. Pure.

The data is JSON as it was recorded, by whichever version: a field that is missing is left out of the line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from shared.lead.events.event_type import short_name
from shared.shortened import shortened

_QUOTE_LENGTH_MAX: Final = 120

_TRIGGERS: Final = {
    "lead": "what the person sent",
    "account": "what the CRM says of the account",
    "enrichment": "answers of data providers",
    "decay": "time has passed",
    "policy": "a new policy",
}
"""The triggers of a score that name no type, in words; others are said as they are."""

_ACCOUNT_TRIGGERS: Final[Mapping[str | None, str]] = {
    "matched": "put into this account by hand",
    "split": "taken out of its account by hand",
    "name_fits": "an account of the name of its company is known now",
    "name_fits_no_more": "the account that it was matched to has another name or place now",
    "domain_known": "the account of its domain is known now",
}

Data = Mapping[str, Any]


def describe_event(type_: str, data: Data) -> str:
    """Return what an event says, in one line of plain text.

    `type_` is the CloudEvents type (`baton.lead.routed.v1`). A type that has no words of its own is described
    by its name.
    """
    short = short_name(type_)
    describe = _DESCRIPTIONS.get(short)
    return describe(data) if describe else _words(short.replace(".", " "))


def describe_received(data: Data) -> str:
    source = data.get("source") or {}
    origin = source.get("form_id") or source.get("name") or source.get("channel")
    did = ", ".join(_words(one.get("type")) for one in (data.get("activities") or [])[:3])
    return _joined("received" + (f" from {origin}" if origin else ""), did, _quote(data.get("message")))


def describe_enriched(data: Data) -> str:
    enrichment = data.get("enrichment") or {}
    steps = [f"{step['provider']}: {_words(step['outcome'])}" for step in enrichment.get("steps") or []]
    cost = enrichment.get("cost")
    return _joined(
        f"revision {data.get('revision')}, record {enrichment.get('status')}",
        ", ".join(steps) or "no provider asked",
        f"{cost} cents" if cost else "",
    )


def describe_contacts(data: Data) -> str:
    enrichment, contacts = data.get("enrichment") or {}, data.get("contacts") or []
    found = [f"{_words(one.get('title'))} (known from {one.get('known_from')})" for one in contacts]
    steps = [f"{step['provider']}: {_words(step['outcome'])}" for step in enrichment.get("steps") or []]
    people = "1 person" if len(contacts) == 1 else f"{len(contacts)} people"
    return _joined(
        f"{people} known who are no leads" + (f": {', '.join(found)}" if found else ""),
        ", ".join(steps),
        f"{enrichment.get('cost')} cents",
    )


def describe_scored(data: Data) -> str:
    score, trigger = data.get("score") or {}, data.get("trigger") or {}
    figures = f"fit {score.get('fit')}, intent {score.get('intent')}"
    kind, type_ = str(trigger.get("kind")), _words(trigger.get("type"))
    if kind == "account":
        trigger_type = trigger.get("type")
        type_ = _ACCOUNT_TRIGGERS.get(
            trigger_type, f"{type_} account" if trigger_type not in (None, "none") else ""
        )
    cause = type_ or _TRIGGERS.get(kind, _words(kind))
    return _joined(f"grade {score.get('grade')}, {score.get('band')}", figures, f"trigger: {cause}")


def describe_routed(data: Data) -> str:
    grade = (data.get("score") or {}).get("grade")
    accept_by = (data.get("sla") or {}).get("accept_by")
    decision = data.get("decision") or {}
    return _joined(
        _placement(decision),
        f"rule {decision.get('rule')}",
        "; ".join(decision.get("reasons") or []),
        _last_rejection(data),
        f"grade {grade}" if grade else "",
        f"accept by {accept_by[:16].replace('T', ' ')}" if accept_by else "",
    )


def describe_updated(data: Data) -> str:
    decision, score = data.get("decision") or {}, data.get("score") or {}
    owner = decision.get("owner")
    return _joined(
        f"a new brief for {owner}" if owner else "a new brief",
        _words(data.get("reason")),
        f"grade {score.get('grade')}",
    )


def describe_suppressed(data: Data) -> str:
    reason, previous = (data.get("decision") or {}).get("reason"), data.get("previous_owner")
    return _joined(f"nobody gets it: {_words(reason)}", f"taken from {previous}" if previous else "")


def describe_moved(data: Data) -> str:
    decision, previous = data.get("decision") or {}, data.get("previous_owner")
    reason, actor = _reason_and_actor(data)
    rests = "; ".join((decision.get("reasons") or [])[1:]) if decision.get("change") == "listed" else ""
    had = f"{previous} had it" if previous not in (None, decision.get("owner")) else ""
    return _joined(_placement(decision), reason, rests, had, actor)


def describe_escalated(data: Data) -> str:
    decision, step = data.get("decision") or {}, data.get("step")
    owner = f"{decision.get('owner') or 'nobody'} ({decision.get('queue')})"
    said = {"remind": f"reminds {owner}", "escalate": f"tells {data.get('to') or 'no manager'} of {owner}"}
    why = "; ".join(decision.get("reasons") or [])
    return f"{said.get(str(step), owner)}: {why or 'not accepted in time'}"


def describe_alerted(data: Data) -> str:
    owner = (data.get("decision") or {}).get("owner")
    return _joined(f"{owner or 'the owner'} should look now", *_reason_and_actor(data))


def describe_handed_off(data: Data) -> str:
    notes, joined = data.get("notes") or {}, data.get("joined") or {}
    noted = ", ".join(_words(name) for name in notes)
    joins = f"{joined.get('rep')} ({joined.get('queue')}) joins" if joined else "handed on"
    return _joined(joins, describe_moved(data), f"with notes on {noted}" if noted else "")


def describe_closed(data: Data) -> str:
    status, (reason, actor) = _words(data.get("status")), _reason_and_actor(data)
    previous = data.get("previous_owner")
    had = f"{previous} had it" if previous else ""
    return _joined(status, _amount(data), "" if reason == status else reason, had, actor)


def describe_acted(data: Data) -> str:
    actor = data.get("actor") or {}
    who = data.get("rep") or actor.get("rep") or actor.get("key") or "a manager"
    to, until = data.get("to"), data.get("until")
    ends = data.get("type") == "snooze" and not until
    words = [
        f"{who}: {'snooze taken back' if ends else _words(data.get('type'))}",
        f"to {to}" if to else "",
        f"until {until}" if until else "",
    ]
    return _joined(*words, _quote(data.get("reason")))


def describe_outcome(data: Data) -> str:
    actor = data.get("actor") or {}
    by = data.get("rep") or actor.get("rep") or actor.get("key")
    stage = shortened(str(data.get("stage") or ""), _QUOTE_LENGTH_MAX)
    said = _words(data.get("type")), stage, _amount(data), _quote(data.get("reason"))
    return _joined(*said, f"by {by}" if by else "")


def describe_signal(data: Data) -> str:
    account = data.get("account") or {}
    about = account.get("domain") or account.get("name")
    return _joined(_words(data.get("type")), f"at {about}" if about else "")


def describe_account(data: Data) -> str:
    relation, owner = data.get("relation"), data.get("owner")
    deal = "open opportunity" if data.get("open_opportunity") else ""
    return _joined(f"{data.get('domain')}", relation or "", f"owner {owner}" if owner else "", deal)


def describe_qualified(data: Data) -> str:
    people = len(data.get("lead_ids") or [])
    return f"the account is qualified, by {people} {'person' if people == 1 else 'people'}"


def _placement(decision: Data) -> str:
    """Return what the decision did with the lead: who has it, in which queue."""
    owner, queue, change = decision.get("owner"), decision.get("queue"), decision.get("change")
    nurture = ", nurture" if decision.get("motion") == "nurture" else ""
    if owner is None:
        waits = "listed in" if change == "listed" else "waits in"
        return f"{waits} {queue} without an owner{nurture}"
    verb = {"kept": "stays with", "moved": "moved to"}.get(str(change), "assigned to")
    return f"{verb} {owner} ({queue}{nurture})"


def _reason_and_actor(data: Data) -> tuple[str, str]:
    reason, actor = data.get("reason"), data.get("actor") or {}
    by = actor.get("rep") or actor.get("key")
    return _words(reason), f"by {by}" if by else ""


def _last_rejection(data: Data) -> str:
    """Return who rejected the lead last and why, as the brief tells it."""
    hand_off = (data.get("brief") or {}).get("hand_off") or {}
    rejections = hand_off.get("rejections") or [{}]
    details = str(rejections[0].get("details") or "")
    return details[:1].lower() + details[1:]


def describe_matched(data: Data) -> str:
    account, actor = data.get("account"), (data.get("actor") or {}).get("key")
    return _joined(
        f"put into the account {account}" if account else "split from its account",
        str(data.get("reason") or ""),
        f"by {actor}" if actor else "",
    )


def _amount(data: Data) -> str:
    amount = data.get("amount") or {}
    return f"{amount.get('value')} {amount.get('currency')}" if amount else ""


def _words(text: object) -> str:
    return str(text or "").replace("_", " ")


def _quote(text: str | None) -> str:
    """Return the beginning of what a person wrote, in quotation marks; empty for no text."""
    line = shortened(" ".join((text or "").split()), _QUOTE_LENGTH_MAX)
    return f"“{line}”" if line else ""


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


_DESCRIPTIONS: Final[Mapping[str, Callable[[Data], str]]] = {
    "lead.received": describe_received,
    "lead.enriched": describe_enriched,
    "lead.scored": describe_scored,
    "lead.routed": describe_routed,
    "lead.updated": describe_updated,
    "lead.suppressed": describe_suppressed,
    "lead.reassigned": describe_moved,
    "lead.escalated": describe_escalated,
    "lead.alerted": describe_alerted,
    "lead.handed_off": describe_handed_off,
    "lead.closed": describe_closed,
    "action.received": describe_acted,
    "outcome.received": describe_outcome,
    "signal.received": describe_signal,
    "account.received": describe_account,
    "lead.matched": describe_matched,
    "account.qualified": describe_qualified,
    "account.enriched": describe_contacts,
}
