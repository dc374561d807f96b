"""The signals that are stored of an account: each once, however often it was reported, the newest ones kept.

A signal with an `external_id` is the one of that number. One without is known by its type, its person, its
instant and its details (its content); it is the same as a numbered one of which a report agrees in these.

Which report of a signal is stored does not depend on their order of arrival: of reports with the same
content it is the one with a number, then the one that expires last (never is last), then the strongest; of
reports with the same number and different contents the one with the earliest time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from heapq import nlargest
from itertools import chain
from math import inf
from typing import Final

from msgspec.structs import replace

from services.scorer.domain.state import AccountRow, StoredSignal
from services.scorer.domain.subjects import signal_subject_of
from shared.lead.arrival import not_after
from shared.lead.duplicates import canonical_details, whole_second
from shared.lead.events.signal_received import SignalAccount, SignalReceivedV1
from shared.lead.ids import derive_id

SIGNALS_MAX: Final = 100
"""The signals that are kept, at most; the newest ones."""
EXPIRY_YEAR_MAX: Final = 9_000
"""A signal that expires later than that is kept as one that never does: timers need a real instant."""
_DETAILS_MAX: Final = 20
_DETAIL_LENGTH_MAX: Final = 300
_OTHER_CONTENTS_MAX: Final = 10

Signals = Mapping[str, StoredSignal]
"""By external id where a signal has one, else by content."""


def stored_signal(signal: SignalReceivedV1, event_id: str, arrival: datetime) -> StoredSignal:
    """Return a signal as it is stored: it happened before it arrived.

    The person that it names is not stored: what happened at an account is not about a person. Of its details,
    only those short enough to be compared by a rule are; the rest stays with the event.
    """
    details = {
        name: value
        for name, value in sorted(signal.details.items(), key=lambda detail: detail[0] != "expires_on")
        if not isinstance(value, str | list | dict) or len(str(value)) <= _DETAIL_LENGTH_MAX
    }
    expires_at = signal.expires_at
    if expires_at is not None and expires_at.year > EXPIRY_YEAR_MAX:
        expires_at = None
    return StoredSignal(
        type=signal.type,
        occurred_at=not_after(signal.occurred_at, arrival),
        account=signal.account,
        expires_at=expires_at,
        strength=signal.strength,
        details=dict(list(details.items())[:_DETAILS_MAX]),
        external_id=signal.external_id,
        event_id=event_id,
        content=content_id(signal),
    )


def content_id(signal: SignalReceivedV1) -> str:
    """Return the id that follows from type, person, instant and details."""
    about = signal_subject_of(signal).lead_id or ""
    details = canonical_details(signal.details).decode()
    seconds = whole_second(signal.occurred_at) - datetime(1970, 1, 1, tzinfo=UTC)
    return derive_id("signal", about, f"{signal.type}\n{int(seconds.total_seconds())}\n{details}", 0)


def merged_signals(*groups: Iterable[StoredSignal]) -> dict[str, StoredSignal]:
    """Return the signals of all groups, each once, without the oldest ones beyond `SIGNALS_MAX`.

    The result is the same for every order and grouping of the reports.
    """
    merged: dict[str, StoredSignal] = {}
    for signal in chain.from_iterable(groups):
        if signal.external_id or key_of_same(merged, signal) in (None, signal.content):
            _add_report(merged, signal)
    kept = nlargest(SIGNALS_MAX, merged.items(), key=lambda item: (item[1].occurred_at, item[0]))
    return dict(sorted(kept))


def key_of_same(signals: Signals, signal: StoredSignal) -> str | None:
    """Return the key under which the same signal is among `signals`, `None` when it is not."""
    key = _key_of(signal)
    if key in signals:
        return key
    if signal.external_id:
        return signal.content if signal.content in signals else None
    return next((name for name, known in signals.items() if signal.content in _contents(known)), None)


def scored_parts(signals: Signals) -> list[StoredSignal]:
    """Return what a score may depend on: the signals in a fixed order, without account, number and event."""
    in_order = sorted(signals.values(), key=lambda one: (one.content, one.external_id or ""))
    return [
        replace(one, account=SignalAccount(), external_id=None, event_id="", other_contents=())
        for one in in_order
    ]


def signals_of(account: AccountRow) -> Signals:
    """Return the signals of an account; rows of earlier releases have them by event id, without a content."""
    if all(signal.content for signal in account.signals.values()):
        return account.signals
    return merged_signals(
        signal
        if signal.content
        else replace(signal, event_id=signal.event_id or key, content=content_id(signal))
        for key, signal in account.signals.items()
    )


def _key_of(signal: StoredSignal) -> str:
    number = signal.external_id
    return derive_id("signal", "", f"{signal.type}\n{number}", 0) if number else signal.content


def _contents(signal: StoredSignal) -> tuple[str, ...]:
    return (signal.content, *signal.other_contents)


def _add_report(merged: dict[str, StoredSignal], signal: StoredSignal) -> None:
    """Store a report under its own key; a numbered one takes the place of those without a number."""
    key = _key_of(signal)
    stored = _preferred(merged[key], signal) if key in merged else signal
    if stored.external_id:
        for content in _contents(stored):
            unnumbered = merged.pop(content, None)
            if unnumbered is not None and content == stored.content:
                stored = _preferred(stored, unnumbered)
    merged[key] = stored


def _preferred(first: StoredSignal, second: StoredSignal) -> StoredSignal:
    """Return which of two reports of one signal is stored, with the contents of the other.

    Of reports with one content the times differ by more than a fraction of a second only when they are dated
    after their arrival: such a signal counts from its first arrival.
    """
    if first.content == second.content:
        chosen = min(first, second, key=_rank)
        earliest = min(first.occurred_at, second.occurred_at)
        if whole_second(earliest) < whole_second(chosen.occurred_at):
            chosen = replace(chosen, occurred_at=earliest)
    else:
        chosen = min(first, second, key=lambda one: (whole_second(one.occurred_at), one.content))
    others = {*_contents(first), *_contents(second)} - {chosen.content}
    return replace(chosen, other_contents=tuple(sorted(others)[:_OTHER_CONTENTS_MAX]))


def _rank(signal: StoredSignal) -> tuple[bool, float, int, bytes, str, datetime, str]:
    """Return the rank of a report among those with its content; the lowest is stored."""
    return (
        signal.external_id is None,
        -signal.expires_at.timestamp() if signal.expires_at else -inf,
        0 if signal.strength is None else -1 - signal.strength,
        canonical_details(signal.details),
        signal.account.domain or "",
        signal.occurred_at,
        signal.event_id,
    )
