"""The list of accounts, and the page of one: people, signals, assignments, its account data. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, get_args
from urllib.parse import quote, urlencode

from msgspec import Struct

from services.gateway.console import words
from services.gateway.console.views.lead_card import NamedRep
from services.gateway.queries.account_people import (
    AccountAssignment,
    AccountPeople,
    CommitteeMember,
    ListedAccount,
)
from services.router.domain.signal_words import signal_content
from shared.lead.buying_roles import BUYING_ROLES, BuyingRole
from shared.lead.events.account_received import AccountReceivedV1, Relation
from shared.lead.events.scoring import LiveSignal
from shared.policy.models import Policy

RELATIONS: Final[tuple[Relation, ...]] = get_args(Relation)
VIEWS: Final[Mapping[str, str]] = {
    "": "All",
    "target": "Targets",
    "qualified": "Qualified",
    "opportunity": "Open opportunity",
    "customer": "Customers",
}
_NOTHING: Final[Mapping[str, str]] = {
    "": "No account is known yet",
    "target": "No account is a target",
    "qualified": "No account is qualified yet",
    "opportunity": "No account has an open opportunity",
    "customer": "No account is a customer",
}


class AccountRowView(Struct, frozen=True):
    """One row of the list."""

    account: str
    path: str
    name: str
    relation: str
    owner: NamedRep | None
    leads: int
    leads_path: str
    best_grade: str | None
    is_qualified: bool
    has_opportunity: bool


class AccountsView(Struct, frozen=True):
    """The list; `next` is the address of the next page, empty on the last."""

    chosen: str
    rows: Sequence[AccountRowView]
    next: str

    @property
    def tabs(self) -> Iterator[tuple[str, str, str]]:
        """The views of the list: name, words and address."""
        for name, said in VIEWS.items():
            yield name, said, f"/accounts?view={name}" if name else "/accounts"

    @property
    def nothing(self) -> str:
        """What an empty list says."""
        return _NOTHING[self.chosen]


class MemberView(Struct, frozen=True):
    """A lead of the account."""

    lead_id: str
    name: str
    title: str
    grade: str | None
    status: str
    queue: str | None
    owner: NamedRep | None


class CommitteeRole(Struct, frozen=True):
    """The people of a buying role, the best grade first; empty: nobody is known."""

    name: str
    members: Sequence[MemberView]


class AccountSignalView(Struct, frozen=True):
    """A live signal; `details` are empty when nothing but its type is known, `lapses` says until when."""

    name: str
    details: str
    at: datetime
    points: int
    is_strong: bool
    lapses: str
    ends_at: datetime | None


class AssignmentView(Struct, frozen=True):
    """An assignment; `how` says how it stands or ended."""

    lead_id: str
    lead: str
    queue: str
    owner: NamedRep
    at: datetime
    how: str


class FoundPerson(Struct, frozen=True):
    """Somebody whom a data provider named, who is no lead."""

    name: str
    title: str
    email: str
    known_from: str


class AccountPageView(Struct, frozen=True):
    """The page of an account. `may_edit`: relation, owner and open opportunity may be edited here."""

    account: str
    path: str
    name: str
    about: str
    relation: str
    owner: str
    owner_name: str
    has_opportunity: bool
    is_qualified: bool
    leads: int
    leads_path: str
    roles: Sequence[CommitteeRole]
    signals: Sequence[AccountSignalView]
    assignments: Sequence[AssignmentView]
    found: Sequence[FoundPerson]
    relations: Sequence[str]
    owners: Sequence[NamedRep]
    may_edit: bool


def accounts_view(
    chosen: str, rows: Sequence[ListedAccount], next_cursor: str | None, policy: Policy
) -> AccountsView:
    """Return the view of a page of the list."""
    names = {owner.id: owner.name for owner in policy.team.owners.values()}
    fields = {"view": chosen, "cursor": next_cursor or ""}
    following = urlencode({name: value for name, value in fields.items() if value})
    return AccountsView(
        chosen, [_row(row, names) for row in rows], f"/accounts?{following}" if next_cursor else ""
    )


def _row(row: ListedAccount, names: Mapping[str, str]) -> AccountRowView:
    return AccountRowView(
        account=row.account,
        path=account_path(row.account),
        name=row.name or row.account,
        relation=words.title(row.relation) if row.relation != "none" else "",
        owner=NamedRep(row.owner, names.get(row.owner, row.owner)) if row.owner else None,
        leads=row.leads,
        leads_path=f"/leads?{urlencode({'account': row.account})}",
        best_grade=row.best_grade,
        is_qualified=row.qualified,
        has_opportunity=row.open_opportunity,
    )


def account_path(account: str) -> str:
    """Return the address of the page of an account."""
    return f"/accounts/{quote(account, safe='')}"


def account_view(
    listed: ListedAccount,
    knowledge: AccountReceivedV1 | None,
    people: AccountPeople,
    policy: Policy,
    now: datetime,
    *,
    found: Sequence[FoundPerson],
    may_edit: bool,
) -> AccountPageView:
    """Return the view of the page of an account."""
    names = {owner.id: owner.name for owner in policy.team.owners.values()}
    owner = knowledge.owner if knowledge and knowledge.owner else ""
    place = filter(None, (knowledge.city, knowledge.country) if knowledge else ())
    key = listed.account if listed.name else None
    about = filter(None, (key, knowledge.segment if knowledge else None, ", ".join(place)))
    members = [(one.role, _member(one, names)) for one in people.committee]
    called = {member.lead_id: member.name for _, member in members}
    return AccountPageView(
        account=listed.account,
        path=account_path(listed.account),
        name=listed.name or listed.account,
        about=" · ".join(about),
        relation=listed.relation,
        owner=owner,
        owner_name=names.get(owner, owner),
        has_opportunity=listed.open_opportunity,
        is_qualified=listed.qualified,
        leads=listed.leads,
        leads_path=f"/leads?{urlencode({'account': listed.account})}",
        roles=list(_roles(members)),
        signals=[
            AccountSignalView(
                words.title(one.signal.type),
                _details(one.signal, now),
                one.signal.at,
                one.signal.points,
                one.signal.strong,
                _lapse(one.ends_at, now),
                one.ends_at,
            )
            for one in people.signals
        ],
        assignments=[_assignment(one, called, names) for one in people.assignments],
        found=found,
        relations=RELATIONS,
        owners=[NamedRep(rep.id, rep.name) for rep in policy.team.owners.values()],
        may_edit=may_edit,
    )


def _details(signal: LiveSignal, now: datetime) -> str:
    """Return what a signal says beyond its type, empty for nothing: `Raised 30 M USD, Series B`."""
    content = signal_content(signal, now).what
    return "" if content == words.plain(signal.type) else content[:1].upper() + content[1:]


def _lapse(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "does not lapse"
    return f"lapses on {words.day(at)}" + (f" {at.year}" if at.year != now.year else "")


def _roles(members: Sequence[tuple[BuyingRole | None, MemberView]]) -> Iterator[CommitteeRole]:
    """Yield the buying roles, those that nobody has too, and then who has none."""
    for role in BUYING_ROLES:
        name = "Technical evaluator" if role == "technical" else words.title(role)
        yield CommitteeRole(name, [member for own, member in members if own == role])
    others = [member for own, member in members if own is None]
    if others:
        yield CommitteeRole("Others", others)


def _member(one: CommitteeMember, names: Mapping[str, str]) -> MemberView:
    owner = one.owner
    return MemberView(
        lead_id=one.lead_id,
        name=one.name or one.email or "No name",
        title=one.title or "",
        grade=one.grade,
        status=one.status,
        queue=one.queue,
        owner=NamedRep(owner, names.get(owner, owner)) if owner else None,
    )


def _assignment(
    one: AccountAssignment, called: Mapping[str, str], names: Mapping[str, str]
) -> AssignmentView:
    if one.closed_at is not None:
        how = f"ended as {words.plain(one.state)}" + (f": {words.plain(one.reason)}" if one.reason else "")
    elif one.accepted_at is not None:
        how = "accepted"
    else:
        how = "to accept"
    how = f"joined, {how}" if one.joined else how
    rep = NamedRep(one.rep, names.get(one.rep, one.rep))
    return AssignmentView(
        one.lead_id, called.get(one.lead_id, one.lead_id), one.queue, rep, one.opened_at, how
    )
