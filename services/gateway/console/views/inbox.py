"""The inbox: rows of leads, and the lead that is selected. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct, structs

from services.gateway.console import words
from services.gateway.console.views.lead_card import LeadCard, NamedRep
from services.gateway.domain.inbox import InboxRow, Tab
from shared.policy.models import Policy

TABS: Final[tuple[tuple[Tab, str], ...]] = (
    ("to_accept", "To accept"),
    ("accepted", "Accepted"),
    ("waiting", "Waiting"),
    ("all", "All"),
)
_NOTHING: Final[Mapping[Tab, str]] = {
    "to_accept": "Every lead has been taken up",
    "accepted": "No accepted lead is open",
    "waiting": "No lead waits for a seller",
    "all": "There is no lead to work",
}


class InboxPlace(Struct, frozen=True):
    """Which part of the inbox is shown, as its address says it: every filter lives there."""

    tab: Tab = "to_accept"
    text: str = ""
    queue: str = ""
    owner: str = ""
    lead: str = ""
    cursor: str = ""

    def path(self, base: str = "/", **changed: str) -> str:
        """Return the address of this part with other filters; what is empty is left out."""
        place = structs.replace(self, **changed)
        fields = {
            name: value
            for name, value in structs.asdict(place).items()
            if value and (name, value) != ("tab", "to_accept")
        }
        return f"{base}?{urlencode(fields)}" if fields else base


class InboxRowView(Struct, frozen=True):
    """One row. `why` says in a line how the lead came here; `quote` are the buyer's first words.

    `path` selects the row, `page` is the page of the lead.
    """

    lead_id: str
    grade: str | None
    name: str
    title: str
    company: str
    why: str
    quote: str
    clock: words.AcceptClock
    owner: NamedRep | None
    queue: str
    state: str
    path: str
    page: str


class InboxView(Struct, frozen=True):
    """The page. `rep` is whose inbox it is, None for everybody's; `selected` is the lead in the pane."""

    place: InboxPlace
    rows: Sequence[InboxRowView]
    next: str | None
    queues: Sequence[str]
    owners: Sequence[NamedRep]
    may_choose_owner: bool
    selected: LeadCard | None
    nothing: str

    @property
    def tabs(self) -> Iterator[tuple[Tab, str, str]]:
        """The tabs: name, words and address."""
        for tab, name in TABS:
            yield tab, name, self.place.path(tab=tab, lead="", cursor="")

    @property
    def is_filtered(self) -> bool:
        """Whether fewer leads are shown because of a filter."""
        return bool(self.place.text or self.place.queue)


def inbox_view(
    place: InboxPlace,
    rows: Sequence[InboxRow],
    next_cursor: str | None,
    policy: Policy,
    now: datetime,
    *,
    selected: LeadCard | None,
    may_choose_owner: bool,
) -> InboxView:
    """Return the view of the inbox."""
    names = {owner.id: owner.name for owner in policy.team.owners.values()}
    nothing = _NOTHING[place.tab]
    if place.text or place.queue:
        what = " ".join(filter(None, (f"“{place.text}”" if place.text else "", place.queue)))
        nothing = f"Nothing here matches {what}"
    return InboxView(
        place=place,
        rows=[_row(row, place, names, now) for row in rows],
        next=next_cursor,
        queues=list(policy.routing.queues),
        owners=[NamedRep(rep.id, rep.name) for rep in policy.team.reps],
        may_choose_owner=may_choose_owner,
        selected=selected,
        nothing=nothing,
    )


def _row(row: InboxRow, place: InboxPlace, names: Mapping[str, str], now: datetime) -> InboxRowView:
    why = " · ".join(filter(None, (words.title(row.rule or ""), words.plain(row.trigger or ""))))
    state = ""
    if row.waiting_since is not None:
        state = f"waits {words.duration((now - row.waiting_since).total_seconds())}"
    elif row.snoozed is not None:
        state = f"snoozed, {words.relative(row.snoozed, now)}"
    return InboxRowView(
        lead_id=row.lead_id,
        grade=row.grade,
        name=row.name or row.email or row.account,
        title=row.title or "",
        company=row.company or row.account,
        why=why,
        quote=row.quote or "",
        clock=words.clock_of(row.accept_by, row.accepted_at, row.assigned_at, now),
        owner=NamedRep(row.owner, names.get(row.owner, row.owner)) if row.owner else None,
        queue=row.queue,
        state=state,
        path=place.path(lead=row.lead_id),
        page=f"/leads/{row.lead_id}?{urlencode({'from': place.path(lead=row.lead_id)})}",
    )
