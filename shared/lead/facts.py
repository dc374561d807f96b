"""What conditions can ask of a lead: field values by dotted name, one function for all roles.

A condition of a policy reads facts, a mapping from the names in `shared.lead.fields` to values. What is
absent, empty or an empty list is not in it: a missing field makes a comparison unknown, not false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct

from shared.lead.derived import LeadRecord, with_derived
from shared.lead.events.parts import Activity
from shared.lead.events.scoring import AccountView
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.fields import FactKeys, Known, field_named
from shared.lead.normalise.labels import answer_label

Facts = Mapping[str, Any]

_ACCOUNT: Final = "account."
_OWNER: Final = "owner."
_UNKNOWN_ACCOUNT: Final = AccountView()
_PATHS: Final = {
    FactKeys.EMAIL_DOMAIN: "derived.email_domain",
    FactKeys.SPAM_SCORE: "derived.spam_score",
    FactKeys.REVISION: "revision",
}
"""Where a field is whose name is not its path in the lead."""
_FAMILIES: Final[Mapping[str, Callable[[Any], Mapping[str, Any]]]] = {
    FactKeys.UTM: attrgetter("source.utm"),
}
_COMPUTED: Final[Mapping[str, Callable[[Any], Any]]] = {
    FactKeys.OPTED_OUT: lambda lead: bool(lead.consent.opted_out),  # nothing stated is no opt-out
    FactKeys.FIT_GRADE: lambda lead: lead.score.grade[:1],
    FactKeys.INTENT_GRADE: lambda lead: int(lead.score.grade[1:]),
    # Most people work in the country of their company, and many forms ask for one country only.
    FactKeys.COMPANY_COUNTRY: lambda lead: lead.company.country or lead.person.country,
}


class ActiveOwner(Struct, frozen=True):
    """The active owner of a lead or its account. `accepted`: this lead itself was accepted."""

    queue: str
    accepted: bool = False


class FactReaders(Struct, frozen=True):
    """How the fields that a policy asks for are read from a lead; made once per policy version.

    The names of a group are those of the values that its reader returns.
    """

    lead_fields: tuple[str, ...]
    read_lead: Callable[[Any], tuple[Any, ...]]
    account_fields: tuple[str, ...]
    read_account: Callable[[Any], tuple[Any, ...]]
    computed: tuple[tuple[str, Callable[[Any], Any]], ...]


def fact_readers(fields: Iterable[str], known: Known) -> FactReaders:
    """Return readers for those of `fields` that are known of a lead where they are asked for.

    `known` is `Known.LEAD` before scoring; a scored lead has more. Activities, signals and owners are no
    part of a lead: see `activity_facts`, `signal_facts` and `owner_facts`.
    """
    lead: dict[str, str] = {}
    account: dict[str, str] = {}
    computed: list[tuple[str, Callable[[Any], Any]]] = []
    for name in dict.fromkeys(fields):
        field = field_named(name)
        if field is None or not field.known & known or name.startswith(_OWNER):
            continue
        family = next((stem for stem in _FAMILIES if name.startswith(stem)), None)
        if name.startswith(FactKeys.ANSWERS):
            computed.append((name, _answer(name.removeprefix(FactKeys.ANSWERS))))
        elif family is not None:
            computed.append((name, _entry(_FAMILIES[family], name.removeprefix(family))))
        elif name in _COMPUTED:
            computed.append((name, _COMPUTED[name]))
        elif name.startswith(_ACCOUNT):
            account[name] = name.removeprefix(_ACCOUNT)
        else:
            lead[name] = _PATHS.get(name, name)
    return FactReaders(tuple(lead), _reader(lead), tuple(account), _reader(account), tuple(computed))


def facts_of(
    lead: LeadRecord, account: object | None, readers: FactReaders, owner: ActiveOwner | None = None
) -> dict[str, Any]:
    """Return the facts about a lead that the readers are for, and about its active owner if it has one.

    `account` is whatever has the asked attributes of `AccountView`; `None` when nothing is known of it.
    """
    lead = with_derived(lead)
    facts = dict(zip(readers.lead_fields, readers.read_lead(lead), strict=True))
    facts.update(zip(readers.account_fields, readers.read_account(account or _UNKNOWN_ACCOUNT), strict=True))
    for name, read in readers.computed:
        facts[name] = read(lead)
    facts = {name: value for name, value in facts.items() if value or value == 0}
    return facts if owner is None else {**facts, **owner_facts(owner)}


def owner_facts(owner: ActiveOwner | None) -> dict[str, Any]:
    """Return the facts about the active owner; without one, nobody is active and nobody accepted."""
    if owner is None:
        return {FactKeys.OWNER_ACTIVE: False, FactKeys.OWNER_ACCEPTED: False}
    return {
        FactKeys.OWNER_ACTIVE: True,
        FactKeys.OWNER_QUEUE: owner.queue,
        FactKeys.OWNER_ACCEPTED: owner.accepted,
    }


def activity_facts(facts: Facts, activity: Activity) -> Facts:
    """Return the lead's facts with those of one of its activities."""
    own: dict[str, Any] = {FactKeys.ACTIVITY_TYPE: activity.type}
    if activity.url:
        own[FactKeys.ACTIVITY_URL] = activity.url
        own[FactKeys.ACTIVITY_PATH] = path_of(activity.url)
    if activity.details:
        own |= {f"{FactKeys.ACTIVITY_DETAILS}{name}": value for name, value in activity.details.items()}
    return {**facts, **own}


def signal_facts(facts: Facts, signal: SignalReceivedV1) -> Facts:
    """Return the lead's facts with those of one signal about its account."""
    details = {f"{FactKeys.SIGNAL_DETAILS}{name}": value for name, value in signal.details.items()}
    return {
        **facts,
        FactKeys.SIGNAL_TYPE: signal.type,
        FactKeys.SIGNAL_STRENGTH: signal.strength,
        **details,
    }


def path_of(url: str) -> str:
    """Return the path of a URL, or of a text that is a path already; `/` when there is none."""
    bare = url.partition("?")[0].partition("#")[0]
    _, scheme, rest = bare.partition("://")
    path = rest.partition("/")[2] if scheme else bare.lstrip("/")
    return f"/{path}"


def _reader(paths: Mapping[str, str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that gives the values at these paths as a tuple, whatever their number."""
    if len(paths) > 1:
        return attrgetter(*paths.values())
    if not paths:
        return lambda _source: ()
    read = attrgetter(*paths.values())
    return lambda source: (read(source),)


def _entry(family: Callable[[Any], Mapping[str, Any]], name: str) -> Callable[[Any], Any]:
    return lambda lead: family(lead).get(name)


def _answer(label: str) -> Callable[[Any], Any]:
    """Return a function that gives the answer under a plain label.

    Answers that were stored before labels were normalised are under the label that was typed.
    """

    def read(lead: Any) -> Any:
        answers: Mapping[str, Any] = lead.answers
        if label in answers:
            return answers[label]
        return next((answer for typed, answer in answers.items() if answer_label(typed) == label), None)

    return read
