"""The table of all leads: its filters live in the address, and each value of a cell is one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, get_args
from urllib.parse import urlencode

from msgspec import Struct, structs

from services.gateway.console import words
from services.gateway.console.views.lead_card import NamedRep
from services.gateway.domain.leads import Status
from shared.policy.models import Policy

PERIODS: Final[Mapping[str, tuple[str, timedelta]]] = {
    "24h": ("24 hours", timedelta(hours=24)),
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
    "90d": ("90 days", timedelta(days=90)),
}
_LABELS: Final[Mapping[str, str]] = {
    "status": "Status",
    "queue": "Queue",
    "owner": "Owner",
    "rule": "Rule",
    "reason": "Suppressed as",
    "grade": "Grade",
    "band": "Band",
    "source": "Source",
    "account": "Account",
    "email": "E-mail",
    "motion": "Motion",
    "period": "Last",
    "since": "Since",
    "until": "Until",
    "reached": "Counted as",
}
_OF_REACHED: Final = (
    "reached_since",
    "reached_until",
    "cohort",
    "first_grade",
    "reached_in",
    "given_back_as",
)
"""The filters that belong to `reached`: one chip shows them together."""


class LeadsPlace(Struct, frozen=True):
    """Which leads are shown, as the address says it; an empty text: any."""

    status: str = ""
    queue: str = ""
    owner: str = ""
    rule: str = ""
    reason: str = ""
    grade: str = ""
    band: str = ""
    source: str = ""
    account: str = ""
    email: str = ""
    motion: str = ""
    period: str = ""
    since: str = ""
    until: str = ""
    reached: str = ""
    reached_since: str = ""
    reached_until: str = ""
    cohort: str = ""
    first_grade: str = ""
    reached_in: str = ""
    given_back_as: str = ""
    cursor: str = ""

    @property
    def filters(self) -> dict[str, str]:
        """The filters that are set, by name."""
        return {name: value for name, value in structs.asdict(self).items() if value and name != "cursor"}

    def path(self, base: str = "/leads", **changed: str) -> str:
        """Return the address with other filters, from its first page on unless `cursor` is one of them."""
        place = structs.replace(self, **{"cursor": "", **changed})
        fields = {name: value for name, value in structs.asdict(place).items() if value}
        return f"{base}?{urlencode(fields)}" if fields else base


class FilterChip(Struct, frozen=True):
    """A filter that is set, in words, and the address without it."""

    name: str
    label: str
    value: str
    without: str


class LeadRowView(Struct, frozen=True):
    """One row. `why` is the rule in words, or why nobody got the lead."""

    lead_id: str
    path: str
    grade: str | None
    name: str
    title: str
    company: str
    account: str
    status: str
    queue: str | None
    owner: NamedRep | None
    rule: str
    reason: str
    why: str
    source: str
    first_at: datetime


class LeadsView(Struct, frozen=True):
    """The page; `next` is the address of the next page, empty on the last."""

    place: LeadsPlace
    rows: Sequence[LeadRowView]
    next: str
    csv: str
    chips: Sequence[FilterChip]
    queues: Sequence[str]
    owners: Sequence[NamedRep]

    @property
    def statuses(self) -> Iterator[tuple[str, str]]:
        """Each state of a lead and its name."""
        for status in get_args(Status):
            yield status, words.title(status)

    @property
    def periods(self) -> Iterator[tuple[str, str]]:
        """Each period and its name."""
        for period, (name, _) in PERIODS.items():
            yield period, f"Last {name}"

    @property
    def hidden(self) -> dict[str, str]:
        """The filters that no field of the form has, which it keeps."""
        shown = ("status", "queue", "owner", "period")
        return {name: value for name, value in self.place.filters.items() if name not in shown}


def leads_view(
    place: LeadsPlace, rows: Sequence[Mapping[str, Any]], next_cursor: str | None, policy: Policy
) -> LeadsView:
    """Return the view of a page of the table; `rows` are those of the list of leads."""
    names = {owner.id: owner.name for owner in policy.team.owners.values()}
    return LeadsView(
        place=place,
        rows=[_row(row, place, names) for row in rows],
        next=place.path(cursor=next_cursor) if next_cursor else "",
        csv=place.path("/leads.csv"),
        chips=[
            _chip(place, name, value, names)
            for name, value in place.filters.items()
            if name not in _OF_REACHED
        ],
        queues=list(policy.routing.queues),
        owners=[NamedRep(rep.id, rep.name) for rep in policy.team.owners.values()],
    )


def _chip(place: LeadsPlace, name: str, value: str, names: Mapping[str, str]) -> FilterChip:
    said = {
        "owner": names.get(value, value),
        "rule": words.title(value),
        "reason": words.plain(value),
        "status": words.title(value),
        "band": value.upper() if value != "cold" else "Cold",
        "period": PERIODS[value][0] if value in PERIODS else value,
        "since": _when(value),
        "until": _when(value),
        "reached": reached_in_words(place),
    }
    without = dict.fromkeys((name, *_OF_REACHED) if name == "reached" else (name,), "")
    return FilterChip(name, _LABELS[name], said.get(name, value), place.path(**without))


def reached_in_words(place: LeadsPlace) -> str:
    """Return what leads have reached, and when: `given back, too small, in sdr, since 22 November`."""
    in_period = "received" if place.cohort else ""
    said = (
        words.plain(place.reached),
        f"grade {place.first_grade}" if place.first_grade else "",
        words.plain(place.given_back_as.strip("()")) if place.given_back_as else "",
        f"in {place.reached_in}" if place.reached_in else "",
        f"{in_period} since {_when(place.reached_since)}".strip() if place.reached_since else "",
        f"{in_period} before {_when(place.reached_until)}".strip() if place.reached_until else "",
    )
    return ", ".join(filter(None, said))


def _when(text: str) -> str:
    """Return an ISO time in words, a whole day as a day; what is no time is returned as it is."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return words.day(at) if (at.hour, at.minute) == (0, 0) else f"{words.day(at)}, {at:%H:%M}"


def _row(row: Mapping[str, Any], place: LeadsPlace, names: Mapping[str, str]) -> LeadRowView:
    owner, rule, reason = row["owner"], row["rule"] or "", row["reason"] or ""
    back = urlencode({"from": place.path(cursor=place.cursor)})
    return LeadRowView(
        lead_id=row["lead_id"],
        path=f"/leads/{row['lead_id']}?{back}",
        grade=row["grade"],
        name=row["name"] or row["email"] or row["account"],
        title=row["title"] or "",
        company=row["company"] or ("" if row["account"] == row["lead_id"] else row["account"]),
        account=row["account"],
        status=row["status"],
        queue=row["queue"],
        owner=NamedRep(owner, names.get(owner, owner)) if owner else None,
        rule=rule,
        reason=reason,
        why=words.title(rule) if rule else words.title(reason),
        source=row["source"] or "",
        first_at=row["first_at"],
    )
