"""A lead as whoever works it sees it: the pane of the inbox, and the frame of the page of a lead. Pure.

It is made of the view of a lead, which is JSON as it was recorded: a part that is missing is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from msgspec import Struct

from services.gateway.console import words
from services.gateway.domain.access import Principal
from shared.policy.models import Policy

_ENDED: Final = frozenset({"won", "lost", "disqualified"})
_STATUS_WORDS: Final = {
    "received": "Being enriched, usually under 8 s",
    "enriched": "Being scored",
    "scored": "Being routed",
    "dead_lettered": "It could not be processed: see the dead letters",
}
_EMAIL_STATUSES: Final = {"verified": "verified", "invalid": "does not exist", "risky": "may bounce"}


class NamedRep(Struct, frozen=True):
    """A rep: an id that gives the colour, and the name."""

    id: str
    name: str


class QuoteView(Struct, frozen=True):
    """Words of the buyer, and where they are from."""

    text: str
    origin: str


class ElementView(Struct, frozen=True):
    """One element of the qualification frame."""

    name: str
    state: Literal["known", "inferred", "unknown"]
    evidence: str


class ScoreLineView(Struct, frozen=True):
    """One line of the score; `part` is fit, intent or signal."""

    part: str
    name: str
    points: int
    why: str


class Colleague(Struct, frozen=True):
    """Somebody known at the account. With `lead_id` it is another lead."""

    name: str
    about: str
    lead_id: str | None = None
    owner: str = ""


class NoteView(Struct, frozen=True):
    """What was learnt at a hand-off."""

    name: str
    text: str
    by: str


class Actions(Struct, frozen=True):
    """What the person who is signed in may do with the lead now."""

    accept: bool = False
    reject: bool = False
    snooze: bool = False
    handoff: bool = False
    reassign: bool = False
    outcome: bool = False

    @property
    def any(self) -> bool:
        """Whether there is anything to do."""
        return self.accept or self.reject or self.handoff or self.reassign or self.outcome


class LeadCard(Struct, frozen=True, kw_only=True):
    """One lead. `headline` says in words what keeps it from being worked, empty where nothing does.

    `name` is the person's name, else the address, else the account. `opening` is the draft of a first
    message. `spent` are the US cents that its data cost.
    """

    lead_id: str
    name: str
    about: str
    grade: str | None
    band: str | None
    score: str
    status: str
    headline: str
    queue: str | None
    owner: NamedRep | None
    joined: Sequence[NamedRep]
    clock: words.AcceptClock
    email: str | None
    email_status: str
    phone: str | None
    linkedin_url: str | None
    time_zone: str | None
    account: str | None
    company: str | None
    rule: str | None
    reasons: str
    trigger: str
    quotes: Sequence[QuoteView]
    ask_next: Sequence[str]
    frame: str
    qualification: str
    elements: Sequence[ElementView]
    score_lines: Sequence[ScoreLineView]
    opening: str
    people: Sequence[Colleague]
    relation: str
    hand_off_by: str
    notes: Sequence[NoteView]
    rejections: Sequence[str]
    came_from: str
    page: str | None
    actions: Actions


def lead_card(view: Mapping[str, Any], principal: Principal, policy: Policy, now: datetime) -> LeadCard:
    """Return the card of a lead for the person who is signed in."""
    brief, decision = view.get("brief") or {}, view.get("decision") or {}
    person, company = view.get("person") or {}, view.get("company") or {}
    contact, score = brief.get("contact") or {}, view.get("score") or {}
    frame = brief.get("qualification") or {}
    elements = list(_elements(frame.get("elements") or ()))
    names = {owner.id: owner.name for owner in policy.team.owners.values()}
    owner, sla = view.get("owner"), view.get("sla") or {}
    email = contact.get("email") or person.get("email")
    hand_off, account = brief.get("hand_off") or {}, brief.get("account") or {}
    return LeadCard(
        lead_id=view["lead_id"],
        name=contact.get("name") or lead_name(view),
        about=" · ".join(_about(person, company, view.get("account"))),
        grade=score.get("grade"),
        band=score.get("band"),
        score=f"{score['total']} = fit {score['fit']}, intent {score['intent']}" if score else "",
        status=view["status"],
        headline=_headline(view, decision),
        queue=decision.get("queue"),
        owner=NamedRep(owner, names.get(owner, owner)) if owner else None,
        joined=[NamedRep(one.rep, names.get(one.rep, one.rep)) for one in view.get("joined") or ()],
        clock=words.clock_of(
            _time(sla.get("accept_by")), sla.get("accepted_at"), view.get("assigned_at"), now
        )
        if owner
        else words.NO_CLOCK,
        email=email,
        email_status=_EMAIL_STATUSES.get(contact.get("email_status") or "", ""),
        phone=(contact.get("phone") or person.get("phone") or "").replace(";ext=", " ext. ") or None,
        linkedin_url=contact.get("linkedin_url") or person.get("linkedin_url"),
        time_zone=(contact.get("time_zone") or "").replace("_", " ") or None,
        account=view.get("account"),
        company=company.get("name"),
        rule=decision.get("rule"),
        reasons=words.sentence("; ".join(decision.get("reasons") or ())),
        trigger=(brief.get("trigger") or {}).get("details") or "",
        quotes=[QuoteView(one["quote"], one["from"]) for one in brief.get("pain") or ()],
        ask_next=brief.get("ask_next") or (),
        frame=(frame.get("frame") or "").upper(),
        qualification=_counted(elements),
        elements=elements,
        score_lines=[_score_line(line) for line in score.get("lines") or () if line["points"]],
        opening=brief.get("warm_intro") or "",
        people=list(_people(brief, names)),
        relation=_relation(account),
        hand_off_by=hand_off.get("by") or "",
        notes=list(_notes(hand_off)),
        rejections=[one.get("details") or "" for one in hand_off.get("rejections") or ()],
        came_from=_came_from(brief.get("source") or {}),
        page=(brief.get("source") or {}).get("page"),
        actions=allowed_actions(view, principal),
    )


def allowed_actions(view: Mapping[str, Any], principal: Principal) -> Actions:
    """Return what a person may try now; the router decides when they do."""
    if not principal.may("rep") or (principal.rep is None and not principal.may("manager")):
        return Actions()
    owner, is_manager = view.get("owner"), principal.may("manager")
    is_mine = owner is not None and owner == principal.rep
    has_closed = view["status"] in _ENDED
    is_routed = view["status"] == "routed"
    is_nurtured = is_routed and owner is None and view.get("motion") == "nurture"
    is_accepted = bool((view.get("sla") or {}).get("accepted_at"))
    is_worked = owner is not None and (is_mine or is_manager)
    return Actions(
        accept=(is_worked and not is_accepted) or (is_nurtured and principal.rep is not None),
        reject=is_worked and not has_closed,
        snooze=is_worked and not is_accepted,
        handoff=(is_worked and is_accepted) or view["status"] == "won",
        reassign=is_manager and is_routed,
        outcome=is_worked or (is_manager and has_closed),
    )


def _headline(view: Mapping[str, Any], decision: Mapping[str, Any]) -> str:
    status = view["status"]
    if status == "suppressed":
        return f"Suppressed: {words.plain(decision.get('reason') or 'no reason recorded')}"
    if status in _ENDED:
        reason = words.plain(decision.get("reason") or "")
        return f"{words.title(status)}{': ' + reason if reason and reason != status else ''}"
    if status == "routed" and view.get("owner") is None:
        if view.get("motion") == "nurture":
            return "Kept warm, nobody works it: a rep of the queue may take it"
        return "Waits for somebody who may have it"
    return _STATUS_WORDS.get(status, "")


def _about(person: Mapping[str, Any], company: Mapping[str, Any], account: str | None) -> Iterator[str]:
    if person.get("title"):
        yield person["title"]
    if company.get("name") or account:
        yield company.get("name") or account or ""
    if company.get("employees"):
        yield words.counted(int(company["employees"]), "person", "people")


def lead_name(view: Mapping[str, Any]) -> str:
    """Return what a lead is called: the person's name, else the address, else the account."""
    person = view.get("person") or {}
    name = " ".join(filter(None, (person.get("first_name"), person.get("last_name"))))
    return name or person.get("email") or view.get("account") or "Unknown person"


