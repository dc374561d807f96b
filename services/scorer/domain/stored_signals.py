"""The signals that are stored of an account: each one once, however often it was told, the newest ones kept.

A signal with an `external_id` is the one of that number. One without is known by its type, its person, its
instant and its details; it is the same as a numbered one that agrees in these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from heapq import nlargest
from typing import Final

from msgspec.structs import replace

from services.scorer.domain.state import AccountRow, StoredSignal
from services.scorer.domain.subjects import signal_subject_of
from shared.lead.arrival import not_after
from shared.lead.duplicates import canonical_details, whole_second
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.ids import derive_id

SIGNALS_MAX: Final = 100
"""The signals that are kept, at most; the newest ones."""
EXPIRY_YEAR_MAX: Final = 9_000
"""A signal that expires later than that is kept as one that never does: timers need a real instant."""
_DETAILS_MAX: Final = 20
_DETAIL_LENGTH_MAX: Final = 300

Signals = Mapping[str, StoredSignal]
"""By external id where a signal has one, else by content."""


def stored_signal(signal: SignalReceivedV1, event_id: str, arrival: datetime) -> StoredSignal:
    """Return a signal as it is stored: it happened before it arrived.

    The person that it names is not stored: what happened at an account is not about a person. Of its details,
    only those short enough to be compared by a rule are; the rest stays with the event.
    """
    details = {
        name: value
        for name, value in signal.details.items()
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

    Of two reports of the same signal the first one stays; it takes the number of the other if it has none.
    """
    merged: dict[str, StoredSignal] = {}
    for group in groups:
        for signal in group:
            key, same = _key_of(signal), key_of_same(merged, signal)
            if same is None:
                merged[key] = signal
            elif same != key and signal.external_id:
                merged[key] = replace(merged.pop(same), external_id=signal.external_id)
    kept = nlargest(SIGNALS_MAX, merged.items(), key=lambda item: (item[1].occurred_at, item[0]))
    return dict(sorted(kept))


def key_of_same(signals: Signals, signal: StoredSignal) -> str | None:
    """Return the key under which the same signal is among `signals`, `None` when it is not."""
    key = _key_of(signal)
    if key in signals:
        return key
    if signal.external_id:
        return signal.content if signal.content in signals else None
    return next((name for name, known in signals.items() if known.content == signal.content), None)


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
