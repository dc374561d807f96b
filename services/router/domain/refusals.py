"""Why an action does not fit the state of a lead, in words.

The router refuses by these functions, and the gateway tells the caller what they say: so the reason that is
given is the reason that counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from services.router.domain.qualification import answer_text, qualify
from services.router.domain.qualification.answers import is_negative
from services.router.domain.rejections import denials_of, noted_since
from services.router.domain.state import CLOSED, AssignmentRow, RoutedLeadRow, scored_lead_of
from shared.lead.events.action_received import ActionReceivedV1
from shared.policy.frames import FRAMES

if TYPE_CHECKING:
    from shared.policy.models import Policy, Rep


class Recipient(Struct, frozen=True):
    """Who gets a lead by an action: a queue, and the rep if the action names one.

    `joins`: the rep works the lead beside its owner, who stays.
    """

    queue: str
    rep: str | None
    joins: bool


class LeadState(Struct, frozen=True):
    """What the router knows of a lead: its row, None before it is routed, and its assignments."""

    lead: RoutedLeadRow | None
    assignments: Sequence[AssignmentRow]

    @property
    def owned(self) -> AssignmentRow | None:
        """The assignment of the present owner, None without one."""
        active = (one for one in self.assignments if one.active and not one.joined)
        return min(active, key=lambda assignment: assignment.age, default=None)

    def joined_by(self, rep_id: str | None) -> AssignmentRow | None:
        """Return the active assignment of a rep who joined the owner, None when that rep has not."""
        joined = (one for one in self.assignments if one.active and one.joined and one.rep == rep_id)
        return next(joined, None)

    @property
    def closed_as(self) -> str | None:
        """How the lead ended, None for a lead that is not closed."""
        lead, last = self.lead, self.last_owned
        if lead is None or lead.status in CLOSED:
            return lead.status if lead is not None else None
        # An earlier release left a lead `routed` when it was won or lost.
        is_ended = lead.status == "routed" and last is not None and last.state in CLOSED
        return last.state if is_ended and last is not None else None

    @property
    def last_owned(self) -> AssignmentRow | None:
        """The newest assignment of an owner, ended or not."""
        owners = (assignment for assignment in self.assignments if not assignment.joined)
        return max(owners, key=lambda assignment: assignment.age, default=None)


def recipient_of(policy: Policy, action: ActionReceivedV1, queue: str) -> Recipient | None:
    """Return who gets a lead of `queue` by a reassignment or a hand-off; None when nobody is named so.

    `to` is a rep or a queue; without it the lead goes to the next rep of its queue.
    """
    rep = rep_named(policy, action.to)
    if rep is not None:
        if not rep.queues:
            return None
        to = queue if queue in rep.queues else rep.queues[0]
    elif action.to is None or action.to in policy.routing.queues:
        to = action.to or queue
    else:
        return None
    joins = action.type == "handoff" and to in policy.routing.hand_off.joins
    return Recipient(to, rep.id if rep else None, joins)


def rep_named(policy: Policy, rep_id: str | None) -> Rep | None:
    """Return the rep of the team with that id, None if there is none."""
    return next((rep for rep in policy.team.reps if rep.id == rep_id), None)


def why_refused(policy: Policy, state: LeadState, action: ActionReceivedV1, at: datetime) -> str | None:
    """Return why an action does not fit the state of the lead; None when it fits.

    What only the rotation knows, that nobody of a queue may take a lead now, is not looked at.
    """
    lead, owned = state.lead, state.owned
    if lead is None:
        return "The lead is not routed yet"
    if lead.status == "suppressed":
        return f"The lead is suppressed: {lead.rule}"
    if action.type == "reject" and state.joined_by(action.rep) is not None:
        return None
    if owned is None:
        return why_refused_without_owner(policy, state, lead, action)
    if action.type == "reassign" or action.rep in (None, owned.rep):
        return why_refused_to_owner(policy, state, owned, action, at)
    return owned_since(owned)


def why_refused_to_owner(
    policy: Policy, state: LeadState, owned: AssignmentRow, action: ActionReceivedV1, at: datetime
) -> str | None:
    """Return why an action of the owner or a manager does not fit the lead; None when it fits."""
    if action.type in ("accept", "snooze") and owned.state != "open":
        since = f" on {_in_words(owned.accepted_at)}" if owned.accepted_at else ""
        return f"The lead was already accepted by {owned.rep}{since}"
    if action.type == "snooze" and action.until is None:
        return None if owned.snoozed is not None and owned.snoozed.until > at else "The lead is not put off"
    if action.type == "snooze" and action.until is not None and action.until <= at:
        return "The time of the snooze is past"
    if action.type not in ("reassign", "handoff"):
        return None
    return why_not_passed_on(policy, state, action, owned.queue)


def why_refused_without_owner(
    policy: Policy, state: LeadState, lead: RoutedLeadRow, action: ActionReceivedV1
) -> str | None:
    """Return why an action does not fit a lead that nobody owns; None when it fits."""
    last, closed_as = state.last_owned, state.closed_as
    if closed_as is not None:
        if closed_as == "won" and action.type == "handoff" and last and action.rep in (None, last.rep):
            return why_not_passed_on(policy, state, action, last.queue)
        had = f" since {_in_words(last.closed_at)}; {last.rep} had it" if last and last.closed_at else ""
        return f"The lead is closed as {closed_as}{had}"
    if action.type == "reassign":
        return why_not_passed_on(policy, state, action, lead.queue)
    if lead.status == "listed" and action.type == "accept":
        return why_not_taken(policy, lead, action.rep)
    since = f" since {_in_words(lead.waiting_since)}" if lead.waiting_since else ""
    where = f"is listed in {lead.queue}" if lead.status == "listed" else f"waits in {lead.queue}{since}"
    return f"Nobody owns the lead: it {where}"


def why_not_taken(policy: Policy, lead: RoutedLeadRow, rep_id: str | None) -> str | None:
    """Return why a rep cannot take a listed lead by accepting it; None when the rep can."""
    rep = rep_named(policy, rep_id)
    if rep is None:
        return f"Nobody owns the lead: name the rep of {lead.queue} who takes it"
    if lead.queue not in rep.queues:
        return f"The lead is in {lead.queue}, and {rep.id} is not"
    return f"{rep.id} rejected this lead" if rep.id in lead.rejected_by else None


def why_not_passed_on(policy: Policy, state: LeadState, action: ActionReceivedV1, queue: str) -> str | None:
    """Return why a lead of `queue` cannot go to the recipient of an action; None when it can."""
    lead, owned, recipient = state.lead, state.owned, recipient_of(policy, action, queue)
    if recipient is None or lead is None:
        return f"There is no rep or queue {action.to}"
    rep = recipient.rep
    if owned is not None and rep == owned.rep:
        return owned_since(owned)
    if rep in lead.rejected_by:
        return f"{rep} rejected this lead"
    joined = state.joined_by(rep)
    if recipient.joins and joined is not None:
        return f"{rep} joined this lead on {_in_words(joined.opened_at)}"
    if recipient.joins and owned is None:
        return f"Nobody owns the lead, so nobody of {recipient.queue} can join"
    missing = missing_notes(policy, recipient, lead, action.notes) if action.type == "handoff" else []
    return f"{', '.join(missing)} must be known first: note it" if missing else None


def nobody_may(policy: Policy, state: LeadState, action: ActionReceivedV1) -> str:
    """Return why a fitting action changed nothing: nobody of the queue may take the lead now."""
    queue = state.owned.queue if state.owned else state.lead.queue if state.lead else ""
    recipient = recipient_of(policy, action, queue)
    return f"Nobody in {recipient.queue if recipient else queue} may take the lead now"


def missing_notes(
    policy: Policy, recipient: Recipient, lead: RoutedLeadRow, notes: Mapping[str, Any]
) -> list[str]:
    """Return what must be known before the hand-off, and neither notes nor the buyer's own words say.

    A rejection since then takes back what they said: after `no_budget` the budget has to be noted anew.
    """
    needed = policy.routing.hand_off.known_first.get(recipient.queue, ())
    earlier = lead.hand_off.notes if lead.hand_off is not None else {}
    denials = denials_of(noted_since(lead, notes).rejections)
    outdated = {name for denial in denials for name in denial.outdated_notes}
    valid = (*((name, note) for name, note in earlier.items() if name not in outdated), *notes.items())
    informative = {name: note for name, note in valid if is_informative(note)}
    unnoted = [name for name in needed if name not in informative]
    data = scored_lead_of(lead) if unnoted else None
    if data is None:
        return unnoted
    elements = [
        element for frame in FRAMES for element in qualify(data, frame, informative, denials).elements
    ]
    known = {element.name for element in elements if element.state == "known"}
    return [name for name in unnoted if name not in known]


def is_noted(note: Any) -> bool:
    """Return whether a note says something: blank texts and empty lists do not."""
    if isinstance(note, str):
        return bool(note.strip())
    if isinstance(note, Collection):
        return any(map(is_noted, note.values() if isinstance(note, Mapping) else note))
    return note is not None


def is_informative(note: Any) -> bool:
    """Return whether a note says what was asked for: "unknown" and "tbd" do not, an "x" ticks a box."""
    if isinstance(note, Mapping):
        return any(map(is_informative, note.values()))
    text = answer_text(note).strip() if isinstance(note, str | int | float | list) else ""
    return is_noted(note) and ((text.isalpha() and len(text) == 1) or not is_negative(text))


def owned_since(assignment: AssignmentRow) -> str:
    """Return who owns the lead, and since when."""
    return f"{assignment.rep} has owned this lead since {_in_words(assignment.opened_at)}"


def _in_words(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
