"""What the page of deliveries shows: endpoints, deliveries by filter, and one of them with its attempts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import urlencode, urlsplit

from msgspec import Struct, structs

Tab = Literal["failed", "waiting", "arrived", "all"]
Period = Literal["hour", "day", "week", "all"]

STATES: Final[Mapping[Tab, tuple[str, ...]]] = {
    "failed": ("failed", "gone"),
    "waiting": ("pending",),
    "arrived": ("delivered",),
    "all": (),
}
TABS: Final[Mapping[Tab, str]] = {
    "failed": "Failed",
    "waiting": "Waiting",
    "arrived": "Arrived",
    "all": "All",
}
PERIODS: Final[Mapping[Period, tuple[str, timedelta | None]]] = {
    "hour": ("Last hour", timedelta(hours=1)),
    "day": ("Last 24 h", timedelta(days=1)),
    "week": ("Last 7 days", timedelta(days=7)),
    "all": ("Any time", None),
}
_STATE_WORDS: Final = {
    "pending": ("waiting", "warn"),
    "delivered": ("arrived", "ok"),
    "failed": ("failed", "bad"),
    "gone": ("refused for good", "bad"),
}


class DeliveriesPlace(Struct, frozen=True):
    """Which deliveries an address of the page means. `tab` is None where it does not say."""

    tab: Tab | None = None
    endpoint: str = ""
    event: str = ""
    lead: str = ""
    period: Period = "all"
    cursor: str = ""
    delivery: str = ""

    def address(self, base: str = "/deliveries", **changed: str) -> str:
        """Return the address of the place with other values, without what is empty."""
        fields = structs.asdict(self) | {"cursor": "", "delivery": ""} | changed
        given = {
            name: value for name, value in fields.items() if value and (name, value) != ("period", "all")
        }
        return f"{base}?{urlencode(given)}" if given else base


class EndpointLine(Struct, frozen=True):
    """An endpoint. `name` is its host, or which queue, rep or manager it belongs to."""

    id: str
    name: str
    url: str
    events: str
    state: str
    share: float | None
    attempts: int
    p95_ms: int | None
    last_failure_at: datetime | None
    last_failure: str | None
    fails_now: bool
    href: str


class DeliveryLine(Struct, frozen=True):
    """A delivery in the list."""

    id: str
    event: str
    lead_id: str
    endpoint: str
    state: str
    tone: str
    attempts: int
    answer: str
    created_at: datetime
    next_attempt_at: datetime | None
    href: str


class AttemptLine(Struct, frozen=True):
    """An attempt: `answered` is the status or why there was none."""

    at: datetime
    ms: int
    answered: str
    ok: bool
    answer: str | None


class DeliveryPanel(Struct, frozen=True):
    """One delivery with all that was sent and answered; the body is indented where it is JSON."""

    id: str
    event: str
    event_id: str
    lead_id: str
    url: str
    state: str
    tone: str
    created_at: datetime
    delivered_at: datetime | None
    next_attempt_at: datetime | None
    attempts: Sequence[AttemptLine]
    headers: Sequence[tuple[str, str]]
    body: str | None
    close: str


class DeliveriesView(Struct, frozen=True):
    """The page. `tabs` are (name, address, whether it is shown), `choices` are values with their names.

    `chosen` is the endpoint of the filter, when it is a subscription: those of the policy are changed there.
    """

    place: DeliveriesPlace
    tabs: Sequence[tuple[str, str, bool]]
    endpoints: Sequence[EndpointLine]
    chosen: EndpointLine | None
    endpoint_choices: Sequence[tuple[str, str]]
    event_choices: Sequence[str]
    period_choices: Sequence[tuple[str, str]]
    rows: Sequence[DeliveryLine]
    next: str
    rows_href: str
    filtered: bool
    panel: DeliveryPanel | None
    retried: str


class EndpointForm(Struct, frozen=True):
    """The form of a new endpoint: the names of events that there are, and what was chosen."""

    names: Sequence[str]
    events: Sequence[str]
    url: str = ""
    fault: str = ""


class SecretView(Struct, frozen=True):
    """A new signing secret of an endpoint; the previous one, if any, signs too until `previous_until`."""

    id: str
    name: str
    secret: str
    previous_until: datetime | None


class RetryView(Struct, frozen=True):
    """How many deliveries match, and how many of them are sent again; the fields of the form that does it."""

    matching: int
    sendable: int
    most: int
    fields: Sequence[tuple[str, str]]


class ProgressView(Struct, frozen=True):
    """How far a retry of many is."""

    id: str
    pending: int
    delivered: int
    given_up: int
    done: bool

    @property
    def total(self) -> int:
        return self.pending + self.delivered + self.given_up


def endpoint_name(endpoint: str, url: str) -> str:
    """Return how people call an endpoint: `queue sdr`, or the host of its URL."""
    kind, _, name = endpoint.partition(":")
    return f"{kind} {name}" if name else urlsplit(url).netloc or endpoint


def endpoint_lines(place: DeliveriesPlace, endpoints: Sequence[Any]) -> list[EndpointLine]:
    """Return the lines of the endpoints; those that fail now come first."""
    lines = [
        EndpointLine(
            id=one.id,
            name=endpoint_name(one.id, one.url),
            url=one.url,
            events=", ".join(one.events),
            state=one.state,
            share=one.share,
            attempts=one.attempts,
            p95_ms=one.p95_ms,
            last_failure_at=one.last_failure_at,
            last_failure=one.last_failure,
            fails_now=one.fails_now,
            href=place.address(endpoint=one.id, tab="all"),
        )
        for one in endpoints
    ]
    return sorted(lines, key=lambda line: (not line.fails_now, line.state != "active"))


def delivery_lines(
    place: DeliveriesPlace, rows: Sequence[Mapping[str, Any]], shorts: Mapping[str, str]
) -> list[DeliveryLine]:
    """Return the lines of the list. `shorts` are the short types of events by their full ones."""
    return [
        DeliveryLine(
            id=row["id"],
            event=shorts.get(row["event_type"], row["event_type"]),
            lead_id=row["lead_id"],
            endpoint=endpoint_name(row["subscription_id"], row["url"]),
            state=_STATE_WORDS[row["state"]][0],
            tone=_STATE_WORDS[row["state"]][1],
            attempts=row["attempts"],
            answer=row["last_error"] or (f"answered {row['last_status']}" if row["last_status"] else ""),
            created_at=row["created_at"],
            next_attempt_at=row["next_attempt_at"],
            href=place.address(delivery=row["id"]),
        )
        for row in rows
    ]


def delivery_panel(place: DeliveriesPlace, detail: Any, shorts: Mapping[str, str]) -> DeliveryPanel:
    """Return the panel of a delivery, from what the API says of it."""
    state, tone = _STATE_WORDS[detail.state]
    return DeliveryPanel(
        id=detail.id,
        event=shorts.get(detail.event_type, detail.event_type),
        event_id=detail.event_id,
        lead_id=detail.lead_id,
        url=detail.url,
        state=state,
        tone=tone,
        created_at=detail.created_at,
        delivered_at=detail.delivered_at,
        next_attempt_at=detail.next_attempt_at,
        attempts=[
            AttemptLine(
                at=one.at,
                ms=one.ms,
                answered=str(one.status) if one.status else one.error or "no answer",
                ok=one.error is None,
                answer=one.answer or None,
            )
            for one in detail.history
        ],
        headers=[*detail.request.headers.items()] if detail.request else [],
        body=None if detail.request is None else indented(detail.request.body),
        close=place.address(),
    )


def indented(text: str) -> str:
    """Return JSON with indentation, and any other text as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
