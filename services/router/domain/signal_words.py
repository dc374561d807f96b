"""Buying signals in words for a seller: `raised 30 M USD, Series B, 12 days ago`.

Vendors and customers name the details of a signal as they like, so a detail is found by several usual names.
Whatever is not found is left out of the words; whatever is found is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from itertools import islice
from typing import Any, Final

from msgspec import Struct

from services.router.domain.day_words import ago, day
from shared.lead.events.scoring import LiveSignal
from shared.lead.mentions import STRUCK_OUT
from shared.shortened import shortened

_TEXT_LENGTH_MAX: Final = 100
_ITEMS_MAX: Final = 3
_OTHER_DETAILS_MAX: Final = 3
_NUMBER = re.compile(r"[0-9][0-9, _]{0,20}(?:\.[0-9]{1,6})?")
_SERIES = re.compile(r"(?:series[ _-]?)?([a-k]\d?\+?)")
_AMOUNTS_USD: Final = ("amountusd", "amountinusd", "raisedusd", "moneyraisedusd", "fundingamountusd")
_AMOUNTS: Final = (
    "amount",
    "raised",
    "amountraised",
    "raisedamount",
    "moneyraised",
    "fundingamount",
    "value",
)
_TITLES: Final = ("title", "role", "position", "jobtitle", "newtitle", "newrole")
_PRODUCTS: Final = ("product", "tool", "software", "name")
_EXPIRIES: Final = (
    "expireson", "expiresat", "expiry", "expirydate", "enddate", "endson", "ends", "renewal", "renewaldate",
)  # fmt: skip
_ROLES: Final = (
    "openroles", "roles", "openings", "openpositions", "positions", "jobs", "openjobs", "jobpostings",
    "postings", "newroles", "titles", "jobtitles",
)  # fmt: skip
_RAISED_MIN: Final = 1_000
"""A smaller amount is in thousands or millions, and nobody says in which."""
_UNITS: Final = ((10**12, " trn"), (10**9, " bn"), (10**6, " M"))


def money_words(amount: float, currency: str = "") -> str:
    """Return an amount: `30 M USD`, `45,000 EUR`."""
    size, unit = next(((size, unit) for size, unit in _UNITS if amount >= size), (1, ""))
    figure = f"{amount / size:,.2f}".rstrip("0").rstrip(".") if unit else f"{amount:,.0f}"
    return f"{figure}{unit} {currency}".rstrip()


class _Details:
    """The details of a signal by name, in lower case without punctuation, those within a detail too."""

    def __init__(self, details: Mapping[str, Any]) -> None:
        self._values: dict[str, Any] = {}
        for name, value in details.items():
            if isinstance(value, dict):
                for inner, inner_value in value.items():
                    self._values.setdefault(_plain(name) + _plain(inner), inner_value)
                    self._values.setdefault(_plain(inner), inner_value)
            else:
                self._values[_plain(name)] = value

    def text(self, *names: str) -> str:
        """Return the first of these details that has a text, on one line; else an empty text."""
        return next(filter(None, (_text(self._values.get(name)) for name in names)), "")

    def number(self, *names: str) -> float | None:
        """Return the first of these details that is a positive number."""
        for name in names:
            value = self._values.get(name)
            if isinstance(value, str) and (written := _NUMBER.fullmatch(value.strip())):
                value = float(re.sub(r"[, _]", "", written[0]))
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 10**15:
                return value
        return None

    def day(self, now: datetime, *names: str) -> tuple[str, bool]:
        """Return the first of these details that is a day, and whether it is over; else an empty text."""
        for name in names:
            try:
                found = date.fromisoformat(str(self._values.get(name))[:10])
            except ValueError:
                continue
            return day(found, now), found < now.date()
        return "", False

    def person(self, signal: LiveSignal) -> str:
        """Return the name of the person that a signal is about."""
        full = " ".join(filter(None, (self.text("firstname"), self.text("lastname"))))
        named = self.text("name", "fullname", "personname", "person", "executive", "hire", "contact")
        return named or full or _text(signal.person)

    def others(self) -> Iterator[str]:
        """Yield name and text of the details that have a text."""
        for name, value in self._values.items():
            if text := _text(value):
                yield f"{name} {text}"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(filter(None, map(_text, value[:_ITEMS_MAX])))
    if value is None or isinstance(value, bool | dict):
        return ""
    text = f"{value:,}" if isinstance(value, int) else " ".join(str(value).split())
    if text == STRUCK_OUT:  # who was erased has no name
        return ""
    return shortened(text, _TEXT_LENGTH_MAX)


def executive_of(signal: LiveSignal) -> tuple[str | None, str | None]:
    """Return name and title of the person whom a signal is about."""
    details = _Details(signal.details)
    return details.person(signal) or None, details.text(*_TITLES) or None


def round_words(name: str) -> str:
    """Return the name of a funding round: `Series B` for `series_b` and for `B`, `seed round` for `seed`."""
    plain = " ".join(name.replace("_", " ").replace("-", " ").split()).casefold()
    series = _SERIES.fullmatch(plain)
    if series:
        return f"Series {series[1].upper()}"
    return plain if "round" in plain or not plain else f"{plain} round"


class SignalWords(Struct, frozen=True):
    """What a signal says: `raised 30 M USD, Series B`. `joint` stands before its time; None: no time.

    `details` are its details alone, where these can be separated.
    """

    what: str
    joint: str | None = ", "
    details: str = ""


_Words = Callable[[LiveSignal, _Details, datetime], SignalWords]
_BY_TYPE: Final[dict[str, _Words]] = {}


def signal_words(signal: LiveSignal, now: datetime) -> str:
    """Return what a signal says and when that was, relative to `now`."""
    words = signal_content(signal, now)
    return words.what if words.joint is None else f"{words.what}{words.joint}{ago(signal.at, now)}"


def signal_content(signal: LiveSignal, now: datetime) -> SignalWords:
    """Return what a signal says. A type without words of its own is named, with some of its details."""
    details = _Details(signal.details)
    if signal.type in _BY_TYPE:
        return _BY_TYPE[signal.type](signal, details, now)
    shown = ", ".join(islice(details.others(), _OTHER_DETAILS_MAX))
    return SignalWords(signal.type.replace("_", " ") + (f" ({shown})" if shown else ""))


def _words_for(*types: str) -> Callable[[_Words], _Words]:
    def register(words: _Words) -> _Words:
        _BY_TYPE.update(dict.fromkeys(types, words))
        return words

    return register


@_words_for("funding_round")
def funding_words(_signal: LiveSignal, details: _Details, _now: datetime) -> SignalWords:
    amount, currency = details.number(*_AMOUNTS_USD), "USD"
    if amount is None:
        amount = details.number(*_AMOUNTS)
        currency = details.text("currency", "amountcurrency", "currencycode").upper()[:3]
    if amount is None:
        raised = details.text(*_AMOUNTS)
    else:
        raised = money_words(amount, currency) if amount >= _RAISED_MIN else ""
    round_ = round_words(details.text("round", "series", "stage", "roundtype", "roundname", "fundinground"))
    return SignalWords(
        f"raised {', '.join(filter(None, (raised, round_)))}"
        if raised
        else f"raised a {round_}"
        if round_
        else "announced a funding round"
    )


@_words_for("executive_hire")
def executive_hire_words(signal: LiveSignal, details: _Details, _now: datetime) -> SignalWords:
    name = details.person(signal)
    before = details.text("from", "fromcompany", "previouscompany", "previousemployer", "previously")
    who = f", {name}{f' from {before}' if before else ''}," if name else ""
    return SignalWords(f"a new {details.text(*_TITLES) or 'executive'}{who} joined", " ")


@_words_for("job_change")
def job_change_words(signal: LiveSignal, details: _Details, _now: datetime) -> SignalWords:
    who, title = details.person(signal) or "a contact", details.text("newtitle", "totitle", *_TITLES)
    before = details.text("from", "fromcompany", "previouscompany", "oldcompany", "previousemployer")
    after = details.text("to", "tocompany", "newcompany", "company", "employer")
    if before or after:
        moved = "".join((f" from {before}" if before else "", f" to {after}" if after else ""))
        return SignalWords(f"{who} moved{moved}{f' as {title}' if title else ''}")
    return SignalWords(f"{who} {f'became {title}' if title else 'has a new job'}")


@_words_for("contract_expiry")
def contract_words(_signal: LiveSignal, details: _Details, now: datetime) -> SignalWords:
    vendor = details.text("vendor", "competitor", "supplier", "provider", "incumbent", "with", "name")
    product = details.text(*_PRODUCTS)
    of = f" with {vendor}" if vendor else f" for {product}" if product else ""
    contract = f"contract{of}" if of else "present contract"
    ends, is_over = details.day(now, *_EXPIRIES)
    if ends:
        return SignalWords(f"{contract} {'ended' if is_over else 'ends'} on {ends}", None)
    return SignalWords(
        f"{contract} {f'ends {ends}' if (ends := details.text(*_EXPIRIES)) else 'ends soon'}", None
    )


@_words_for("technology_added", "technology_removed")
def technology_words(signal: LiveSignal, details: _Details, _now: datetime) -> SignalWords:
    verb = "started" if signal.type == "technology_added" else "stopped"
    name = details.text("technology", "technologies", *_PRODUCTS, "vendor")
    unnamed = "a new tool" if signal.type == "technology_added" else "one of its tools"
    return SignalWords(f"{verb} using {name or unnamed}", " ")


@_words_for("hiring_surge")
def hiring_words(_signal: LiveSignal, details: _Details, _now: datetime) -> SignalWords:
    count = details.number(*_ROLES, "count", "number")
    roles = f"{count:,.0f} open role{'' if count == 1 else 's'}" if count else details.text(*_ROLES)
    team = details.text("department", "departments", "function", "team", "area")
    growth = details.number("growthpct", "growthpercent", "increasepct", "changepct")
    parts = (roles, f"in {team}" if team else "", f"up {growth:.0f} %" if growth else "")
    shown = " ".join(filter(None, parts))
    return SignalWords(f"hiring surge: {shown}" if shown else "hiring surge", details=shown)


@_words_for("intent_surge")
def intent_words(_signal: LiveSignal, details: _Details, _now: datetime) -> SignalWords:
    topic = details.text("topic", "topics", "keyword", "keywords", "category", "subject")
    return SignalWords(f"intent surge{f' on {topic}' if topic else ''}")


@_words_for("news")
def news_words(_signal: LiveSignal, details: _Details, _now: datetime) -> SignalWords:
    headline = details.text("headline", "title", "summary", "text", "description")
    return SignalWords(f"in the news: “{headline}”" if headline else "in the news")