def _elements(elements: Iterable[Mapping[str, Any]]) -> Iterator[ElementView]:
    for one in elements:
        name = words.title(one["name"].removeprefix("identify_"))
        yield ElementView(name, one["state"], one.get("evidence") or "")


def _counted(elements: Sequence[ElementView]) -> str:
    """Return `2 known, 1 inferred of 8`."""
    known = sum(one.state == "known" for one in elements)
    inferred = sum(one.state == "inferred" for one in elements)
    return f"{known} known, {inferred} inferred of {len(elements)}" if elements else ""


def _score_line(line: Mapping[str, Any]) -> ScoreLineView:
    why = words.score_reason(line["rule"], line.get("fact") or "", line.get("why") or "")
    return ScoreLineView(line["part"], words.title(line["rule"]), line["points"], why)


def _people(brief: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[Colleague]:
    for one in (brief.get("account") or {}).get("other_leads") or ():
        about = ", ".join(filter(None, (one.get("title"), one.get("did"))))
        owner = names.get(one.get("owner") or "", one.get("owner") or "")
        yield Colleague(one.get("name") or "Unknown person", about, one["lead_id"], owner)
    for one in brief.get("stakeholders") or ():
        known_from = one.get("known_from")
        if known_from and known_from not in ("this lead", "another lead"):
            about = ", ".join(filter(None, (one.get("title"), one.get("role") and words.plain(one["role"]))))
            yield Colleague(
                one.get("name") or "Unknown person", f"{about} (from {known_from})" if about else known_from
            )


def _relation(account: Mapping[str, Any]) -> str:
    relation = account.get("relation") or "none"
    parts = [] if relation == "none" else [words.title(relation)]
    if account.get("open_opportunity"):
        parts.append("open opportunity")
    if account.get("owner"):
        parts.append(f"owned by {account['owner']}")
    if account.get("matched"):
        parts.append(account["matched"])
    return " · ".join(parts)


def _notes(hand_off: Mapping[str, Any]) -> Iterator[NoteView]:
    noted_by = hand_off.get("noted_by") or {}
    for name, value in (hand_off.get("notes") or {}).items():
        yield NoteView(words.title(name), note_text(value), noted_by.get(name, ""))


def note_text(value: Any) -> str:
    """Return the value of a note, which may be a list or an object, as one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{words.plain(key)}: {note_text(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(note_text, value))
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    return str(value)


def _came_from(source: Mapping[str, Any]) -> str:
    parts = (
        words.plain(source.get("channel") or ""),
        f"form “{source['form']}”" if source.get("form") else "",
        f"campaign “{source['campaign']}”" if source.get("campaign") else "",
    )
    return ", ".join(filter(None, parts))


def _time(value: Any) -> datetime | None:
    """Return a time of a recorded view, which is text where it is from an event."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value
