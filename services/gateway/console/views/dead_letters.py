"""What the page of dead letters shows: groups by stage and cause, the letters of one, and one letter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import urlencode

from msgspec import Struct, structs

from services.gateway.console.views.deliveries import indented

LetterTab = Literal["open", "replayed", "set_aside"]

TABS: Final[Mapping[LetterTab, str]] = {"open": "Open", "replayed": "Replayed", "set_aside": "Set aside"}
_CAUSES: Final[Mapping[str, str]] = {
    "empty": "The record has no value",
    "oversized": "The record is too large",
    "envelope": "A CloudEvents attribute is missing or wrong",
    "unknown_type": "The type of the event is unknown",
    "json": "It is not JSON",
    "schema": "The data do not fit the schema of the event",
    "bug": "The role failed at it",
    "data": "The data cannot be processed",
}


class LettersPlace(Struct, frozen=True):
    """Which letters an address of the page means."""

    tab: LetterTab = "open"
    stage: str = ""
    kind: str = ""
    cursor: str = ""
    letter: str = ""

    def address(self, **changed: str) -> str:
        """Return the address of the place with other values, without what is empty."""
        fields = structs.asdict(self) | {"cursor": "", "letter": ""} | changed
        given = {name: value for name, value in fields.items() if value and (name, value) != ("tab", "open")}
        return f"/dead-letters?{urlencode(given)}" if given else "/dead-letters"


class GroupLine(Struct, frozen=True):
    """The open letters of one stage and cause; `shown` when the page lists them."""

    stage: str
    kind: str
    cause: str
    letters: int
    last_at: datetime
    href: str
    shown: bool


class LetterLine(Struct, frozen=True):
    """A letter in the list."""

    id: str
    topic: str
    stage: str
    kind: str
    message: str
    at: datetime
    href: str


class LetterPanel(Struct, frozen=True):
    """One letter with its record. `place` says where the record was: topic, partition and offset."""

    id: str
    stage: str
    cause: str
    message: str
    place: str
    at: datetime
    replayed_at: datetime | None
    set_aside_at: datetime | None
    subject: str
    key: str | None
    payload: str | None
    payload_bytes: int
    headers: Sequence[tuple[str, str]]
    close: str


class DeadLettersView(Struct, frozen=True):
    """The page. `tabs` are (name, address, whether it is shown)."""

    place: LettersPlace
    tabs: Sequence[tuple[str, str, bool]]
    groups: Sequence[GroupLine]
    rows: Sequence[LetterLine]
    next: str
    panel: LetterPanel | None
    done: str


def cause_in_words(kind: str) -> str:
    """Return what a cause means, for people."""
    return _CAUSES.get(kind, kind.replace("_", " ").capitalize())


def group_lines(place: LettersPlace, groups: Sequence[Mapping[str, Any]]) -> list[GroupLine]:
    """Return the lines of the groups, in the order that they have."""
    return [
        GroupLine(
            stage=group["stage"],
            kind=group["kind"],
            cause=cause_in_words(group["kind"]),
            letters=group["letters"],
            last_at=group["last_at"],
            href=LettersPlace(stage=group["stage"], kind=group["kind"]).address(),
            shown=(place.stage, place.kind) == (group["stage"], group["kind"]),
        )
        for group in groups
    ]


def letter_lines(place: LettersPlace, rows: Sequence[Mapping[str, Any]]) -> list[LetterLine]:
    """Return the lines of the list."""
    return [
        LetterLine(
            id=row["id"],
            topic=row["topic"],
            stage=row["stage"],
            kind=row["kind"],
            message=row["message"] or cause_in_words(row["kind"]),
            at=row["at"],
            href=place.address(letter=row["id"]),
        )
        for row in rows
    ]


def letter_panel(place: LettersPlace, detail: Any) -> LetterPanel:
    """Return the panel of a letter, from what the API says of it."""
    return LetterPanel(
        id=detail.id,
        stage=detail.stage,
        cause=cause_in_words(detail.kind),
        message=detail.message,
        place=f"{detail.topic}, partition {detail.partition}, offset {detail.offset}",
        at=detail.at,
        replayed_at=detail.replayed_at,
        set_aside_at=detail.set_aside_at,
        subject=detail.subject,
        key=detail.key,
        payload=None if detail.payload is None else indented(detail.payload),
        payload_bytes=detail.payload_bytes,
        headers=[(header.name, header.value or "") for header in detail.headers],
        close=place.address(),
    )
